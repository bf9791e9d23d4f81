"""What a landmark back end does; the rest of the engine knows no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..arrays import Image, Points

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
MOST_FACES = 4
CONFIDENCE = 0.5
"""What a network must be sure of to report a face, and to go on following one."""
CROP_PX = 320
"""The long side of the crops in which a small face is looked at."""


class Landmarker(Protocol):
    """The networks of one clip; pictures are (height, width, 3) uint8 RGB."""

    @property
    def has_detector(self) -> bool:
        """Say whether there is a full-range detector."""
        ...

    def follow(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face, (478, 3) in pixels, z too; faces are followed from call to call."""
        ...

    def look(self, picture: Image) -> Points | None:
        """Give the landmarks of the one face of a picture that has nothing to do with the one before."""
        ...

    def detect(self, picture: Image) -> Sequence[Box]:
        """Give the boxes that the full-range detector sees, a network that `follow` does not use; none without it."""
        ...

    def close(self) -> None:
        """Let go of the networks."""
        ...
