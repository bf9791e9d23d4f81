"""The notes of a take: what a user should know about its faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..detect.detect import Detections
from ..detect.face_selection import ShotFace
from ..ramp import RAMP_S, peak_weight
from .frame_weights import WeakFrames

_MOST_SHOTS = 6
"""This many shots are listed one by one."""
_FULL_STRENGTH = 0.9
"""An expression that stays below this share of its strength is reported."""


def take_notes(detections: Detections, shots: Sequence[ShotFace], span: tuple[int, int], weak: WeakFrames) -> list[str]:
    """Return the notes for the frames [first, last) of the clip that may change."""
    notes = _detector_notes(detections)
    notes += _shot_notes(shots, span) if len(shots) > 1 else _selection_notes(shots[0])
    first, last = span
    missing = sum(first <= number < last for shot in shots for number in _frames_without_face(shot))
    if missing:
        notes.append(f"no face in {missing} of {last - first} frames; these frames keep their expression")
    if weak.covered:
        notes.append(f"the face is covered in {_frames(weak.covered)}; these frames keep their expression")
    if weak.masked:
        notes.append(f"part of the face is covered in {_frames(weak.masked)}; the covered part is unchanged")
    if weak.faded:
        notes.append(f"the head is turned away or blurred in {_frames(weak.faded)}; the expression fades out there")
    return notes


def short_span_notes(span: tuple[int, int], fps: Fraction) -> list[str]:
    """Return a note if the frames [first, last) of the take are none, or too few for the full expression."""
    frames = span[1] - span[0]
    if not frames:
        return ["the voice ends before the span begins, so nothing is changed; choose another sync mode"]
    share = peak_weight(frames, fps)
    if share >= _FULL_STRENGTH:
        return []
    enough = math.ceil(2 * RAMP_S * fps)
    return [f"in {_frames(frames)} the expression reaches {share:.0%} of its strength; use {enough} frames or more"]


def no_face_details(detections: Detections, span: tuple[int, int]) -> str:
    """Return what was detected in a span without a usable face, as a suffix for the message that names its frames."""
    in_span = detections.frames[slice(*span)]
    unconfirmed = sum(bool(frame.faces) for frame in in_span)
    unusable = sum(bool(frame.boxes) and not frame.faces for frame in in_span)
    if unusable:
        return f" (in {unusable} of them a possible face is too small, too dark or turned too far)"
    if unconfirmed:
        return f" (candidates in {_frames(unconfirmed)} were rejected by the second detector)"
    return ""


def _frames_without_face(shot: ShotFace) -> list[int]:
    """Return the frames of the clip without a face; a face that is lost for a moment is interpolated."""
    return [shot.shot[0] + offset for offset, points in enumerate(shot.landmarks) if points is None]


def _detector_notes(detections: Detections) -> list[str]:
    if any(frame.boxes is not None for frame in detections.frames):
        return []
    return ["the face model has no second detector, so detected faces are not confirmed"]


def _selection_notes(shot: ShotFace) -> list[str]:
    return [f"re-expressed face: {shot.chosen.reason}"] if shot.chosen is not None and shot.chosen.reason else []


def _shot_notes(shots: Sequence[ShotFace], span: tuple[int, int]) -> list[str]:
    lines = []
    for number, shot in enumerate(shots[:_MOST_SHOTS], 1):
        first, last = max(shot.shot[0], span[0]), min(shot.shot[1], span[1])
        face = "no face" if shot.chosen is None else shot.chosen.reason or "its only face"
        lines.append(f"shot {number}, frames {first} to {last - 1}: {face}")
    more = shots[_MOST_SHOTS:]
    if more:
        lines.append(f"{len(more)} more shots, {sum(shot.chosen is None for shot in more)} of them without a face")
    return [f"{len(shots)} shots, each with its own face (frame numbers of the clip): {'; '.join(lines)}"]


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
