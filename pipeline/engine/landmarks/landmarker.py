"""Find landmarks in the pictures of one clip, and follow its faces from picture to picture.

A face is looked for where its landmarks were in the picture before. The near detector runs while fewer faces are
followed than can be, and finds the new ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import Image, Points
from ..geometry.mesh import EYES
from .detector import FAR, NEAR, Detection, Detector
from .face_mesh import FaceMesh
from .region import Region, distinct, region_around

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
MAX_FACES = 4
CLOSE_SIDES = (3.0, 4.0)
"""Sides of the squares around a face in which the far detector has to see it, as multiples of the face's longer side.
On faces of nine films it is at least as sure there as in the picture; on a watch that the mesh takes for a face it is
sure of neither."""


class Landmarker:
    """The networks of one clip; pictures are (height, width, 3) uint8 RGB."""

    def __init__(self) -> None:
        self._near = Detector(NEAR)
        self._mesh = FaceMesh()
        self._far: Detector | None = None
        self._followed: list[Region] = []

    def close(self) -> None:
        """Release the networks; the landmarker is of no use afterwards."""
        del self._near, self._mesh, self._far

    def track_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, (478, 3) in pixels, z too; faces are followed from call to call."""
        detections = self._near.find(picture)[:MAX_FACES] if len(self._followed) < MAX_FACES else []
        regions = distinct([*(face.region() for face in detections), *self._followed])
        meshes = [self._mesh.find(picture, region) for region in regions]
        faces = [mesh for mesh in meshes if mesh is not None]
        self._followed = [_region_of(face) for face in faces]
        return faces

    def find_face(self, picture: Image) -> Points | None:
        """Return the landmarks of the face nearest to the middle of an unrelated picture; None if there is no face.

        The picture is cut out around one face, and may show a neighbour that the detector is surer of.
        """
        middle = np.array(picture.shape[1::-1]) / 2

        def off_px(detection: Detection) -> float:
            left, top, right, bottom = detection.box
            return math.dist(((left + right) / 2, (top + bottom) / 2), middle)

        detections = self._near.find(picture)
        return self._mesh.find(picture, min(detections, key=off_px).region()) if detections else None

    def detect_boxes(self, picture: Image) -> Sequence[Box]:
        """Return the boxes of the far detector, which `track_faces` does not use."""
        return [face.box for face in self._far_detector().find(picture)]

    def close_box(self, picture: Image, face: Points) -> Box | None:
        """Return the box of a face of the picture if the far detector sees it in each square around it, else None."""
        low, high = face[:, :2].min(0), face[:, :2].max(0)
        (x, y), side = (low + high) / 2, float((high - low).max())
        box = None
        for share in CLOSE_SIDES:
            boxes = [
                detection.box
                for detection in self._far_detector().find(picture, Region(float(x), float(y), share * side))
            ]
            box = next((box for box in boxes if holds_face(box, face)), None)
            if box is None:
                return None
        return box

    def _far_detector(self) -> Detector:
        if self._far is None:
            self._far = Detector(FAR)
        return self._far


def holds_face(box: Box, face: Points) -> bool:
    """Return whether the middle of a face, (478, 3) px, lies in a box."""
    x, y = np.median(face[:, :2], axis=0)
    left, top, right, bottom = box
    return bool(left <= x <= right and top <= y <= bottom)


def _region_of(face: Points) -> Region:
    return region_around(face[:, :2], face[EYES[-1].outer], face[EYES[1].outer])
