"""Find faces in a picture and track them; for small faces with the far detector and the mesh on its crops.

Faces are tracked from call to call, so pictures must come in order. Tracking alone finds faces with an eye distance of
about 5 % of the picture's width. The far detector finds faces down to about 30 px between the eyes; a large picture is
split into tiles for it, also now and then beside a larger face. The networks are in landmarks/.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np

from ..arrays import Image, Points
from ..landmarks.landmarker import MAX_FACES, Box, Landmarker, holds_face

CROP_PX = 320
"""The long side of the crops for small faces."""
CROP_SHARE = 1.5
"""Half the side of the crop around a small face, as a multiple of the detected width."""

REDETECT_EVERY = 6
"""The detector runs on every sixth picture while small faces are tracked, to find new ones."""
SEARCH_EVERY = 24
"""Beside a face that `find` sees, smaller ones are searched in tiles on every 24th picture, and after a cut."""


class FaceFinder:
    """Find the faces of a clip, picture by picture; use it in a `with` block."""

    def __init__(self) -> None:
        self._landmarker = Landmarker()
        self._small_calls = 0
        self._small_count = 0
        """How many small faces are followed or have been lost since the detector last looked for all."""
        self.small_boxes: tuple[Box, ...] = ()
        """Boxes of the faces that `find_small_faces` found last; a box moves with its face."""
        self._missed: tuple[Box, ...] = ()
        """Boxes of the faces that `find_missed_faces` found last; they move with their faces."""

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()

    def find(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, (478, 3) in pixels of this picture; z in pixels too."""
        return self._landmarker.track_faces(picture)

    def find_small_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of faces that are too small for `find`; the picture must have its full size.

        Faces are searched at their last positions. The detector runs on every sixth call, and while one is lost.
        """
        self._small_calls += 1
        faces = list[Points]()
        if self.small_boxes and self._small_calls % REDETECT_EVERY:
            faces, self.small_boxes = self._faces_in(picture, self.small_boxes)
            if len(faces) >= self._small_count:
                return faces
        boxes = list(self.detect_boxes(picture)) or self._detect_in_tiles(picture, MIN_TILE_PX)
        others = [box for box in boxes if not _has_face(box, faces)]
        new_faces, new_boxes = self._faces_in(picture, others[: MAX_FACES - len(faces)])
        self.small_boxes = (*self.small_boxes, *new_boxes) if faces else new_boxes
        self._small_count = max(self._small_count, len(self.small_boxes)) if faces else len(new_faces)
        return faces + new_faces

    def wants_missed_faces(self, faces: Sequence[Points], boxes: Sequence[Box] | None) -> bool:
        """Return whether `find` has missed a face that the detector sees, or that was found by it and followed since.

        Args:
            faces: what `find` returned, px of the full picture.
            boxes: the detector's boxes of the same picture; None if it did not run.
        """
        candidates = merge_boxes([*(boxes or ()), *self._missed])
        self._missed = tuple(box for box in candidates if not _has_face(box, faces))
        return bool(self._missed) and len(faces) < MAX_FACES

    def search_tiles(self, picture: Image) -> list[Box]:
        """Return the boxes that the detector sees in tiles of a full picture, the largest first."""
        boxes = self._detect_in_tiles(picture, SEARCH_TILE_PX)
        return sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))

    def find_missed_faces(self, picture: Image, faces: Sequence[Points]) -> list[Points]:
        """Return the landmarks of the missed faces; the picture must have its full size."""
        missed, self._missed = self._faces_in(picture, self._missed[: MAX_FACES - len(faces)])
        return missed

    def _faces_in(self, picture: Image, boxes: Sequence[Box]) -> tuple[list[Points], tuple[Box, ...]]:
        """Return the faces in some boxes, and the boxes moved with them."""
        faces, face_boxes = [], []
        for left, top, right, bottom in boxes:
            half_px = max(8.0, (right - left) * CROP_SHARE)
            face = self._mesh_of_crop(picture, ((left + right) / 2, (top + bottom) / 2), half_px)
            if face is not None:
                x, y = face[:, :2].mean(0)
                width, height = right - left, bottom - top
                faces.append(face)
                face_boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        return faces, tuple(face_boxes)

    def _detect_in_tiles(self, picture: Image, least_px: int) -> list[Box]:
        boxes: list[Box] = []
        for left, top, right, bottom in detection_tiles(picture.shape[1], picture.shape[0], least_px):
            tile = np.ascontiguousarray(picture[top:bottom, left:right])
            boxes += [(a + left, b + top, c + left, d + top) for a, b, c, d in self.detect_boxes(tile)]
        return merge_boxes(boxes)

    def detect_boxes(self, picture: Image) -> Sequence[Box]:
        """Return the far detector's boxes: left, top, right, bottom in pixels of this picture."""
        return self._landmarker.detect_boxes(picture)

    def close_boxes(self, picture: Image, faces: Sequence[Points], boxes: Sequence[Box]) -> tuple[Box, ...]:
        """Return boxes of faces that the detector sees only from close up: it looks at those without a box again.

        Args:
            picture: the picture.
            faces: the faces of the picture, px.
            boxes: what the detector sees in it.
        """
        unseen = [face for face in faces if not any(holds_face(box, face) for box in boxes)]
        close = (self._landmarker.close_box(picture, face) for face in unseen)
        return tuple(box for box in close if box is not None)

    def _mesh_of_crop(self, picture: Image, centre: tuple[float, float], half_px: float) -> Points | None:
        import cv2

        left, top = (max(0, int(middle - half_px)) for middle in centre)
        crop = picture[top : int(centre[1] + half_px), left : int(centre[0] + half_px)]
        if min(crop.shape[:2]) < 8:
            return None
        scale = CROP_PX / max(crop.shape[:2])
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        enlarged = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
        face = self._landmarker.find_face(enlarged)
        if face is None:
            return None
        scale_x, scale_y = crop.shape[1] / size[0], crop.shape[0] / size[1]
        points: Points = face * np.array([scale_x, scale_y, scale_x]) + np.array([left, top, 0.0])
        return points


def _has_face(box: Box, faces: Sequence[Points]) -> bool:
    left, top, right, bottom = box
    middles = (face[:, :2].mean(0) for face in faces)
    return any(left <= x <= right and top <= y <= bottom for x, y in middles)


MIN_TILE_PX, SEARCH_TILE_PX = 960, 640
"""A tile is at least this large and at least half of the picture's long side, to limit the number of tiles. Beside a
larger face, which would fill a tile, they are smaller."""


def detection_tiles(width: int, height: int, least_px: int = MIN_TILE_PX) -> list[tuple[int, int, int, int]]:
    """Return the tiles of a picture as left, top, right, bottom, overlapping by half; none for a small picture."""
    side = max(least_px, max(width, height) // 2)
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


def merge_boxes(boxes: list[Box]) -> list[Box]:
    """Drop boxes whose center lies in an earlier box."""
    distinct: list[Box] = []
    for left, top, right, bottom in boxes:
        x, y = (left + right) / 2, (top + bottom) / 2
        if not any(box[0] < x < box[2] and box[1] < y < box[3] for box in distinct):
            distinct.append((left, top, right, bottom))
    return distinct
