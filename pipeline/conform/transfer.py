"""How levels of what was sent become levels of the source: for SDR nearly one to one, for HDR a curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.values import VideoStream
from ..splicing.pictures.planes import Plane
from . import levels

_NEARLY_ONE = 0.03


class Transfer:
    """Measured on pairs of pictures that show the same."""

    def __init__(self, source: VideoStream, pix_fmt: str) -> None:
        self.top = (1 << source.bit_depth) - 1 if "p1" in pix_fmt or source.bit_depth > 8 else 255
        self._hdr = source.is_hdr
        self._gains = [1.0, 1.0, 1.0]
        self._curve: Any = None
        self.ready = False

    def fit(self, own: list[Plane], was: list[Plane]) -> None:
        """Measure on one pair of pictures that show the same."""
        self.ready = True
        for i, (plate, copy) in enumerate(zip(own, was, strict=True)):
            y, x = levels.sampled(plate), levels.sampled(copy)
            if i == 0 and self._hdr:
                self._curve = levels.curve(x, y, self.top)
                continue
            gain = levels.fit(x, y).gain
            self._gains[i] = gain if abs(gain - 1) > _NEARLY_ONE else 1.0

    def to_source(self, parts: list[Plane]) -> list[Plane]:
        """Bring planes to the source's levels; only differences between two results mean anything."""
        made: list[Plane] = []
        for i, part in enumerate(parts):
            if i == 0 and self._curve is not None:
                made.append(self._curve[np.minimum(part, self.top)])
            else:
                made.append(part.astype(np.float32) * self._gains[i])
        return made
