"""Look for faces in each small picture once in a worker: films of tests show the same pictures again and again.

To find none takes longest: a film of numbers is searched in tiles, picture by picture. Tests of
the engine have the real detector.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from react1.pipeline.engine.landmarks.detector import Detection, Detector, DetectorKind
from react1.pipeline.engine.landmarks.region import Region

LARGE_BYTES = 1 << 20
"""A larger picture is looked at anew: to compare it takes as long, and few films show it twice."""


class RememberingDetector:
    """In place of `Detector`: it loads the network for the first picture that none in this process has seen."""

    _finds: ClassVar[dict[object, tuple[Detection, ...]]] = {}

    def __init__(self, kind: DetectorKind) -> None:
        self._kind = kind
        self._detector: Detector | None = None

    def find(self, picture: np.ndarray, square: Region | None = None) -> list[Detection]:
        """Return what `Detector.find` returns."""
        if picture.nbytes > LARGE_BYTES:
            return self._loaded().find(picture, square)
        content = hashlib.sha1(np.ascontiguousarray(picture), usedforsecurity=False).digest()
        key = (self._kind, square, picture.shape, content)
        if key not in self._finds:
            self._finds[key] = tuple(self._loaded().find(picture, square))
            for detection in self._finds[key]:
                detection.eyes.flags.writeable = False
        return list(self._finds[key])

    def _loaded(self) -> Detector:
        self._detector = self._detector or Detector(self._kind)
        return self._detector
