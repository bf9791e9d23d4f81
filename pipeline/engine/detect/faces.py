"""Find faces in a picture: FaceMesh, and for small faces a full-range detector first and the mesh on its crop.

FaceMesh follows faces from call to call, so pictures are given in order. FaceMesh alone finds faces with eyes some 5 %
of the picture's width apart; the detector reaches down to about 30 px between the eyes, in a large picture by asking
for parts of it. Which networks answer is known to landmarks/ alone.

Parts of a picture in which a detector is asked by itself, so that faces which are small in the whole are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np

from ..arrays import Image, Points
from ..landmarks.backend import backend
from ..landmarks.landmarker import CROP_PX, MOST_FACES, Box

CROP_SHARE = 1.5
"""Half the crop's side around a small face, as a multiple of the detected width."""

ASK_AGAIN = 6
"""How often the detector is asked while small faces are followed: others may have come."""


def identity() -> str:
    """Name the back end that finds faces here, its version and its model, for the keys of what is found.

    Raises:
        MissingExtra: there is none.
    """
    return backend().identity


class FaceFinder:
    """Finds the faces of a clip, picture by picture; use it in a `with` block."""

    def __init__(self) -> None:
        self._landmarker = backend().open()
        self._small_calls = 0
        self.seen_small: tuple[Box, ...] = ()
        """Where the detector saw what `find_small` found last; a face takes its box along."""

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()

    @property
    def can_witness(self) -> bool:
        """Say whether `boxes` has a second network to ask; without it small faces are not found either."""
        return self._landmarker.has_detector

    def find(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face, (478, 3) in pixels of this picture; z in pixels too."""
        return self._landmarker.follow(picture)

    def find_small(self, picture: Image) -> list[Points]:
        """Do the same for faces that are too small for `find`; give the picture at its full size.

        They are looked for where they were the time before; the detector is asked where one is lost, and now and then.
        """
        self._small_calls += 1
        faces: list[Points] = []
        if self.seen_small and self._small_calls % ASK_AGAIN:
            faces = self._faces_in(picture, self.seen_small)
        if not faces or len(faces) < len(self.seen_small):
            seen = list(self.boxes(picture)) or self._in_tiles(picture)
            self.seen_small = tuple(seen[:MOST_FACES])
            faces = self._faces_in(picture, self.seen_small)
        return faces

    def _faces_in(self, picture: Image, boxes: Sequence[Box]) -> list[Points]:
        faces, places = [], []
        for left, top, right, bottom in boxes:
            half_px = max(8.0, (right - left) * CROP_SHARE)
            face = self._mesh_of_crop(picture, ((left + right) / 2, (top + bottom) / 2), half_px)
            if face is not None:
                x, y = face[:, :2].mean(0)
                width, height = right - left, bottom - top
                faces.append(face)
                places.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        self.seen_small = tuple(places)
        return faces

    def _in_tiles(self, picture: Image) -> list[Box]:
        found: list[Box] = []
        for left, top, right, bottom in tiles(picture.shape[1], picture.shape[0]):
            part = np.ascontiguousarray(picture[top:bottom, left:right])
            found += [(a + left, b + top, c + left, d + top) for a, b, c, d in self.boxes(part)]
        return merged(found)

    def boxes(self, picture: Image) -> Sequence[Box]:
        """Give what the full-range detector sees: left, top, right, bottom in pixels of this picture."""
        return self._landmarker.detect(picture)

    def _mesh_of_crop(self, picture: Image, centre: tuple[float, float], half_px: float) -> Points | None:
        import cv2

        left, top = (max(0, int(middle - half_px)) for middle in centre)
        crop = picture[top : int(centre[1] + half_px), left : int(centre[0] + half_px)]
        if min(crop.shape[:2]) < 8:
            return None
        scale = CROP_PX / max(crop.shape[:2])
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        enlarged = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
        face = self._landmarker.look(enlarged)
        if face is None:
            return None
        across, down = crop.shape[1] / size[0], crop.shape[0] / size[1]
        placed: Points = face * np.array([across, down, across]) + np.array([left, top, 0.0])
        return placed


SIDE_PX = 960
"""A tile is at least so large, and at least half of the picture's long side, so that there are never many."""


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Give the tiles of a picture, left, top, right, bottom, each overlapping the next by half; none of a small one."""
    side = max(SIDE_PX, max(width, height) // 2)
    if max(width, height) < 1.25 * side:
        return []
    return [
        (left, top, min(width, left + side), min(height, top + side))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    steps = -(-(length - side) // (side // 2))
    return [round(step * (length - side) / steps) for step in range(steps + 1)]


def merged(boxes: list[Box]) -> list[Box]:
    """Drop boxes whose middle lies in one that was named before."""
    kept: list[Box] = []
    for left, top, right, bottom in boxes:
        x, y = (left + right) / 2, (top + bottom) / 2
        if not any(one[0] < x < one[2] and one[1] < y < one[3] for one in kept):
            kept.append((left, top, right, bottom))
    return kept
