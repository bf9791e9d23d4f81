"""Between the passes: choose the faces, lay out the output, and give each of its frames a pose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..core.choices import React1Choices
from ..core.errors import InputMediaError
from ..media.sync_modes import Plan, plan, span_shown
from .animate import own_speech, perform
from .arrays import Curve, Points
from .detect.detect import Scouted
from .detect.face_selection import Part, cast
from .detect.speaker import loudness
from .frame_weights import weigh
from .notes import nobody, tell, too_short
from .occlusion.occlusion import Mask
from .pose.pose import Pose
from .render.clip_frames import Look
from .voice.voice_samples import Sound

WHAT_IT_NEEDS = "choose a span that shows a face from the front, at least 30 px between the eyes"


_Item = TypeVar("_Item")
_Play = Callable[[Sequence[Points | None], Curve], list[Pose | None]]


@dataclass(frozen=True)
class Direction:
    """What the second pass does."""

    plan: Plan
    poses: tuple[Pose | None, ...]
    """One per output frame; None leaves it alone."""
    line: tuple[Points | None, ...]
    """The chosen face, one per input frame."""
    span: tuple[int, int]
    frames_with_face: int
    notes: tuple[str, ...]
    hidden: tuple[Mask | None, ...]
    """For each input frame which texels of the face are covered, where that part is to stay as it is; else None."""


class NoFace(InputMediaError):
    """No face is seen where one is to be changed; `seen` says what was seen there instead."""

    def __init__(self, where: str, seen: str) -> None:
        super().__init__(f"no face found in {where}{seen}; {WHAT_IT_NEEDS}")
        self.seen = seen


def direct(
    scouted: Scouted,
    look: Look,
    sound: Sound | None,
    choices: React1Choices,
    span: tuple[int, int] | None,
    own_voice: bool | None,
    name: str,
    *,
    heard_there: Sound | None = None,
) -> Direction:
    """Decide everything about a take but its pixels.

    Args:
        scouted: what the first pass found.
        look: the clip's pictures.
        sound: the voice of the take.
        expression: what is wanted.
        span: frames [first, last) that may change; None is all.
        own_voice: whether the mouth in the clip speaks `sound`; None: it is judged.
        name: of the clip, for messages.
        heard_there: the clip's own sound, by which its speaker is told rather than by a new voice.

    Raises:
        NoFace: no face is seen in the span.
        BadInput: the clip has no frame, or the span none of its frames.
    """
    count, fps = len(scouted.sightings), look.fps
    first, last = _checked(span, count, name)
    layout = plan(choices.sync_mode, count, sound.count if sound else None, sound.rate if sound else 0, fps)
    output_span = span_shown(choices.sync_mode, (first, last), count, len(layout.frames))
    detect = choices.auto_active_speaker_detection
    heard = loudness(heard_there or sound, count, fps) if detect else None
    parts = cast(scouted, (first, last), heard, fps, detect)
    if all(part.chosen is None for part in parts):
        raise NoFace(f"frames {first} to {last - 1} of the clip", nobody(scouted, (first, last)))
    masked = choices.occlusion_detection_enabled
    weights, gates = weigh(parts, layout.frames, output_span, (first, last), count, fps, masked=masked)
    said = tell(scouted, parts, (first, last), gates) + too_short(output_span, fps)
    line = _laid([part.line for part in parts], parts, count)
    voice = own_speech(sound, layout, line, fps, own_voice, said) if sound is not None else None

    def play(row: Sequence[Points | None], kept: Curve) -> list[Pose | None]:
        return perform(row, layout, kept, voice, choices, fps)

    hidden = _laid([part.cover.masks for part in parts], parts, count) if masked else [None] * count
    return Direction(
        layout,
        tuple(_poses(parts, layout, weights, play, count)),
        tuple(line),
        output_span,
        sum(first <= number < last for part in parts for number in part.seen),
        tuple(said),
        tuple(hidden),
    )


def _checked(span: tuple[int, int] | None, count: int, name: str) -> tuple[int, int]:
    if count == 0:
        raise InputMediaError(f"{name} has no frames that can be decoded; give an H.264 mp4")
    first, last = span if span is not None else (0, count)
    if not 0 <= first < last <= count:
        raise InputMediaError(
            f"span {first} to {last} does not lie in the {count} frames of {name}; give one within 0 to {count}"
        )
    return first, last


def _laid(rows: Sequence[Sequence[_Item | None]], parts: Sequence[Part], count: int) -> list[_Item | None]:
    """Lay what the parts have for each of their frames onto the frames of the clip."""
    laid: list[_Item | None] = [None] * count
    for row, part in zip(rows, parts, strict=True):
        laid[part.shot[0] : part.shot[1]] = row
    return laid


def _poses(parts: Sequence[Part], layout: Plan, weights: Curve, play: _Play, count: int) -> list[Pose | None]:
    """Play each shot by itself: what a mouth does at rest, and the head's own motion, end at a cut."""
    poses: list[Pose | None] = [None] * len(layout.frames)
    for part in parts:
        if part.chosen is None:
            continue
        here = np.array([part.shot[0] <= shown < part.shot[1] for shown in layout.frames])
        played = play(_laid([part.line], [part], count), np.where(here, weights, 0.0))
        poses = [mine or theirs for mine, theirs in zip(played, poses, strict=True)]
    return poses
