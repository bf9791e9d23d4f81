"""Between the passes: choose the face, lay out the output, and give each of its frames a pose."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from .arrays import Curve, Points
from .expression import Expression
from .frame import FaceFrame
from .frames import Look
from .occlusion import cover
from .perform import own_speech, perform
from .pose import Pose
from .ramp import ramps, smoothstep
from .scout import Scouted
from .smooth import smooth_track
from .sound import Sound
from .speaker import choose
from .sync import Plan, plan, span_shown
from .track import Track, bridge, follow, join
from .witness import Box, witnessed

TURNED_DEG = (32.0, 48.0)
"""Between these angles of the head the edit fades out: the far half of the face is guessed."""


WHAT_IT_NEEDS = "choose a span that shows a face from the front, at least 30 px between the eyes"


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
    said: tuple[str, ...]


class NoFace(BadInput):
    """No face is seen where one is to be changed."""


def direct(
    scouted: Scouted,
    look: Look,
    sound: Sound | None,
    expression: Expression,
    span: tuple[int, int] | None,
    own_voice: bool | None,
    name: str,
) -> Direction:
    """Decide everything about a take but its pixels.

    Raises:
        NoFace: no face is seen in the span.
        BadInput: the clip has no frame, or the span none of its frames.
    """
    count, fps = len(scouted.sightings), look.fps
    first, last = _checked(span, count, name)
    layout = plan(expression.sync_mode, count, sound.count if sound else None, sound.rate if sound else 0, fps)
    output_span = span_shown(expression.sync_mode, (first, last), count, len(layout.frames))
    said: list[str] = []
    found_tracks = _seen_twice(join(sighting.faces for sighting in scouted.sightings), _boxes(scouted), said)
    tracks = [track for track in found_tracks if _within(track, first, last)]
    if not tracks:
        raise NoFace(f"no face found in frames {first} to {last - 1} of the clip; {WHAT_IT_NEEDS}")
    chosen = choose(tracks, sound, count, fps, expression.auto_active_speaker_detection, said)
    found = follow(chosen, tracks, count)
    line = smooth_track(bridge(found, float(fps)), float(fps))
    active = _active(line, layout, output_span)
    if expression.occlusion_detection_enabled:
        active &= ~_covered_frames(scouted, found, fps, said)[list(layout.frames)]
    weights = ramps(active, fps) * _frontal(line, said)[list(layout.frames)]
    voice = own_speech(sound, layout, line, fps, own_voice, said) if sound is not None else None
    poses = perform(line, layout, weights, voice, expression, fps)
    seen = sum(points is not None for points in found[first:last])
    if seen < last - first:
        said.append(f"no face in {last - first - seen} of {last - first} frames; those keep their expression")
    return Direction(layout, tuple(poses), tuple(line), output_span, seen, tuple(said))


def _boxes(scouted: Scouted) -> dict[int, tuple[Box, ...]]:
    return {number: one.boxes for number, one in enumerate(scouted.sightings) if one.boxes is not None}


def _seen_twice(tracks: list[Track], boxes: dict[int, tuple[Box, ...]], said: list[str]) -> list[Track]:
    if boxes or not tracks:
        return witnessed(tracks, boxes)
    said.append("the face model has no second detector, so that what looks like a face counts as one")
    return tracks


def _checked(span: tuple[int, int] | None, count: int, name: str) -> tuple[int, int]:
    if count == 0:
        raise BadInput(f"{name} has no frames that can be decoded")
    first, last = span if span is not None else (0, count)
    if not 0 <= first < last <= count:
        raise BadInput(f"span {first} to {last} does not lie in the {count} frames of {name}")
    return first, last


def _within(track: Track, first: int, last: int) -> bool:
    return any(first <= number < last for number in track.points)


def _active(line: list[Points | None], layout: Plan, span: tuple[int, int]) -> NDArray[np.bool_]:
    inside = [span[0] <= number < span[1] for number in range(len(layout.frames))]
    return np.array([here and line[shown] is not None for here, shown in zip(inside, layout.frames, strict=True)])


def _covered_frames(scouted: Scouted, found: list[Points | None], fps: Fraction, said: list[str]) -> NDArray[np.bool_]:
    glances = []
    for sighting, points in zip(scouted.sightings, found, strict=True):
        own = [one for face, one in zip(sighting.faces, sighting.glances, strict=True) if face is points]
        glances.append(own[0] if own else None)
    hidden = cover(glances, found, fps).shares > 0.2
    if hidden.any():
        said.append(f"something covers the face in {int(hidden.sum())} frames; those keep their expression")
    return hidden


def _frontal(line: list[Points | None], said: list[str]) -> Curve:
    turned = np.array([0.0 if points is None else abs(FaceFrame(points).yaw_deg) for points in line])
    weights = 1 - smoothstep((turned - TURNED_DEG[0]) / (TURNED_DEG[1] - TURNED_DEG[0]))
    if (weights < 0.5).any():
        said.append(f"the head is turned away in {int((weights < 0.5).sum())} frames; the expression fades out there")
    return weights
