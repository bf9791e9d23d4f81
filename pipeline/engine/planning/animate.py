"""One pose per frame: the emotion, scaled by temperature and ramp, on a mouth that may speak.

Each action unit has the headroom that the performer's own face leaves it: raised brows rise less, and so on. Brows are
measured against their usual height over about a second: raised brows have further to go to an angry face than brows
that frown already. The headroom per measure was set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...core.edits.choices import React1Choices
from ...media.frames.shots import Shot
from ...media.timing.sync_modes import SyncPlan
from ..arrays import Curve, Points
from ..detect.track import ease, resting_shapes
from ..geometry.head_frame import FaceFrame, MouthShape, resting_lip
from ..geometry.mesh import ANCHORS, EYES, SIDES
from ..pose.head_motion import head_motion
from ..pose.pose import HEAD_MOVES, RECIPES, RELAXED, HeadMove, Pose, Recipe, Spoken, calm_share, gain
from ..voice.speech import Speech, SpeechFrame, analyze_speech, correlation
from ..voice.voice_features import VoiceAudio
from ..warp.lips import lip_parting, mouth_widening
from .speech_gaps import closing_share, filled, own_share

LIPS_APART, JAW_STILL, JAW_TALKING, JAW_SPEECH = 0.045, 0.32, 0.16, 0.30
"""Openings in units: of AU25; of AU26 in a still and in a talking mouth; of a voice at its loudest."""
SHUT_SHARE = 0.60
"""A shut mouth opens only by this share of AU25: what appeared between its lips would be drawn teeth, not its own."""
OWN_TIMING, OWN_TIMING_1S = 0.40, 0.90
"""From this correlation on a mouth already speaks the voice. In a short clip chance reaches higher values: for `s`
seconds the limit is the second value over the root of `s`, where that is more."""
MAX_HELD_OPEN = 0.4
"""The largest share of a talking mouth's opening that an emotion without open lips takes away."""
TALKING_GLARES = 0.4
"""Wide eyes over an open mouth look afraid, so a frowning face opens its eyes by this share of AU5 while it talks."""
TALKING_UNITS = 0.02
"""A gap whose standard deviation exceeds this is speech."""


def driving_speech(
    sound: VoiceAudio,
    layout: SyncPlan,
    faces: Sequence[Points | None],
    fps: Fraction,
    own_voice: bool | None,
    notes: list[str],
    *,
    shots: Sequence[Shot] = (),
    resync: bool = False,
) -> Speech | None:
    """Return the speech that drives the lips, per output frame; None if the mouth keeps its own timing.

    The clip's own sound moves the lips only if `resync` asks for it, and only while the mouth speaks: music and other
    people's lines leave a shut mouth shut. A mouth that already speaks a voice looks better than a drawn one, so it
    keeps its timing where it follows the voice closely. This holds if the frames run in their original order; a note is
    appended to `notes` where it is not what was asked for. Whether a mouth speaks is told within each of the `shots`;
    without any, the clip is one.
    """
    original_order = layout.frames == tuple(range(min(len(faces), len(layout.frames))))
    if own_voice and original_order and not resync:
        return None
    heard = analyze_speech(sound.mono(), sound.rate, len(layout.frames), fps)
    if not original_order or own_voice is False:
        return heard
    shown = faces[: len(layout.frames)]
    shots = shots or [(0, len(shown))]
    gaps = gap_per_frame(mouth_shapes(shown))
    moves = any(mouth_talks(gaps[first:last]) for first, last in shots)
    if own_voice and not moves:
        notes.append("the mouth does not speak in this span, so the film's own sound does not move it")
        return None
    if not moves:
        return heard
    present = ~np.isnan(gaps)
    required = max(OWN_TIMING, OWN_TIMING_1S / float(int(present.sum()) / fps) ** 0.5)
    if correlation(gaps[present], heard.open[: len(shown)][present], fps) >= required:
        notes.append("the mouth already speaks this voice and keeps its own timing")
        return None
    if not own_voice:
        return heard
    speaks = np.zeros(len(shown))
    for first, last in shots:
        speaks[first:last] = _speaking(gaps[first:last], fps)
    return heard.scaled(speaks)


