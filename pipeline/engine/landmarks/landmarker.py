"""The interface of a landmark back end; the rest of the engine uses only this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..arrays import Image, Points

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
MAX_FACES = 4
CONFIDENCE = 0.5
"""The least confidence to report a face and to continue tracking it."""
CROP_PX = 320
"""The long side of the crops for small faces."""


class Landmarker(Protocol):
    """The networks of one clip; pictures are (height, width, 3) uint8 RGB."""

    @property
    def has_detector(self) -> bool:
        """Return whether there is a full-range detector."""
        ...

    def track_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, (478, 3) in pixels, z too; faces are tracked from call to call."""
        ...

    def find_face(self, picture: Image) -> Points | None:
        """Return the landmarks of the single face of an unrelated picture; None if there is no face."""
        ...

    def detect_boxes(self, picture: Image) -> Sequence[Box]:
        """Return the boxes of the full-range detector, which `track_faces` does not use; empty without a detector."""
        ...

    def close(self) -> None:
        """Release the networks."""
        ...
