"""Tracks of made faces: landmarks on an ellipse with eyes in their places, and colours of one's own; no detection."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.detect.people import ShotPeople, number_people
from react1.pipeline.engine.detect.track import build_tracks
from react1.pipeline.engine.geometry.mesh import CHIN, COUNT, EYES, FOREHEAD
from react1.pipeline.engine.occlusion import texels
from react1.pipeline.engine.occlusion.occlusion import FaceTexels

_RANDOM = np.random.default_rng(7)
_ANGLES, _RADII = _RANDOM.uniform(0, 2 * np.pi, COUNT), np.sqrt(_RANDOM.uniform(0, 1, COUNT))


def face(x: float, y: float, height: float = 80.0) -> np.ndarray:
    """Return landmarks around a point, (478, 3) px."""
    points = np.zeros((COUNT, 3))
    points[:, 0] = 0.4 * np.cos(_ANGLES) * _RADII
    points[:, 1] = 0.5 * np.sin(_ANGLES) * _RADII
    points[CHIN], points[FOREHEAD] = (0, 0.5, 0), (0, -0.5, 0)
    for side, eye in zip((-0.19, 0.19), EYES.values(), strict=True):
        points[eye.outer], points[eye.inner] = (side * 1.3, -0.1, 0), (side * 0.7, -0.1, 0)
    return points * height + np.array([x, y, 0])


def colours(seed: int) -> FaceTexels:
    """Return the texels of a person."""
    return FaceTexels(np.random.default_rng(seed).integers(40, 215, (texels.count(), 4)).astype(np.uint8))


def shot(people: dict[int, dict[int, np.ndarray]], frames: range) -> ShotPeople:
    """Track people through a shot: seed of the colours → frame → landmarks."""
    faces = [[points[number] for points in people.values() if number in points] for number in frames]
    looks = [[colours(seed) for seed, points in people.items() if number in points] for number in frames]
    tracks = build_tracks(faces, 25.0, looks, frames.start)
    return ShotPeople((frames.start, frames.stop), number_people(tracks))