def _speaking(gaps: Curve, fps: Fraction) -> Curve:
    """Return per frame of a shot how far the mouth speaks, 0 to 1: 0 where it hardly moves within half a second."""
    if not len(gaps):
        return gaps
    gaps = filled(gaps)
    half = max(2, round(fps / 2))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(gaps, half, mode="edge"), 2 * half + 1)
    share: Curve = np.clip(windows.std(1) / TALKING_UNITS * 2 - 1, 0, 1)
    return np.array(ease([(float(value),) for value in share], float(fps)), np.float64)[:, 0]


def mouth_shapes(faces: Sequence[Points | None]) -> list[MouthShape | None]:
    """Return the shape of the mouth in each frame; None in frames without the face."""
    return [None if points is None else MouthShape.of(FaceFrame(points)) for points in faces]


def gap_per_frame(shapes: Sequence[MouthShape | None]) -> Curve:
    """Return the opening of the mouth in each frame, in units; NaN in frames without the face."""
    return np.array([np.nan if shape is None else shape.gap for shape in shapes])


def mouth_talks(gaps: Curve) -> bool:
    """Return whether a mouth speaks in a shot, by its opening in each frame, in units; NaN without the face."""
    shown = gaps[~np.isnan(gaps)]
    return len(shown) > 1 and bool(shown.std() > TALKING_UNITS)


def animate(
    faces: Sequence[Points | None],
    layout: SyncPlan,
    weights: Curve,
    heard: Speech | None,
    choices: React1Choices,
    fps: Fraction,
    enlarged: float = 1.0,
) -> list[Pose | None]:
    """Return a pose for each output frame; None where its weight is 0 or the face is missing.

    Args:
        faces: the landmarks in each input frame.
        layout: which input frame each output frame shows.
        weights: 0 to 1 for each output frame.
        heard: the speech that drives the lips, per output frame; None keeps the mouth's own timing.
        choices: the emotion, its temperature and its region.
        fps: frames per second.
        enlarged: by how much the pictures were enlarged, at least 1.
    """
    shapes = mouth_shapes(faces)
    resting = resting_shapes(shapes, float(fps))
    headroom = headroom_per_frame(faces, float(fps))
    openings = gap_per_frame(shapes)
    talks = heard is not None or mouth_talks(openings)
    closing = closing_share(openings, float(fps)) if talks and heard is None else np.zeros(len(faces))
    own_teeth = own_share(openings, float(fps), usual_unit_px(faces) / enlarged)
    upper_lip, held_open = resting_upper_lip(faces), mouth_held_open(openings) if talks and heard is None else None
    # The head follows the speech, or else the mouth in the picture if that speaks.
    opened = heard.open if heard is not None else filled(openings[list(layout.frames)]) if talks else None
    heads = head_motion(opened, weights, choices, fps)
    poses: list[Pose | None] = []
    for number, shown in enumerate(layout.frames):
        shape, rest, weight = shapes[shown], resting[shown], float(weights[number])
        if shape is None or rest is None or weight <= 0:
            poses.append(None)
            continue
        if held_open is not None:
            # A vowel may last: what is taken from its opening is a share of it, so that no word is lost.
            rest = replace(rest, gap=held_open * shape.gap)
        moment = None if heard is None else heard.at(number)
        pose = pose_for(
            choices,
            shape,
            rest,
            weight,
            moment=moment,
            talks=talks,
            headroom=headroom[shown],
            closing=float(closing[shown]),
        )
        pose = replace(pose, resting_lip=upper_lip, own_teeth=float(own_teeth[shown]), head=heads[number])
        poses.append(pose)
    return poses


def mouth_held_open(gaps: Curve) -> float:
    """Return the share of its opening that a talking mouth never closes, at most 0.4: parted lips, as in a smile.

    Args:
        gaps: the opening in each frame, in units; NaN without the face.
    """
    low, high = np.percentile(gaps[~np.isnan(gaps)], (5, 95))
    return float(min(MAX_HELD_OPEN, low / max(high, 1e-6)))


def resting_upper_lip(faces: Sequence[Points | None]) -> float | None:
    """Return where the upper lip rests in the clip: the teeth hang from there and must not move with the lip."""
    lips = [resting_lip(FaceFrame(points)) for points in faces if points is not None]
    return float(np.median(lips)) if lips else None


