"""Which landmarks FaceMesh joins by an edge: the same table, under another name in newer releases of mediapipe."""

from __future__ import annotations

import importlib

from ..quiet import loading


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
