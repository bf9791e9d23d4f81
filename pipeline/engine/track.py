"""Who is who: join the faces of the frames into tracks, and choose the one to re-express."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .arrays import Curve, Points
from .frame import FaceFrame, MouthShape

SAME_FACE_UNITS = 1.5
"""A face that jumps further between two sightings is another one."""
FORGOTTEN_FRAMES = 25
"""After so many frames without it a face is not looked for where it was."""
LONGEST_GAP_S = 0.12
"""A face that is lost for less is taken to have moved evenly."""
STAND_IN_FREE, FOUND_AGAIN_UNITS = 0.8, 2.5
"""A lost face is found again where a track is seen at other times for this share of it, and this near."""
TWICE_UNITS = 0.5
"""Two faces of one frame that are this near to each other are one, found twice."""


@dataclass(eq=False)
class Track:
    """One face through the clip."""

    points: dict[int, Points] = field(default_factory=dict)
    """Frame → (478, 3) px."""

    @property
    def last_frame(self) -> int:
        """Give the frame in which it was last seen."""
        return max(self.points)

    @property
    def size(self) -> float:
        """Give its weight in the clip: its area in the picture, summed over the frames."""
        return sum(FaceFrame(points).unit_px ** 2 for points in self.points.values())

    @property
    def unit_px(self) -> float:
        """Give the median distance between its eyes."""
        return float(np.median([FaceFrame(points).unit_px for points in self.points.values()]))

    def gaps(self, frames: int) -> Curve:
        """Give the opening of its mouth over all frames of the clip, in units; filled in where it was not seen."""
        seen = sorted(self.points)
        values = [MouthShape.of(FaceFrame(self.points[number])).gap for number in seen]
        return np.interp(np.arange(frames), seen, values)


def join(sightings: Iterable[Sequence[Points]]) -> list[Track]:
    """Join the faces of each frame to the nearest face of the frames before; (478, 3) px each."""
    tracks: list[Track] = []
    for number, faces in enumerate(sightings):
        taken: set[int] = set()
        for points in _distinct(faces):
            best = _nearest(tracks, taken, number, points)
            if best is None:
                best = len(tracks)
                tracks.append(Track())
            tracks[best].points[number] = points
            taken.add(best)
    return tracks


def _distinct(faces: Sequence[Points]) -> list[Points]:
    """Drop second finds of one face, and give the rest from the largest down."""
    kept: list[Points] = []
    for points in sorted(faces, key=lambda face: -FaceFrame(face).unit_px):
        centre, reach = points[:, :2].mean(0), TWICE_UNITS * FaceFrame(points).unit_px
        if all(np.linalg.norm(other[:, :2].mean(0) - centre) > reach for other in kept):
            kept.append(points)
    return kept


def _nearest(tracks: Sequence[Track], taken: set[int], number: int, points: Points) -> int | None:
    reach = SAME_FACE_UNITS * FaceFrame(points).unit_px
    best: int | None = None
    for index, track in enumerate(tracks):
        if index in taken or number - track.last_frame > FORGOTTEN_FRAMES:
            continue
        before = track.points[track.last_frame]
        distance = float(np.linalg.norm(before[:, :2].mean(0) - points[:, :2].mean(0)))
        if distance < reach:
            best, reach = index, distance
    return best


def follow(chosen: Track, others: Sequence[Track], frames: int) -> list[Points | None]:
    """Give the chosen face for each frame; where it was lost and found again as another track, that one.

    The same face is of about the same size and near to where the chosen one was seen last or next. What is seen at
    another place after a cut is another person, for all that can be told, and is left alone.
    """
    line: list[Points | None] = [chosen.points.get(number) for number in range(frames)]
    for track in sorted(others, key=lambda other: -other.size):
        free = [number for number in track.points if line[number] is None]
        if track is not chosen and len(free) >= STAND_IN_FREE * len(track.points) and _same_face(line, track):
            for number in free:
                line[number] = track.points[number]
    return line


def _same_face(line: Sequence[Points | None], track: Track) -> bool:
    seen = [number for number, points in enumerate(line) if points is not None]
    pairs = ((abs(mine - theirs), mine, theirs) for mine in seen for theirs in (min(track.points), track.last_frame))
    _, mine, theirs = min(pairs)
    own, other = line[mine], track.points[theirs]
    if own is None:
        return False
    unit_px = FaceFrame(own).unit_px
    apart = float(np.linalg.norm((own - other)[:, :2].mean(0)))
    return apart < FOUND_AGAIN_UNITS * unit_px and 0.6 < FaceFrame(other).unit_px / unit_px < 1.6


def bridge(line: Sequence[Points | None], fps: float) -> list[Points | None]:
    """Fill short gaps of a face's landmarks by even motion; a jump across the gap is left open."""
    bridged = list(line)
    seen = [number for number, points in enumerate(line) if points is not None]
    for before, after in pairwise(seen):
        first, last = line[before], line[after]
        if first is None or last is None or not 1 < after - before <= max(2, LONGEST_GAP_S * fps + 1):
            continue
        if np.linalg.norm((last - first)[:, :2].mean(0)) > FaceFrame(first).unit_px:
            continue
        for number in range(before + 1, after):
            share = (number - before) / (after - before)
            bridged[number] = first * (1 - share) + last * share
    return bridged
