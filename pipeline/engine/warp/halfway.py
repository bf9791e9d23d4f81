"""The field by which a face is seen at other landmarks than its own, such as half of the way to another expression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import Box, Field, Points
from ..geometry import mesh
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import INNER_LIPS, OVAL, SKIN_COUNT
from .raster import paint_mesh
from .warp import FACE_RING, GRID_STEPS, IRIS_CENTRES


def sampling_field(shown: Points, wanted: Points, box: Box) -> Field:
    """Return where to sample a picture of a face so that its landmarks come to other places.

    Args:
        shown: the landmarks in the picture, (478, 2 or 3) px.
        wanted: where they are wanted, of the same shape.
        box: left, top, right, bottom of the result, px of the picture, ends excluded.

    Returns:
        Offsets right and down for each pixel of the box, `(height, width, 2)` px; 0 beyond a ring around the face.
    """
    import cv2

    left, top, right, bottom = box
    width, height = right - left, bottom - top
    oval = wanted[OVAL, :2]
    middle = (oval.min(0) + oval.max(0)) / 2
    vertices = [*range(SKIN_COUNT), *IRIS_CENTRES]
    places = np.concatenate([wanted[vertices, :2], middle + (oval - middle) * FACE_RING])
    offsets = np.concatenate([shown[vertices, :2] - wanted[vertices, :2], np.zeros_like(oval)])
    unit_px = FaceFrame(wanted).unit_px
    step = max(1.0, unit_px / GRID_STEPS)
    columns, rows = max(2, round(width / step)), max(2, round(height / step))
    cell = np.array([width / columns, height / rows])
    grid_places = (places - np.array([left, top]) + 0.5) / cell - 0.5
    field, covered = paint_mesh(mesh.face_with_ring(), grid_places, offsets, (rows, columns))
    field = _fill_mouth(field, covered, grid_places[INNER_LIPS])
    smooth = cv2.GaussianBlur(field, (0, 0), 0.8)
    large: Field = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return large


def _fill_mouth(field: Field, covered: NDArray[np.bool_], lips: Points) -> Field:
    """Interpolate the field between the lips from their borders, where the mesh has a hole."""
    import cv2

    hole = np.zeros(field.shape[:2], np.uint8)
    cv2.fillPoly(hole, [np.round(lips).astype(np.int32)], 1)
    hole[covered] = 0
    if not hole.any():
        return field
    weight = 1.0 - hole.astype(np.float32)
    reach = max(1.0, float(np.ptp(lips[:, 1])) / 3)
    near = cv2.GaussianBlur(field * weight[..., None], (0, 0), reach)
    filled: Field = np.where(
        hole[..., None] > 0, near / np.maximum(cv2.GaussianBlur(weight, (0, 0), reach), 1e-3)[..., None], field
    )
    return filled


def mouth_opening(landmarks: Points) -> float:
    """Return the area between the lips, in square px."""
    x, y = landmarks[INNER_LIPS, :2].T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def mouth_mask(landmarks: Points, box: Box) -> Field:
    """Return the area between the lips, 0 to 1 with a soft edge, `(height, width)` of a box."""
    import cv2

    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    polygon = np.round((landmarks[INNER_LIPS, :2] - np.array(box[:2])) * 16).astype(np.int32)
    cv2.fillPoly(mask, [polygon], 1.0, cv2.LINE_8, 4)
    soft: Field = cv2.GaussianBlur(mask, (0, 0), max(0.8, 0.012 * FaceFrame(landmarks).unit_px))
    return soft
