"""The triangles of the face.

FaceMesh names edges, not faces: its faces are the triples of points that are joined pairwise, but for two triples
beside the nostrils that enclose other triangles. The eyes get a fan around the iris, so that the eyeball moves as one.
The opening of the mouth stays a hole, and a ring around the face that does not move ties it to the picture.

Which landmarks FaceMesh joins by an edge: the same table, under another name in newer releases of mediapipe.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from functools import lru_cache

import numpy as np

from ..arrays import Ids
from ..pose.landmark_indices import EYES, LIPS, OVAL, SKIN_COUNT
from ..quiet import loading

NOT_FACES = (frozenset((279, 294, 358)), frozenset((49, 64, 129)))
IRISES = (SKIN_COUNT, SKIN_COUNT + 1)
"""Vertices of the two iris centres, after the surface's points."""
FIRST_RING = SKIN_COUNT + 2
SECOND_RING = FIRST_RING + len(OVAL)


@lru_cache
def surface() -> Ids:
    """Give the faces of the mesh with its eyes, (count, 3)."""
    joined = edges()
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in joined:
        near[a].add(b)
        near[b].add(a)
    faces = {frozenset((a, b, c)) for a, b in joined for c in near[a] & near[b]}
    rows = sorted(tuple(sorted(face)) for face in faces if face not in NOT_FACES)
    for iris, eye in zip(IRISES, EYES.values(), strict=True):
        contour = eye.contour
        rows += [(int(a), int(b), iris) for a, b in zip(contour, np.roll(contour, -1), strict=True)]
    return np.array(rows)


@lru_cache
def face_in_place() -> Ids:
    """Give the surface and the ring that holds it: vertices are points, irises, first ring."""
    return np.concatenate([surface(), _band(OVAL, np.arange(FIRST_RING, SECOND_RING))])


@lru_cache
def head_in_place() -> Ids:
    """Give the surface with two rings, for a head that moves: the outer one holds."""
    first, second = np.arange(FIRST_RING, SECOND_RING), np.arange(SECOND_RING, SECOND_RING + len(OVAL))
    return np.concatenate([face_in_place(), _band(first, second)])


@lru_cache
def around_lips() -> Ids:
    """Give the faces that touch a lip."""
    rows = surface()
    return rows[np.isin(rows, LIPS).any(1)]


def _band(inner: Ids, outer: Ids) -> Ids:
    inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
    return np.concatenate([np.stack([inner, inner_next, outer], 1), np.stack([inner_next, outer_next, outer], 1)])


def edges() -> frozenset[tuple[int, int]]:
    """Give the edges of the face's surface, as pairs of landmarks below 468."""
    with loading():
        try:
            older = importlib.import_module("mediapipe.python.solutions.face_mesh_connections")
        except ModuleNotFoundError:
            newer = importlib.import_module("mediapipe.tasks.python.vision.face_landmarker")
            found = newer.FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
            return frozenset((each.start, each.end) for each in found)
    return frozenset(older.FACEMESH_TESSELATION)
