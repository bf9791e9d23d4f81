"""The people of each shot, numbered from left to right, and the one that is chosen among them.

A person may be several tracks, if the face was lost and came back. The numbers depend only on what is detected in the
clip: the same clip and the same span give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...media.frames.shots import Shot, split_at_cuts
from ..arrays import Curve, frames_at
from ..geometry.head_frame import FaceFrame
from .detect import Detections, FrameDetections
from .speaker import MIN_LEAD, MIN_SCORE, speech_score
from .track import Track, build_tracks, confirmed_tracks, extend_track

MIN_TRACK_FRAMES = 4
"""In a longer shot shorter tracks are ignored, at 25 frames/s: an expression cannot fade in and out in them."""
REGULAR_SHARE = 0.2
"""Whoever is seen in less than this share of a shot is neither its left nor its right face."""
SAME_PERSON, SAME_PERSON_LEAD = 0.55, 0.1
"""Least likeness of a person that is found again after a cut, and the least lead over the next person."""
_POINT_MARGIN = 0.15
"""A point may lie this share of a face's size outside of its landmarks."""


@dataclass(frozen=True)
class FaceAim:
    """A point of the clip at which the face to change is seen, and the words for the choice."""

    frame: int
    """The frame of the clip."""
    x_px: float
    y_px: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ShotPeople:
    """The people of one shot."""

    shot: Shot
    """Frames [first, last) of the clip."""
    people: tuple[Track, ...]
    """From left to right; the first one has the number 1."""

    @property
    def regular(self) -> list[int]:
        """Indices of those who are seen often enough to be called the left or the right face; all if nobody is."""
        least = REGULAR_SHARE * (self.shot[1] - self.shot[0])
        often = [index for index, person in enumerate(self.people) if len(person.points) >= least]
        return often or list(range(len(self.people)))

    def at(self, frame: int, x_px: float, y_px: float) -> int | None:
        """Return the index of the person whose face is at a point, or None; the frame nearest to it counts."""
        distances = []
        for index, person in enumerate(self.people):
            seen = min(person.points, key=lambda number: (abs(number - frame), number))
            left, top, right, bottom = face_box(person, seen)
            margin = _POINT_MARGIN * (bottom - top)
            if left - margin <= x_px <= right + margin and top - margin <= y_px <= bottom + margin:
                off_px = float(np.hypot((left + right) / 2 - x_px, (top + bottom) / 2 - y_px))
                distances.append((abs(seen - frame), off_px, index))
        return min(distances)[2] if distances else None

    def frame_of(self, index: int, frames: Sequence[int]) -> int:
        """Return one of the frames in which a person is seen: the nearest to the middle in which the face is by itself.

        Where people pass each other a point would mean either. If others overlap it in all frames, the middle one.
        """
        middle = sorted(frames)[len(frames) // 2]
        person, others = self.people[index], [*self.people[:index], *self.people[index + 1 :]]
        for frame in sorted(frames, key=lambda frame: (abs(frame - middle), frame)):
            if not any(_overlap(person, other, frame) for other in others if frame in other.points):
                return frame
        return middle

    def largest(self) -> int:
        """Return the index of the largest face, summed over its frames."""
        return max(range(len(self.people)), key=lambda index: self.people[index].size)

    def speaker(self, loudness: Curve | None, fps: Fraction) -> int | None:
        """Return the index of the person who moves with the voice; None if nobody clearly does."""
        if loudness is None or not self.people:
            return None
        scores = [(speech_score(person, loudness, self.shot, fps), -index) for index, person in enumerate(self.people)]
        (best, index), *others = sorted(scores, reverse=True)
        lead = best - max((score for score, _ in others), default=0.0)
        return -index if best >= MIN_SCORE and (not others or lead >= MIN_LEAD) else None


def people_in_shots(detections: Detections, span: Shot, fps: Fraction) -> list[ShotPeople]:
    """Return the people of every shot that overlaps the frames [first, last) of the clip."""
    shots = shots_in(detections, span)
    return [ShotPeople(shot, number_people(tracks_in(detections.frames, shot, span, fps))) for shot in shots]


def shots_in(detections: Detections, span: Shot) -> list[Shot]:
    """Return the shots that overlap a span of the clip; the whole clip is one shot if its pictures are not known."""
    thumbnails = [frame.thumbnail for frame in detections.frames]
    known = [thumbnail for thumbnail in thumbnails if thumbnail is not None]
    shots = split_at_cuts(known) if len(known) == len(thumbnails) else [(0, len(thumbnails))]
    return [shot for shot in shots if shot[0] < span[1] and span[0] < shot[1]]


def tracks_in(frames: Sequence[FrameDetections], shot: Shot, span: Shot, fps: Fraction) -> list[Track]:
    """Return the confirmed tracks of a shot that are long enough and seen within the span."""
    first, last = shot
    return [
        track
        for track in _confirmed_tracks(frames, shot, float(fps))
        if len(track.points) >= min(frames_at(MIN_TRACK_FRAMES, float(fps)), last - first)
        and any(max(first, span[0]) <= frame < min(last, span[1]) for frame in track.points)
    ]


def _confirmed_tracks(frames: Sequence[FrameDetections], shot: Shot, fps: float) -> list[Track]:
    first, last = shot
    in_shot = frames[first:last]
    has_texels = all(len(frame.texels) == len(frame.faces) for frame in in_shot)
    texels = [frame.texels for frame in in_shot] if has_texels else None
    tracks = build_tracks((frame.faces for frame in in_shot), fps, texels, first)
    boxes = {number: frame.boxes for number, frame in enumerate(in_shot, first) if frame.boxes is not None}
    return confirmed_tracks(tracks, boxes) if boxes else tracks


def number_people(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Join the tracks of each person, and return the people from left to right.

    Their order is the one at the first frame that shows most of them; whoever is not in it is placed by the nearest
    frame in which they are seen.
    """
    people: list[Track] = []
    for track in sorted(tracks, key=lambda track: (-track.size, min(track.points))):
        for index, person in enumerate(people):
            joined = extend_track(person, [track])
            if len(joined.points) > len(person.points):
                joined.last_frame = max(joined.points)
                people[index] = joined
                break
        else:
            people.append(track)
    if not people:
        return ()
    frames = sorted({frame for person in people for frame in person.points})
    common = max(frames, key=lambda frame: (sum(frame in person.points for person in people), -frame))

    def x_px(person: Track) -> float:
        nearest = min(person.points, key=lambda number: (abs(number - common), number))
        return float(person.points[nearest][:, 0].mean())

    return tuple(sorted(people, key=x_px))


def face_box(person: Track, frame: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a face's landmarks in a frame, px."""
    (left, top), (right, bottom) = person.points[frame][:, :2].min(0), person.points[frame][:, :2].max(0)
    return float(left), float(top), float(right), float(bottom)


def _overlap(person: Track, other: Track, frame: int) -> bool:
    """Return whether two faces overlap in a frame in which both are seen."""
    left, top, right, bottom = face_box(person, frame)
    other_left, other_top, other_right, other_bottom = face_box(other, frame)
    return left < other_right and other_left < right and top < other_bottom and other_top < bottom


def find_again(person: Track, people: Sequence[Track]) -> tuple[int | None, float]:
    """Return which of some people looks like a person of another shot, or None, and the likeness, 0 to 1.

    Compared are colour and shape: the texels of the face, without the mean level and contrast that the light gives
    them, and the proportions of its landmarks.
    """
    scores = sorted(((_likeness(person, other), -index) for index, other in enumerate(people)), reverse=True)
    if not scores:
        return None, 0.0
    best, index = scores[0]
    lead = best - scores[1][0] if len(scores) > 1 else 1.0
    return (-index if best >= SAME_PERSON and lead >= SAME_PERSON_LEAD else None), round(max(0.0, best), 2)


def _likeness(person: Track, other: Track) -> float:
    shapes = [_proportions(track) for track in (person, other)]
    likeness = 1.0 - 4.0 * float(np.abs(shapes[0] - shapes[1]).mean())
    if person.appearance is not None and other.appearance is not None:
        colours = [appearance - appearance.mean(0) for appearance in (person.appearance, other.appearance)]
        first, second = (colour.ravel() / max(1e-6, float(np.linalg.norm(colour))) for colour in colours)
        likeness = (likeness + 2.0 * float(first @ second)) / 3.0
    return likeness


def _proportions(person: Track) -> Curve:
    """Return the median of the landmarks in the head's frame and unit, (478 × 2,)."""
    frames = sorted(person.points)[:: max(1, len(person.points) // 15)]
    local = np.median([FaceFrame(person.points[frame]).local[:, :2] for frame in frames], axis=0)
    flat: Curve = local.ravel()
    return flat
