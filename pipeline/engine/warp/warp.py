"""Bend the picture: the landmarks' displacements become a field over the pixels, and one remap draws the new face.

Field: the mesh of triangles is rasterized on a coarse grid and smoothed, which hides the edges of the triangles; over
the lips, where it is discontinuous at the line of the mouth, it is painted again at full resolution.

Eyeballs: lids are skin, but what they uncover is eye. A ring of vertices around the iris keeps it round: without the
ring a rising lid would stretch the complete iris; with it only the part under the lid is stretched.

Rigid head motion: the head leans, nods and turns about a point in the neck, in parallel projection. The depth of the
landmarks is used: in a turn the nose moves further than the ears, which a flat shift would not show.

Half of the way: the field by which a face is seen at other landmarks than its own, such as another expression's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Box, Curve, Field, Ids, Image, Points, smoothstep
from ..geometry import mesh
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import EYES, INNER_LIPS, OVAL, SKIN_COUNT
from ..pose.pose import HeadMove, Pose
from .raster import paint_mesh, signed_areas
from .resampling import average_squeezed, bend, measure_stretch, restore_detail, restore_grain

PIVOT = (0.0, 2.3, 0.9)
"""The centre of rotation: right, down and behind the point between the eyes, in units."""


def rigid_moves_px(frame: FaceFrame, head: HeadMove, places_px: Points, depth: Curve | float = 0.0) -> Points:
    """Return how far places of the image move with the head, (count, 2) px.

    Args:
        frame: the face.
        head: the motion.
        places_px: the places, (count, 2).
        depth: how far each lies behind the point between the eyes, in units.
    """
    flat = frame.to_local(places_px)
    local = np.column_stack([flat, np.broadcast_to(depth, len(flat))]) - PIVOT
    moved = (1 + head.growth) * local @ _rotation(head).T
    moved[:, :2] += (head.right, head.down)
    moves: Points = frame.to_image_px(moved - local)
    return moves


def collar_share(frame: FaceFrame, places_px: Points) -> Points:
    """Return how much places around the head follow it, (count, 1): 1 for hair, 0 for shoulders."""
    below = frame.to_local(places_px)[:, 1:2] - 1.9
    share: Points = np.clip(1.1 - np.maximum(0, below) / 0.5, 0, 1)
    return share


def _rotation(head: HeadMove) -> Points:
    """Return the rotation in the head's frame (right, down, away): roll after yaw after pitch, (3, 3)."""
    roll, pitch, yaw = (math.radians(angle) for angle in (head.roll_deg, head.pitch_deg, head.yaw_deg))
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    turn = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    lean = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    rotation: Points = lean @ turn @ nod
    return rotation


GRID_STEPS = 48
"""Cells of the coarse grid per unit."""
LIP_MARGIN_STEPS = 4
"""Around the opening of the mouth the field is painted for each pixel up to so many cells away."""
STILL_PX = 0.05
"""Smaller displacements are ignored."""
RING, OUTER_RING = 1.45, 2.6
"""The rings around the face, as multiples of its oval."""
FACE_RING = 1.38
IRIS_CENTRES = (468, 473)
EYE_RING = 0.68
"""Place of the ring between the centre of the iris (0) and the border of the lids (1)."""
RING_FOLLOWS = 0.10
"""The ring's share of a lid's displacement away from the iris; towards the iris it follows in full."""


@dataclass(frozen=True)
class Warped:
    """The bent part of a picture."""

    box: Box
    """Left, top, right, bottom in pixels of the picture, ends excluded."""
    picture: Image
    """A new array of the box's size."""
    places_px: Points
    """The new places of the skin's landmarks, (468, 2), relative to the box's corner."""
    moves_px: Points
    """Their displacements, (468, 2)."""


@dataclass(frozen=True)
class _Shape:
    triangles: Ids
    before: Points
    after: Points


