"""Bend the picture: the landmarks' displacements become a field over the pixels, and one remap draws the new face.

Field: the mesh of triangles is rasterized on a coarse grid and smoothed, which hides the edges of the triangles; over
the lips, where it is discontinuous at the line of the mouth, it is painted again at full resolution.

Resampling: the picture is sampled once, by Lanczos's kernel of eight; on real faces a cubic kernel loses three to eight
points more of the sharpness (variance of the Laplacian). The eye, and 4:2:0, resolve detail in luma alone, so only the
grey picture is read by the long kernel, and its difference to a linear reading is added to all three channels. That
takes two thirds of the time of three long readings; on faces the luma is within 2 steps of 255, 0.3 on average. A pixel
that does not move is read unchanged.

Grain: a pixel that is read between four others is a mean of them and has less grain than they had, least at half a
pixel, so that moving skin would look smoother than still skin. The finest detail of each pixel is therefore raised by
what its subpixel position cost it. Nothing is raised where nothing moved, nor in pictures without grain: in compressed
ones there is hardly any, and the finest detail flickers.

Eyeballs: lids are skin, but what they uncover is eye. A ring of vertices around the iris keeps it round: without the
ring a rising lid would stretch the complete iris; with it only the part under the lid is stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Field, Ids, Image, Points
from ..frames.masks import Box
from ..geometry import mesh
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import EYES, INNER_LIPS, OVAL, SKIN_COUNT
from ..pose.pose import Pose
from .rigid_head import collar_share, rigid_moves_px

GRID_STEPS = 48
"""Cells of the coarse grid per unit."""
STILL_PX = 0.05
"""Smaller displacements are ignored."""
RING, OUTER_RING = 1.45, 2.6
"""The rings around the face, as multiples of its oval."""
FACE_RING = 1.38
IRIS_CENTRES = (468, 473)
GRAIN_GAIN = 0.28
"""How much the finest detail is raised at half a pixel in both directions."""
FINEST_PX, FAINT = 0.7, 4.0
"""Detail finer than a Gaussian of this deviation is raised, up to 4 steps of 255: grain, not edges."""
GRAINY = (1.2, 1.6)
"""Between these means of the finest detail, in steps of 255, a picture starts to count as grainy."""
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
    left, top, right, bottom = box
    shape = _Shape(_mirrored_first(triangles, shape), shape.before, shape.after)
    field = _coarse_field(shape, frame, box)
    _sharpen_lips(field, shape, frame, box)
    across = field[..., 0] + np.arange(left, right, dtype=np.float32)[None, :]
    along = field[..., 1] + np.arange(top, bottom, dtype=np.float32)[:, None]
    drawn = restore_grain(resample(picture, across, along), field)
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

    corner, margin = np.array(box[:2]), max(1.0, frame.unit_px / GRID_STEPS)
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
    # Slivers between lip points that coincide leave single wrong cells.
    sharp = cv2.merge([cv2.medianBlur(np.ascontiguousarray(sharp[..., axis]), 5) for axis in (0, 1)])
    mask = covered.astype(np.float32)
    cv2.fillPoly(mask, [np.round(opening - corner_px).astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(cv2.erode(mask, None), (0, 0), 1.0)[..., None]
    mask[mask > 0.99] = 1.0
    part = field[top:bottom, left:right]
    field[top:bottom, left:right] = part * (1 - mask) + sharp * mask


def resample(picture: Image, across: Field, along: Field) -> Image:
    """Return a picture read at other places.

    Args:
        picture: (height, width, 3) RGB; not changed.
        across: the x in the picture of each pixel of the result, (rows, columns); outside, the border is repeated.
        along: their y.
    """
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    sharp = cv2.remap(grey, across, along, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.remap(grey, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colour = cv2.remap(picture, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    detail = cv2.subtract(sharp, soft, dtype=cv2.CV_16S)
    read: Image = cv2.add(colour, cv2.merge([detail, detail, detail]), dtype=cv2.CV_8U)
    return read


def restore_grain(drawn: Image, field: Field) -> Image:
    """Return the picture with its grain as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, resampled at its own places plus the field.
        field: (height, width, 2) px.
    """
    import cv2

    finest = cv2.subtract(drawn, cv2.GaussianBlur(drawn, (0, 0), FINEST_PX), dtype=cv2.CV_32F)
    np.clip(finest, -FAINT, FAINT, out=finest)
    grain = (float(np.abs(finest[::2, ::2]).mean()) - GRAINY[0]) / (GRAINY[1] - GRAINY[0])
    if grain <= 0:
        return drawn
    between = field - np.floor(field)
    lost = 4 * between * (1 - between)
    raised = (0.5 * GRAIN_GAIN * min(1.0, grain)) * (lost[..., 0] + lost[..., 1])
    grainy: Image = cv2.add(drawn, finest * raised[..., None], dtype=cv2.CV_8U)
    return grainy


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


_SUBPIXEL_BITS = 4


def paint_mesh(
    triangles: Ids, places: Points, values: Points, cells: tuple[int, int]
) -> tuple[Field, NDArray[np.bool_]]:
    """Interpolate values over a mesh; where triangles overlap, the last one in the list wins.

    Args:
        triangles: (count, 3) vertex indices.
        places: (vertices, 2) x and y in cells; the centre of the first cell is (0, 0).
        values: (vertices, 2).
        cells: rows and columns of the field.

    Returns:
        The field, (rows, columns, 2), zero outside the triangles; and a mask of the triangles, (rows, columns).
    """
    rows, columns = cells
    corners = places[triangles]
    visible = (
        (corners.max(1) > -1).all(1) & (corners[:, :, 0].min(1) < columns + 1) & (corners[:, :, 1].min(1) < rows + 1)
    )
    triangles, corners = triangles[visible], corners[visible]
    owner = _owners(corners, rows, columns)
    down, right = np.nonzero(owner >= 0)
    index = owner[down, right]
    first, second = _weights(corners, index, right, down)
    third = 1 - first - second
    vertex = values[triangles]
    field = np.zeros((rows, columns, 2), np.float32)
    field[down, right] = (
        first[:, None] * vertex[index, 0] + second[:, None] * vertex[index, 1] + third[:, None] * vertex[index, 2]
    )
    return field, owner >= 0


def signed_areas(triangles: Ids, places: Points) -> NDArray[np.float64]:
    """Return twice the area of each triangle; its sign changes if the triangle is mirrored."""
    a, b, c = places[triangles[:, 0]], places[triangles[:, 1]], places[triangles[:, 2]]
    areas: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return areas


def _owners(corners: Points, rows: int, columns: int) -> NDArray[np.int32]:
    import cv2

    owner = np.full((rows, columns), -1, np.int32)
    fixed = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for number, corner in enumerate(fixed):
        cv2.fillConvexPoly(owner, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
    return owner


def _weights(corners: Points, index: NDArray[Any], right: NDArray[Any], down: NDArray[Any]) -> tuple[Points, Points]:
    """Return the first two barycentric weights of each painted cell, clipped to the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    slopes = np.stack([b[:, 1] - c[:, 1], c[:, 0] - b[:, 0], c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]], 1) / area[:, None]
    x, y, slope = right - c[index, 0], down - c[index, 1], slopes[index]
    first = np.clip(slope[:, 0] * x + slope[:, 1] * y, 0, 1)
    second = np.clip(slope[:, 2] * x + slope[:, 3] * y, 0, 1)
    return first, np.minimum(second, 1 - first)
