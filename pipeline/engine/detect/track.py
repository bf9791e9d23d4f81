"""Who is who: join the faces of the frames of one shot into tracks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..arrays import Curve, Points
from ..geometry.head_frame import FaceFrame
from ..occlusion.occlusion import Glance

SAME_FACE_UNITS, SAME_SIZE = 1.5, 1.6
"""A face that jumps further between two sightings, or grows or shrinks by more, is another one."""
LOOK_UNITS = 0.03
"""So far apart count two faces for each grey level by which their looks differ: strangers differ by some 20."""
LOOK_SHARE, LOOK_EVERY = 0.1, 7
"""How quickly a track's look follows its face, and of how many texels one is compared."""
STEADY_FRAMES, COAST_FRAMES = 4, 6
"""Over so many frames a track's speed is taken, and so many it is thought to go on when the face is hidden."""
FORGOTTEN_FRAMES = 25
"""After so many frames without it a face is not looked for where it was."""
LONGEST_GAP_S = 0.12
"""A face that is lost for less is taken to have moved evenly."""
STAND_IN_FREE, FOUND_AGAIN_UNITS, FOUND_AGAIN_LEVELS = 0.8, 2.5, 25.0
"""A lost face is found again where a track is seen at other times for this share of it, this near and this alike."""
TWICE_UNITS = 0.5
"""Two faces of one frame that are this near to each other are one, found twice."""


@dataclass(eq=False)
class Track:
    """One face through a shot."""

    points: dict[int, Points] = field(default_factory=dict)
    """Frame → (478, 3) px."""
    looks: dict[int, Glance] = field(default_factory=dict)
    """Frame → its texels, where they were taken."""
    look: Curve | None = None
    """Its usual colours, at a few texels."""
    last_frame: int = -1

    @property
    def size(self) -> float:
        """Give its weight in the shot: its area in the picture, summed over the frames."""
        return sum(FaceFrame(points).unit_px ** 2 for points in self.points.values())

    @property
    def unit_px(self) -> float:
        """Give the median distance between its eyes."""
        return float(np.median([FaceFrame(points).unit_px for points in self.points.values()]))

    def add(self, number: int, points: Points, glance: Glance | None) -> None:
        """Add the face of a later frame."""
        self.points[number] = points
        self.last_frame = number
        if glance is not None:
            self.looks[number] = glance
            now = _colours(glance)
            self.look = now if self.look is None else self.look + LOOK_SHARE * (now - self.look)

    def expected(self, number: int) -> Points:
        """Tell where its middle should be in a frame, (2,) px, going on as it went."""
        last = self.last_frame
        now = _middle(self.points[last])
        steady = [one for one in range(last - STEADY_FRAMES, last) if one in self.points]
        if not steady:
            return now
        speed = (now - _middle(self.points[steady[0]])) / (last - steady[0])
        expected: Points = now + speed * min(number - last, COAST_FRAMES)
        return expected


def join(
    sightings: Iterable[Sequence[Points]], glances: Sequence[Sequence[Glance]] | None = None, first: int = 0
) -> list[Track]:
    """Join the faces of each frame to the tracks that they fit best, by place, size and look.

    Args:
        sightings: the faces of each frame, (478, 3) px each.
        glances: their texels, likewise; None joins by place and size alone.
        first: the number of the first frame.
    """
    tracks: list[Track] = []
    for place, faces in enumerate(sightings):
        looks: Sequence[Glance | None] = glances[place] if glances is not None else [None] * len(faces)
        seen = [(faces[index], looks[index]) for index in _distinct(faces)]
        homes: dict[int, int] = {}
        for _, face, track in sorted(_pairs(tracks, first + place, seen)):
            if face not in homes and track not in homes.values():
                homes[face] = track
        for face, (points, glance) in enumerate(seen):
            if face not in homes:
                tracks.append(Track())
            tracks[homes.get(face, -1)].add(first + place, points, glance)
    return tracks


def _distinct(faces: Sequence[Points]) -> list[int]:
    """Drop second finds of one face, and give the places of the rest from the largest down."""
    kept: list[int] = []
    for index in sorted(range(len(faces)), key=lambda one: -FaceFrame(faces[one]).unit_px):
        centre, reach = _middle(faces[index]), TWICE_UNITS * FaceFrame(faces[index]).unit_px
        if all(np.linalg.norm(_middle(faces[other]) - centre) > reach for other in kept):
            kept.append(index)
    return kept


def _pairs(
    tracks: Sequence[Track], number: int, faces: Sequence[tuple[Points, Glance | None]]
) -> Iterable[tuple[float, int, int]]:
    """Give each face and track that may belong together, with how far they are apart, in units."""
    for index, track in enumerate(tracks):
        if number - track.last_frame > FORGOTTEN_FRAMES:
            continue
        expected, before_px = track.expected(number), FaceFrame(track.points[track.last_frame]).unit_px
        for face, (points, glance) in enumerate(faces):
            unit_px = FaceFrame(points).unit_px
            apart = float(np.linalg.norm(expected - _middle(points))) / unit_px
            if apart < SAME_FACE_UNITS and 1 / SAME_SIZE < unit_px / before_px < SAME_SIZE:
                yield (
                    apart + LOOK_UNITS * _unlike(track.look, None if glance is None else _colours(glance)),
                    face,
                    index,
                )


def _unlike(one: Curve | None, other: Curve | None) -> float:
    """Tell how many grey levels two looks are apart; 0 where one is not known."""
    return 0.0 if one is None or other is None else float(np.abs(one - other).mean())


def _colours(glance: Glance) -> Curve:
    return glance.texels[::LOOK_EVERY, :3].astype(np.float64)


def _middle(points: Points) -> Points:
    middle: Points = points[:, :2].mean(0)
    return middle


def follow(chosen: Track, others: Sequence[Track]) -> Track:
    """Give the chosen face with what was found of it again as another track, after it had been lost.

    The same face is of about the same size, near to where the chosen one was seen last or next, and looks alike. What
    is seen at another place is another person, for all that can be told, and is left alone.
    """
    whole = Track(dict(chosen.points), dict(chosen.looks), chosen.look, chosen.last_frame)
    for track in sorted(others, key=lambda other: -other.size):
        free = [number for number in track.points if number not in whole.points]
        if track is not chosen and len(free) >= STAND_IN_FREE * len(track.points) and _same_face(whole, track):
            whole.points.update({number: track.points[number] for number in free})
            whole.looks.update({number: track.looks[number] for number in free if number in track.looks})
    return whole


def _same_face(one: Track, other: Track) -> bool:
    ends = (min(other.points), other.last_frame)
    _, mine, theirs = min((abs(mine - theirs), mine, theirs) for mine in one.points for theirs in ends)
    unit_px, other_px = (FaceFrame(points).unit_px for points in (one.points[mine], other.points[theirs]))
    apart = float(np.linalg.norm(_middle(one.points[mine]) - _middle(other.points[theirs])))
    alike = _unlike(one.look, other.look) < FOUND_AGAIN_LEVELS
    return alike and apart < FOUND_AGAIN_UNITS * unit_px and 1 / SAME_SIZE < other_px / unit_px < SAME_SIZE


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
