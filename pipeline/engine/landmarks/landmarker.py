"""Find landmarks in the pictures of one clip, and follow its faces from picture to picture.

A face is looked for where its landmarks were in the picture before. The near detector runs while fewer faces are
followed than can be, and finds the new ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Image, Points
from ..geometry.mesh import EYES
from .detector import FAR, NEAR, Detector
from .face_mesh import FaceMesh
from .region import Region, distinct, region_around

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
MAX_FACES = 4


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
        """Return the landmarks of the surest face of an unrelated picture; None if there is no face."""
        detections = self._near.find(picture)
        return self._mesh.find(picture, detections[0].region()) if detections else None

    def detect_boxes(self, picture: Image) -> Sequence[Box]:
        """Return the boxes of the far detector, which `track_faces` does not use."""
        if self._far is None:
            self._far = Detector(FAR)
        return [face.box for face in self._far.find(picture)]


def _region_of(face: Points) -> Region:
    return region_around(face[:, :2], face[EYES[-1].outer], face[EYES[1].outer])
