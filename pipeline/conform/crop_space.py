"""Bring a take of a crop back into the picture that the crop was cut from.

The take is measured in the crop. Then its planes and those of what was sent go through one and the same resampling, so
that their difference, which is all that the film gets, is where the change was, and zero where there was none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.edits.sent_face import CropPath
from ..splicing.pictures.planes import Plane, resize_mask

Weights = NDArray[np.float32]
_FEATHER_SHARE = 0.04
"""Width of the soft edge of a crop that changed up to its border, as a share of its side."""


@dataclass(frozen=True)
class InPicture:
    """A frame of a crop and of its take in the picture."""

    sent: list[Plane]
    taken: list[Plane]
    mask: Weights
    """`(height, width)` of the picture: how much of the take is used."""
    inside: NDArray[np.bool_]
    """Where the crop shows the picture completely."""


def to_picture(crop: CropPath, number: int, sent: list[Plane], taken: list[Plane], mask: Weights) -> InPicture:
    """Return frame `number` of a crop and of its take in the picture, 8-bit 4:2:0; outside the crop they are 0."""
    side = (crop.side_px, crop.side_px)
    weights = resize_mask(mask, side) * _soft_edge(crop.side_px)
    return InPicture(
        [_rounded(_expand(crop, number, plane, share)) for plane, share in zip(sent, (1, 2, 2), strict=True)],
        [_rounded(_expand(crop, number, plane, share)) for plane, share in zip(taken, (1, 2, 2), strict=True)],
        np.clip(_expand(crop, number, weights, 1), 0, 1),
        _expand(crop, number, np.ones(side, np.float32), 1) > 0.999,
    )


def crop_planes(planes: list[Plane], inside: Weights) -> list[Plane]:
    """Return the parts of coded planes that lie where `inside`, in coded orientation, is not 0."""
    parts = []
    for plane in planes:
        shown = resize_mask(inside, (plane.shape[0], plane.shape[1])) > 0.99
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        parts.append(plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else plane)
    return parts


def _soft_edge(side: int) -> Weights:
    ramp = max(2.0, _FEATHER_SHARE * side)
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32) + 0.5
    weight = np.clip(distance / ramp, 0, 1)
    edge: Weights = np.minimum(weight[None], weight[:, None])
    return edge


def _rounded(part: Weights) -> Plane:
    plane: Plane = np.clip(np.rint(part), 0, 255).astype(np.uint8)
    return plane


def _expand(crop: CropPath, number: int, plane: Plane, subsampled: int) -> Weights:
    """Resample a plane of a crop to the picture, whose planes are `subsampled` times smaller than its luma.

    Each pixel is the mean of cubic samples on a finer grid, as many as the crop has pixels for it: a box filter, which
    keeps what was enlarged from being aliased.
    """
    import cv2

    left, top, scale = crop.rows[number]
    left, top = left / subsampled, top / subsampled
    height, width = crop.picture_px[1] // subsampled, crop.picture_px[0] // subsampled
    span = plane.shape[0] / scale
    columns = max(0, int(np.floor(left))), min(width, int(np.ceil(left + span)))
    rows = max(0, int(np.floor(top))), min(height, int(np.ceil(top + span)))
    fine = max(1, int(np.ceil(scale)))
    size = (columns[1] - columns[0]) * fine, (rows[1] - rows[0]) * fine
    step = scale / fine
    across = (columns[0] + 0.5 / fine - left) * scale - 0.5
    down = (rows[0] + 0.5 / fine - top) * scale - 0.5
    matrix = np.array([[step, 0, across], [0, step, down]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_CONSTANT if plane.dtype == np.float32 else cv2.BORDER_REPLICATE
    sampled = cv2.warpAffine(plane.astype(np.float32), matrix, size, flags=flags, borderMode=border)
    if fine > 1:
        sampled = cv2.resize(sampled, (size[0] // fine, size[1] // fine), interpolation=cv2.INTER_AREA)
    expanded = np.zeros((height, width), np.float32)
    expanded[rows[0] : rows[1], columns[0] : columns[1]] = sampled
    return expanded
