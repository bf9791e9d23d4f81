"""Look for faces in each small picture once in a worker: films of tests show the same pictures again and again.

To find none takes longest: a film of numbers is searched in tiles, picture by picture. Tests of
the engine have the real networks.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np

from react1.pipeline.engine.landmarks.detector import Detection, Detector
from react1.pipeline.engine.landmarks.face_mesh import FaceMesh
from react1.pipeline.engine.landmarks.region import Region

LARGE_BYTES = 1 << 20
"""A larger picture is looked at anew: to compare it takes as long, and few films show it twice."""


class _Remembering:
    """In place of a network: it is loaded for the first picture that none in this process has seen."""

    _network: ClassVar[type]
    _finds: ClassVar[dict[object, Any]]

    def __init__(self, *args: object) -> None:
        self._args = args
        self._loaded: Any = None

    def _find(self, picture: np.ndarray, region: Region | None) -> Any:
        """Return what the network's `find` returns, the same object each time for a small picture."""
        content: object = object()  # equals no other
        if picture.nbytes <= LARGE_BYTES:
            content = hashlib.sha1(np.ascontiguousarray(picture), usedforsecurity=False).digest()
        key = (self._args, region, picture.shape, content)
        if key in self._finds:
            return self._finds[key]
        self._loaded = self._loaded or self._network(*self._args)
        faces = self._loaded.find(picture, region)
        if picture.nbytes <= LARGE_BYTES:
            self._finds[key] = faces
        return faces


class RememberingDetector(_Remembering):
    """In place of `Detector`."""

    _network, _finds = Detector, {}

    def find(self, picture: np.ndarray, square: Region | None = None) -> list[Detection]:
        """Return what `Detector.find` returns."""
        detections = self._find(picture, square)
        for detection in detections:
            detection.eyes.flags.writeable = False
        return list(detections)


class RememberingMesh(_Remembering):
    """In place of `FaceMesh`."""

    _network, _finds = FaceMesh, {}

    def find(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        """Return what `FaceMesh.find` returns."""
        points = self._find(picture, region)
        return None if points is None else points.copy()