def usual_unit_px(faces: Sequence[Points | None]) -> float:
    """Return the median of the unit in px; 0 without a face."""
    units = [FaceFrame(points).unit_px for points in faces if points is not None]
    return float(np.median(units)) if units else 0.0


def _spoken(moment: SpeechFrame, weight: float) -> Spoken:
    return Spoken(
        press=weight * moment.press,
        bite=weight * moment.bite,
        bared=weight * moment.bared,
        round=weight * max(0.0, -moment.spread),
        parted=weight * lip_parting(moment.bite, moment.bared * (1 - moment.press)),
    )


def pose_for(
    choices: React1Choices,
    shape: MouthShape,
    rest: MouthShape,
    weight: float,
    *,
    moment: SpeechFrame | None = None,
    talks: bool = False,
    headroom: Mapping[str, float] | None = None,
    closing: float = 0.0,
) -> Pose:
    """Return the pose of one frame.

    Args:
        choices: the emotion, its temperature and its region.
        shape: the mouth in this frame.
        rest: the mouth around this frame without its speech.
        weight: the ramp, 0 to 1.
        moment: the speech in this frame; None keeps the mouth's own opening.
        talks: whether the mouth speaks in this clip; an open jaw then leaves space for its words.
        headroom: share of each unit that the performer's face leaves (`au_headroom`); None for all.
        closing: how far the lips' opening by the emotion gives way to lips that meet in a word, 0 to 1.
    """
    recipe, head = RECIPES[choices.prompt], HEAD_MOVES[choices.prompt]
    strength = gain(choices.temperature, choices.prompt) * weight
    units = {name: amount * strength * (headroom or {}).get(name, 1.0) for name, amount in recipe.units.items()}
    if talks and "AU4" in units and "AU5" in units:
        units["AU5"] *= TALKING_GLARES
    calm = recipe.calm * calm_share(strength, alone=not recipe.units)
    smile = rest.smile
    units |= {name: units[name] * (1 - share * calm * smile) for name, share in recipe.less_after_smile.items()}
    units |= _relaxed(recipe, calm, smile, headroom or {})
    jaw = JAW_TALKING if talks else JAW_STILL
    shows_teeth = float(np.clip((shape.gap - 0.03) / 0.05, 0, 1))
    parted = LIPS_APART * units.get("AU25", 0.0) * (SHUT_SHARE + (1 - SHUT_SHARE) * shows_teeth)
    parted += jaw * units.get("AU26", 0.0)
    parted *= 1 - closing
    gap = max(0.0, shape.gap - calm * rest.gap) + parted
    spoken, widen = Spoken(), 0.0
    if moment is not None:
        spoken, widen = _spoken(moment, weight), weight * mouth_widening(moment.spread)
        parted *= 1 - max(spoken.press, spoken.bite)
        gap = (1 - weight) * shape.gap + parted + weight * JAW_SPEECH * moment.open + spoken.parted
    lean = HeadMove(head.roll_deg * strength, head.right * strength, head.down * strength, head.growth * strength)
    return Pose(choices.model_mode, weight, units, calm, rest, gap, widen, lean, spoken)


def _relaxed(recipe: Recipe, calm: float, smile: float, headroom: Mapping[str, float]) -> dict[str, float]:
    """Return the units that undo the performer's own expression: cheeks and lids of a smile, for neutral brows too.

    `smile` is how far the mouth smiles.
    """
    units = {"AU0": calm * smile} if calm * smile > 0 else {}
    if recipe.units:
        return units
    relaxed = {name: calm * headroom.get(f"relaxed {name}", 0.0) for name in RELAXED}
    # What a smile lowers and narrows is undone by AU0 already.
    return units | relaxed | {name: relaxed[name] * (1 - smile) for name in ("AU4", "AU5")}


USUAL_INNER, USUAL_OUTER = 0.335, 0.245
"""Usual height of the brows above the line of the eyes, in units: the median of seven faces."""
RESTING_BROWS = (-0.06, 0.0)
"""Brows at rest lie within this range of their usual height, in units. Within it a performer's own median is the height
that neutral brings brows to; a still shows no other frame, so there only what lies outside of the range is relaxed."""
USUAL_EYES, STARING_EYES, SQUINTING_EYES = 0.15, 0.20, 0.11
"""Usual opening of the eyes, in units; eyes that are wider than the second value stare, below the third they squint."""
WINDOW_S = 0.6
"""The upper face is averaged over this time before and after a frame."""


