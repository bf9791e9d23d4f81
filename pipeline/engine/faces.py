"""Find faces in a picture: FaceMesh, and for small faces a full-range detector first and the mesh on its crop.

FaceMesh follows faces from call to call, so pictures are given in order. FaceMesh alone finds faces with eyes some 5 %
of the picture's width apart; the detector reaches down to about 30 px between the eyes. Which networks answer is
known to landmarks/ alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np

from .arrays import Image, Points
from .landmarks.choose import backend
from .landmarks.contract import CROP_PX, MOST_FACES, Box

CROP_SHARE = 1.5
"""Half the crop's side around a small face, as a multiple of the detected width."""


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
        """Do the same for faces that are too small for `find`; give the picture at its full size."""
        faces = []
        for left, top, right, bottom in self.boxes(picture)[:MOST_FACES]:
            centre = ((left + right) / 2, (top + bottom) / 2)
            face = self._mesh_of_crop(picture, centre, max(8.0, (right - left) * CROP_SHARE))
            if face is not None:
                faces.append(face)
        return faces

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