def warp(picture: Image, frame: FaceFrame, moves: Points, pose: Pose) -> Warped | None:
    """Bend a picture so that the landmarks move; return None if no displacement is visible.

    Args:
        picture: (height, width, 3) RGB; not changed.
        frame: the face in it.
        moves: (478, 3) in units, from `landmark_moves`.
        pose: gives the edit region and the head motion.
    """
    shape = _shape(frame, moves, pose)
    moving = np.abs(shape.after - shape.before).max(1) > STILL_PX
    triangles = shape.triangles[moving[shape.triangles].any(1)]
    box = _box(shape, triangles, picture)
    if box is None:
        return None
    left, top = box[:2]
    shape = _Shape(_mirrored_first(triangles, shape), shape.before, shape.after)
    field = _coarse_field(shape, frame, box)
    # Before the line of the mouth, where nothing is stretched.
    stretch = measure_stretch(field, max(1.0, 2 * frame.unit_px / GRID_STEPS))
    _sharpen_lips(field, shape, frame, box)
    drawn = bend(picture, field, (left, top))
    average_squeezed(drawn, picture, field, (left, top), stretch.squeezed)
    drawn = restore_detail(restore_grain(drawn, field), stretch.gain)
    places = shape.after[:SKIN_COUNT] - np.array([left, top])
    return Warped(box, drawn, places, (shape.after - shape.before)[:SKIN_COUNT])


def _shape(frame: FaceFrame, moves: Points, pose: Pose) -> _Shape:
    seen, moved = frame.points_px[:, :2], frame.to_image_px(moves)
    oval = seen[OVAL]
    centre = (oval.min(0) + oval.max(0)) / 2
    if pose.mode == "head":
        moved = moved + rigid_moves_px(frame, pose.head, seen + moved, frame.local[:, 2])
        depth = frame.local[OVAL, 2]
        first, second = centre + (oval - centre) * RING, centre + (oval - centre) * OUTER_RING
        carried = rigid_moves_px(frame, pose.head, first, depth) * collar_share(frame, first)
        around, around_moves = np.concatenate([first, second]), np.concatenate([carried, np.zeros_like(second)])
        triangles = mesh.head_with_rings()
    else:
        around = centre + (oval - centre) * FACE_RING
        around_moves, triangles = np.zeros_like(around), mesh.face_with_ring()
    skin, irises = slice(SKIN_COUNT), list(IRIS_CENTRES)
    eyes, eye_moves = rings(seen[skin], moved[skin], seen[irises], moved[irises])
    before = np.concatenate([seen[skin], seen[irises], around, eyes])
    changes = np.concatenate([moved[skin], moved[irises], around_moves, eye_moves])
    triangles = np.concatenate([triangles, ring_triangles(len(before) - len(eyes), mesh.IRISES)])
    return _Shape(triangles, before, before + changes)


def _box(shape: _Shape, triangles: Ids, picture: Image) -> Box | None:
    if not len(triangles):
        return None
    used = np.unique(triangles)
    around = np.concatenate([shape.before[used], shape.after[used]])
    left, top = np.maximum(0, np.floor(around.min(0) - 2)).astype(int).tolist()
    right, bottom = np.minimum([picture.shape[1], picture.shape[0]], np.ceil(around.max(0) + 3)).astype(int).tolist()
    return (left, top, right, bottom) if right - left >= 8 and bottom - top >= 8 else None


def _mirrored_first(triangles: Ids, shape: _Shape) -> Ids:
    """Return the triangles with mirrored ones first, so that the others are painted over them."""
    mirrored = signed_areas(triangles, shape.before) * signed_areas(triangles, shape.after) <= 0
    return np.concatenate([triangles[mirrored], triangles[~mirrored]])


def _coarse_field(shape: _Shape, frame: FaceFrame, box: Box) -> Field:
    import cv2

    left, top, right, bottom = box
    width, height = right - left, bottom - top
    step = max(1.0, frame.unit_px / GRID_STEPS)
    columns, rows = max(2, round(width / step)), max(2, round(height / step))
    cell = np.array([width / columns, height / rows])
    places = (shape.after - np.array([left, top]) + 0.5) / cell - 0.5
    field, _ = paint_mesh(shape.triangles, places, shape.before - shape.after, (rows, columns))
    smooth = cv2.GaussianBlur(field, (0, 0), 0.8)
    large: Field = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return large


