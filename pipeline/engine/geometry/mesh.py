"""The triangle mesh of the face.

FaceMesh lists edges, not triangles: the triangles are the triples of points that are joined pairwise, except two
triples beside the nostrils that enclose other triangles. The eyes get a fan around the iris, so that the eyeball moves
as one. The opening of the mouth stays a hole, and a fixed ring around the face ties it to the picture.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Ids
from ..quiet import quiet_import
from .landmark_indices import EYES, LIPS, OVAL, SKIN_COUNT

ENCLOSING_TRIPLES = (frozenset((279, 294, 358)), frozenset((49, 64, 129)))
IRISES = (SKIN_COUNT, SKIN_COUNT + 1)
"""Vertices of the two iris centres, after the points of the surface."""
FIRST_RING = SKIN_COUNT + 2
SECOND_RING = FIRST_RING + len(OVAL)


@lru_cache
def face_triangles() -> Ids:
    """Return the triangles of the face and its eyes, (count, 3)."""
    joined = mesh_edges()
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in joined:
        near[a].add(b)
        near[b].add(a)
    triangles = {frozenset((a, b, c)) for a, b in joined for c in near[a] & near[b]}
    rows = sorted(tuple(sorted(triple)) for triple in triangles if triple not in ENCLOSING_TRIPLES)
    for iris, eye in zip(IRISES, EYES.values(), strict=True):
        contour = eye.contour
        rows += [(int(a), int(b), iris) for a, b in zip(contour, np.roll(contour, -1), strict=True)]
    return np.array(rows)


@lru_cache
def face_with_ring() -> Ids:
    """Return the face with the ring that ties it down; the vertices are points, irises, first ring."""
    return np.concatenate([face_triangles(), _band(OVAL, np.arange(FIRST_RING, SECOND_RING))])


@lru_cache
def head_with_rings() -> Ids:
    """Return the face with two rings, for a moving head; the outer ring is fixed."""
    first, second = np.arange(FIRST_RING, SECOND_RING), np.arange(SECOND_RING, SECOND_RING + len(OVAL))
    return np.concatenate([face_with_ring(), _band(first, second)])


@lru_cache
def lip_triangles() -> Ids:
    """Return the triangles that touch a lip."""
    rows = face_triangles()
    return rows[np.isin(rows, LIPS).any(1)]


def _band(inner: Ids, outer: Ids) -> Ids:
    inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
    return np.concatenate([np.stack([inner, inner_next, outer], 1), np.stack([inner_next, outer_next, outer], 1)])


def mesh_edges() -> frozenset[tuple[int, int]]:
    """Return the edges of the face's surface, as pairs of landmarks below 468.

    Newer releases of mediapipe have the same table under another name.
    """
    older = _connections_module()
    if older is not None:
        return frozenset(older.FACEMESH_TESSELATION)
    with quiet_import():
        newer = importlib.import_module("mediapipe.tasks.python.vision.face_landmarker")
    connections = newer.FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
    return frozenset((edge.start, edge.end) for edge in connections)


def _connections_module() -> Any:
    """Return mediapipe's module of tables, loaded by itself: importing the package around it takes a second."""
    package = importlib.util.find_spec("mediapipe")
    for folder in package.submodule_search_locations or () if package is not None else ():
        file = Path(folder) / "python" / "solutions" / "face_mesh_connections.py"
        spec = importlib.util.spec_from_file_location("_react1_face_mesh_connections", file)
        if file.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None