@dataclass(frozen=True)
class UpperFace:
    """Brows and eyes, in units."""

    inner: float
    """Height of the inner brows above their usual height."""
    outer: float
    eyes: float
    """How far the eyes are open."""

    @classmethod
    def of(cls, frame: FaceFrame) -> UpperFace:
        """Measure the upper half of a face."""
        local = frame.local
        inner, outer = (
            -float(np.mean([local[list(ANCHORS[at][side]), 1].mean() for side in SIDES]))
            for at in ("inner brow", "outer brow")
        )
        eyes = float(np.mean([abs(local[eye.lower[3], 1] - local[eye.upper[3], 1]) for eye in EYES.values()]))
        return cls(inner - USUAL_INNER, outer - USUAL_OUTER, eyes)


def au_headroom(face: UpperFace, median: UpperFace | None = None) -> dict[str, float]:
    """Return the share of each unit that a face takes, unit → 0.2 to 1.25; other units apply in full.

    "relaxed AU1" and so on are no shares: they are the amplitudes that bring raised and lowered brows towards their
    place at rest, and staring and squinting eyes towards their usual opening. Lowered brows are raised by less AU4, not
    by AU1: inner ends that rise alone look sad.

    Args:
        face: the brows and eyes around a frame.
        median: those of the performer in all frames; None where there is only this one.
    """
    resting = face if median is None else median
    inner, outer = face.inner - _at_rest(resting.inner), face.outer - _at_rest(resting.outer)
    stare = 6 * (face.eyes - USUAL_EYES), 10 * (face.eyes - STARING_EYES)
    return {
        "AU1": _share(0.28 - face.inner, 0.26, 0.30, 1.10),
        "AU2": _share(0.25 - face.outer, 0.23, 0.30, 1.10),
        "AU4": _share(0.20 + face.inner, 0.20, 0.35, 1.25),
        "AU5": _share(0.27 - face.eyes, 0.10, 0.20, 1.00),
        "AU43": _share(face.eyes - 0.02, 0.10, 0.20, 1.00),
        "relaxed AU1": float(np.clip(-5.0 * inner, -0.8, 0.0)),
        "relaxed AU2": float(np.clip(-5.0 * outer, -0.8, 0.0)),
        "relaxed AU4": float(np.clip(1.2 * inner, 0.0, 0.25) + np.clip(9.0 * inner, -0.8, 0.0)),
        "relaxed AU5": float(np.clip(20 * (SQUINTING_EYES - face.eyes), 0.0, 1.0)),
        "relaxed AU43": float(np.clip(stare[0], 0.0, 0.18) + np.clip(stare[1], 0.0, 0.4)),
    }


def _at_rest(height: float) -> float:
    return min(max(height, RESTING_BROWS[0]), RESTING_BROWS[1])


def headroom_per_frame(faces: Sequence[Points | None], fps: float) -> list[Mapping[str, float]]:
    """Return `au_headroom` for each frame; empty for frames without a face.

    The eyes are measured by their 80th percentile, so that a blink does not count.
    """
    half = max(1, round(WINDOW_S * fps))
    upper_faces = [None if points is None else UpperFace.of(FaceFrame(points)) for points in faces]
    usual: list[tuple[float, ...] | None] = []
    for number, face in enumerate(upper_faces):
        near = [other for other in upper_faces[max(0, number - half) : number + half + 1] if other is not None]
        if face is None:
            usual.append(None)
            continue
        eyes = float(np.percentile([other.eyes for other in near], 80))
        inner, outer = (float(np.mean([getattr(other, name) for other in near])) for name in ("inner", "outer"))
        usual.append((inner, outer, eyes))
    present = [(face.inner, face.outer, face.eyes) for face in upper_faces if face is not None]
    median = UpperFace(*np.median(present, axis=0).tolist()) if present else None
    return [{} if row is None else au_headroom(UpperFace(*row), median) for row in ease(usual, fps)]


def _share(remaining: float, usual: float, least: float, most: float) -> float:
    return min(most, max(least, remaining / usual))