def _sharpen_lips(field: Field, shape: _Shape, frame: FaceFrame, box: Box) -> None:
    import cv2

    corner, margin = np.array(box[:2]), LIP_MARGIN_STEPS * max(1.0, frame.unit_px / GRID_STEPS)
    opening = shape.after[INNER_LIPS] - corner
    left, top = np.maximum(0, np.floor(opening.min(0) - margin)).astype(int).tolist()
    right, bottom = np.minimum(field.shape[1::-1], np.ceil(opening.max(0) + margin)).astype(int).tolist()
    if right <= left or bottom <= top:
        return
    corner_px = np.array([left, top])
    triangles = _mirrored_first(mesh.lip_triangles(), shape)
    sharp, covered = paint_mesh(
        triangles, shape.after - corner - corner_px, shape.before - shape.after, (bottom - top, right - left)
    )
    # The open mouth goes on as its lips do: what is painted over it fades out towards them.
    sharp = _continued(sharp, covered, margin / 3)
    # Slivers between lip points that coincide leave single wrong cells.
    sharp = cv2.merge([cv2.medianBlur(np.ascontiguousarray(sharp[..., axis]), 5) for axis in (0, 1)])
    mask = covered.astype(np.float32)
    cv2.fillPoly(mask, [np.round(opening - corner_px).astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(cv2.erode(mask, None), (0, 0), 1.0)[..., None]
    mask[mask > 0.99] = 1.0
    # Lips go on beyond the box: without a soft border the fine field would end there in steps.
    mask *= (_from_border(bottom - top, margin)[:, None] * _from_border(right - left, margin))[..., None]
    part = field[top:bottom, left:right]
    field[top:bottom, left:right] = part * (1 - mask) + sharp * mask


def _continued(field: Field, covered: NDArray[np.bool_], soft_px: float) -> Field:
    """Return a field with the values around it where no triangle lies: those of the nearest cells, mixed softly."""
    import cv2

    if covered.all() or not covered.any():
        return field
    _, nearest = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.empty((int(nearest.max()) + 1, field.shape[2]), field.dtype)
    values[nearest[covered]] = field[covered]
    mixed: Field = cv2.GaussianBlur(values[nearest], (0, 0), soft_px)
    mixed[covered] = field[covered]
    return mixed


def _from_border(count: int, reach: float) -> Field:
    """Return weights of cells in a row that rise from 0 at both borders to 1 within `reach` cells."""
    cells = np.arange(count)
    return smoothstep(np.minimum(cells, cells[::-1]) / reach).astype(np.float32)


@lru_cache(maxsize=8)
def ring_triangles(first: int, irises: tuple[int, int]) -> Ids:
    """Return the triangles that finely cover both eyes, for rings whose vertices begin at `first`, (count, 3)."""
    rows: list[tuple[int, int, int]] = []
    for iris, eye in zip(irises, EYES.values(), strict=True):
        contour = eye.contour.tolist()
        ring = list(range(first, first + len(contour)))
        first += len(contour)
        for index in range(len(contour)):
            after = (index + 1) % len(contour)
            rows += [
                (contour[index], contour[after], ring[index]),
                (contour[after], ring[after], ring[index]),
                (ring[index], ring[after], iris),
            ]
    return np.array(rows)


def rings(skin: Points, skin_moves: Points, irises: Points, iris_moves: Points) -> tuple[Points, Points]:
    """Return the vertices of the rings of both eyes and their displacements, in pixels, (count, 2) each.

    Args:
        skin: the landmarks of the skin, (468, 2).
        skin_moves: their displacements, (468, 2).
        irises: the centres of both irises, (2, 2).
        iris_moves: their displacements, (2, 2).
    """
    places, moves = [], []
    for iris, iris_move, eye in zip(irises, iris_moves, EYES.values(), strict=True):
        out = skin[eye.contour] - iris
        lid = skin_moves[eye.contour] - iris_move
        leaving = (out * lid).sum(1, keepdims=True) > 0
        places.append(iris + EYE_RING * out)
        moves.append(iris_move + EYE_RING * np.where(leaving, RING_FOLLOWS, 1.0) * lid)
    return np.concatenate(places), np.concatenate(moves)


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
