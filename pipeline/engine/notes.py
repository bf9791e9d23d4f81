"""What a user should know about the faces of a take, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from .detect.detect import Scouted
from .detect.face_selection import Part
from .frame_weights import Gates
from .ramp import RAMP_S, reached

_MOST_NAMED = 6
"""So many shots are told one by one."""
_ENOUGH = 0.9
"""An expression that comes to less than this share of its strength is told."""


def tell(scouted: Scouted, parts: Sequence[Part], span: tuple[int, int], gates: Gates) -> list[str]:
    """Give the sentences, for the frames [first, last) of the clip that may change."""
    said = _witness(scouted)
    said += _shots(parts, span) if len(parts) > 1 else _choice(parts[0])
    first, last = span
    left = sum(first <= number < last for part in parts for number in _left_alone(part))
    if left:
        said.append(f"no face in {left} of {last - first} frames; those keep their expression")
    if gates.hidden:
        said.append(f"something covers the face in {_frames(gates.hidden)}; there it keeps its expression")
    if gates.masked:
        said.append(f"something lies in front of a part of the face in {_frames(gates.masked)}; it was left as it is")
    if gates.faded:
        said.append(f"the head is turned away or smeared in {_frames(gates.faded)}; the expression fades out there")
    return said


def too_short(span: tuple[int, int], fps: Fraction) -> list[str]:
    """Say so where the frames [first, last) of the take are none, or over before the expression has come."""
    frames = span[1] - span[0]
    if not frames:
        return [
            "the take ends with its voice before the span begins, so that nothing is changed; choose another sync mode"
        ]
    share = reached(frames, fps)
    if share >= _ENOUGH:
        return []
    enough = math.ceil(2 * RAMP_S * fps)
    return [f"in {_frames(frames)} the expression comes to {share:.0%} of its strength; give it {enough} or more"]


def nobody(scouted: Scouted, span: tuple[int, int]) -> str:
    """Say what was seen in a span in which no face could be followed, to stand behind the frames' numbers."""
    inside = scouted.sightings[slice(*span)]
    unconfirmed = sum(bool(sighting.faces) for sighting in inside)
    far = sum(bool(sighting.boxes) and not sighting.faces for sighting in inside)
    if far:
        return f" (in {far} of them something like a face is too small, too dark or turned too far)"
    if unconfirmed:
        return f" (what looks like one in {unconfirmed} of them is none for the second detector)"
    return ""


def _left_alone(part: Part) -> list[int]:
    """Give the frames of the clip that show no face; a face that is lost for a moment is followed through it."""
    return [part.shot[0] + place for place, points in enumerate(part.line) if points is None]


def _witness(scouted: Scouted) -> list[str]:
    if any(sighting.boxes is not None for sighting in scouted.sightings):
        return []
    return ["the face model has no second detector, so that what looks like a face counts as one"]


def _choice(part: Part) -> list[str]:
    return [f"re-expressed was {part.chosen.why}"] if part.chosen is not None and part.chosen.why else []


def _shots(parts: Sequence[Part], span: tuple[int, int]) -> list[str]:
    told = []
    for number, part in enumerate(parts[:_MOST_NAMED], 1):
        first, last = max(part.shot[0], span[0]), min(part.shot[1], span[1])
        who = "no face" if part.chosen is None else part.chosen.why or "its only face"
        told.append(f"shot {number}, frames {first} to {last - 1}: {who}")
    rest = len(parts) - _MOST_NAMED
    if rest > 0:
        faceless = sum(part.chosen is None for part in parts[_MOST_NAMED:])
        told.append(f"{rest} more, {faceless} of them without a face")
    return [f"{len(parts)} shots, each looked at by itself (frames are those of the clip): {'; '.join(told)}"]


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
