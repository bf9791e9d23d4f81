"""One pose per frame: the emotion, played by temperature and ramp, over a mouth that speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..core.choices import React1Choices
from ..media.sync_modes import Plan
from .arrays import Curve, Points
from .detect.smooth import resting_shapes
from .mouth.teeth import lip_at_rest
from .pose.au_headroom import own_rooms
from .pose.emotions import HEAD_MOVES, RECIPES, HeadMove, calming, gain
from .pose.head_frame import FaceFrame, MouthShape
from .pose.nod import head_motion
from .pose.pose import Pose, Spoken
from .voice.speech import Moment, Speech, correlation, speech
from .voice.voice_samples import Sound
from .warp.spoken_lips import parting, widening

PARTED, JAW_STILL, JAW_TALKING, JAW_VOICE = 0.045, 0.32, 0.16, 0.30
"""Openings in units: of AU25; of AU26 in a still and in a talking mouth; of a voice at its loudest."""
SHUT_PART = 0.60
"""A shut mouth parts by this share only: between its lips there would be drawn teeth, not its own."""
OWN_TIMING, OWN_TIMING_1S = 0.40, 0.90
"""From this correlation on a mouth already speaks the voice; in a short clip chance reaches further: for `s` seconds it
is the second over the root of `s`, where that is more."""
TALKS_UNITS = 0.02
"""A gap that varies by this much, as a standard deviation, is speech."""


def own_speech(
    sound: Sound, layout: Plan, line: Sequence[Points | None], fps: Fraction, own_voice: bool | None, notes: list[str]
) -> Speech | None:
    """Listen to the voice for each frame of the output; None where the mouth in the picture already speaks it.

    A mouth that speaks the voice by itself is better than any that could be drawn, so it keeps its timing: where the
    caller says that the voice is the clip's own, or says nothing and the mouth follows it closely; and only while the
    picture runs as it was, with a mouth that moves.
    """
    heard = speech(sound.mono(), sound.rate, len(layout.frames), fps)
    as_it_was = layout.frames == tuple(range(min(len(line), len(layout.frames))))
    if not as_it_was or own_voice is False:
        return heard
    numbers = [number for number, points in enumerate(line[: len(layout.frames)]) if points is not None]
    gaps = _gaps(line[: len(layout.frames)])
    if len(gaps) < 2 or gaps.std() <= TALKS_UNITS:
        return heard
    enough = max(OWN_TIMING, OWN_TIMING_1S / float(len(gaps) / fps) ** 0.5)
    if own_voice or correlation(gaps, heard.open[numbers], fps) >= enough:
        notes.append("the mouth already speaks this voice and keeps its own timing")
        return None
    return heard


def _gaps(line: Sequence[Points | None]) -> Curve:
    return np.array([MouthShape.of(FaceFrame(points)).gap for points in line if points is not None])


def perform(
    line: Sequence[Points | None],
    layout: Plan,
    weights: Curve,
    voice: Speech | None,
    choices: React1Choices,
    fps: Fraction,
) -> list[Pose | None]:
    """Give a pose for each frame of the output; None where its weight is 0.

    Args:
        line: the face in each frame of the input.
        layout: which input frame each output frame shows.
        weights: 0 to 1 for each output frame.
        voice: what moves the lips, on the output's clock; None keeps the mouth's own timing.
        expression: the emotion, its temperature and its region.
        fps: frames per second.
    """
    shapes = [MouthShape.of(FaceFrame(points)) if points is not None else None for points in line]
    resting = resting_shapes(shapes, float(fps))
    rooms = own_rooms(line, float(fps))
    talks = voice is not None or float(_gaps(line).std()) > TALKS_UNITS
    at_rest = _lip_at_rest(line)
    heads = head_motion(_opened(voice, line, layout) if talks else None, weights, choices, fps)
    poses: list[Pose | None] = []
    for number, shown in enumerate(layout.frames):
        shape, rest, weight = shapes[shown], resting[shown], float(weights[number])
        if shape is None or rest is None or weight <= 0:
            poses.append(None)
            continue
        moment = None if voice is None else voice.at(number)
        pose = pose_for(choices, shape, rest, weight, moment=moment, talks=talks, rooms=rooms[shown])
        poses.append(replace(pose, lip_at_rest=at_rest, head=heads[number]))
    return poses


def _opened(voice: Speech | None, line: Sequence[Points | None], layout: Plan) -> Curve:
    """Give what the head follows: the voice, or the mouth in the picture where that speaks by itself."""
    if voice is not None:
        return voice.open
    shown = (line[number] for number in layout.frames)
    return np.array([0.0 if points is None else MouthShape.of(FaceFrame(points)).gap for points in shown])


def _lip_at_rest(line: Sequence[Points | None]) -> float | None:
    """Give where the upper lip rests in a clip: the teeth hang from there, and must not move with the lip."""
    found = [lip_at_rest(FaceFrame(points)) for points in line if points is not None]
    return float(np.median(found)) if found else None


def _spoken(moment: Moment, weight: float) -> Spoken:
    return Spoken(
        press=weight * moment.press,
        bite=weight * moment.bite,
        bared=weight * moment.bared,
        round=weight * max(0.0, -moment.spread),
        parted=weight * parting(moment.bite, moment.bared * (1 - moment.press)),
    )


def pose_for(
    choices: React1Choices,
    shape: MouthShape,
    rest: MouthShape,
    weight: float,
    *,
    moment: Moment | None = None,
    talks: bool = False,
    rooms: Mapping[str, float] | None = None,
) -> Pose:
    """Give the pose of one frame.

    Args:
        expression: the emotion, its temperature and its region.
        shape: the mouth in this frame.
        rest: the mouth around this frame without its speech.
        weight: the ramp, 0 to 1.
        moment: what a voice does to the mouth; None keeps the mouth's own opening.
        talks: whether the mouth speaks in this clip, so that an open jaw leaves room for its words.
        rooms: what share of each unit the performer's own face leaves (own.py); None is all of them.
    """
    recipe, head = RECIPES[choices.prompt], HEAD_MOVES[choices.prompt]
    played = gain(choices.temperature) * weight
    units = {name: amount * played * (rooms or {}).get(name, 1.0) for name, amount in recipe.units.items()}
    calm = recipe.calm * calming(played)
    jaw = JAW_TALKING if talks else JAW_STILL
    shows_teeth = float(np.clip((shape.gap - 0.03) / 0.05, 0, 1))
    parted = PARTED * units.get("AU25", 0.0) * (SHUT_PART + (1 - SHUT_PART) * shows_teeth)
    parted += jaw * units.get("AU26", 0.0)
    gap = max(0.0, shape.gap - calm * rest.gap) + parted
    spoken, widen = Spoken(), 0.0
    if moment is not None:
        spoken, widen = _spoken(moment, weight), weight * widening(moment.spread)
        parted *= 1 - max(spoken.press, spoken.bite)
        gap = (1 - weight) * shape.gap + parted + weight * JAW_VOICE * moment.open + spoken.parted
    lean = HeadMove(head.roll_deg * played, head.right * played, head.down * played, head.growth * played)
    return Pose(choices.model_mode, weight, units, calm, rest, gap, widen, lean, spoken)
