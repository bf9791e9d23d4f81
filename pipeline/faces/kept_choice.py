"""Who was chosen in an earlier run, after an upgrade that finds more faces, or fewer, and numbers them otherwise.

A stored choice is used again: its key has the versions of the libraries, and none of what this package finds, so the
person stays, and no crop is made and paid for again. Where a choice is made again all the same, because a library is
another one, a number may not become another person without a word.
"""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from ..core.edits.face_choice import ShotFace
from ..core.errors import InputMediaError
from ..core.values import Segment

if TYPE_CHECKING:
    from ..engine.detect.people import ShotPeople

BY_NUMBER = "by its number"
"""The rule of a face that was named by a number."""


def point_in_clip(segment: Segment, shot: ShotFace) -> tuple[int, float, float]:
    """Return (frame, x, y) of a chosen face in the clip of a segment before it is cropped, px."""
    frame, (x_px, y_px) = shot.clip_frame, shot.at_px
    if segment.crop is None:
        return frame, x_px, y_px
    left, top, scale = segment.crop.rows[frame]
    return frame, left + x_px / scale, top + y_px / scale


def kept_index(choice: Segment, place: int, people: ShotPeople) -> int | None:
    """Return the index of the person whom a stored choice has in a shot, among its people as they are found now.

    Args:
        choice: the segment with the stored choice.
        place: of the shot, from 0.
        people: the shot's people.
    """
    shots = choice.faces.shots if choice.faces is not None else ()
    return people.at(*point_in_clip(choice, shots[place])) if place < len(shots) and shots[place].number else None


def require_same_person(before: Segment, now: Segment) -> None:
    """Refuse a number that meant another person when the choice was made before.

    Raises:
        InputMediaError: it did; the message has the point of that person.
    """
    if before.faces is None or now.faces is None:
        return
    for old, new in zip(before.faces.shots, now.faces.shots, strict=False):
        if BY_NUMBER not in (old.rule, new.rule) or not old.number:
            continue
        frame, x_px, y_px = point_in_clip(before, old)
        _, new_x_px, new_y_px = point_in_clip(now, new)
        if new.number and hypot(new_x_px - x_px, new_y_px - y_px) <= old.height_px:
            continue
        width, height = before.crop.picture_px if before.crop else _size_px(before)
        point = f"{x_px / width:.2f},{y_px / height:.2f}@{before.frames[frame]}f"
        raise InputMediaError(
            f"segment {now.name}: face {old.number} is another person than in the run before, because upgraded "
            f"libraries find other faces; that one is at {point}: name a face by its point, as `react1 faces` shows it"
        )


def _size_px(segment: Segment) -> tuple[int, int]:
    video = segment.media.video
    assert video is not None
    return video.width_px, video.height_px
