"""Find faces with the networks of BlazeFace: boxes and eyes, from a grid of places that each look for one face.

The near network finds faces from about 5 % of the picture's width between the eyes; the far one finds smaller faces.
Paper: Bazarevsky et al., BlazeFace, https://arxiv.org/abs/1907.05047; overlapping finds are averaged, as in section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Image, Points
from .network import Network
from .region import Region, region_around, whole_picture

_SAME_FACE_OVERLAP = 0.3
"""Finds whose intersection is more than this share of their union are one face."""


@dataclass(frozen=True)
class Detection:
    """A face that was found."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    eyes: Points
    """(2, 2) px: the eye at the image's left, then the other."""

    def region(self) -> Region:
        """Return where the face's landmarks are to be found."""
        left, top, right, bottom = self.box
        return region_around(np.array([[left, top], [right, bottom]]), *self.eyes)


@dataclass(frozen=True)
class DetectorKind:
    """What a detector's network reads and returns."""

    network: str
    size_px: int
    """The side of its input."""
    confidence: float
    """The least confidence to report a face."""
    grids: tuple[tuple[int, int], ...]
    """Cells along a side, and finds for each cell; one after the other in the output."""


NEAR = DetectorKind("detector_near", 128, 0.5, ((16, 2), (8, 6)))
FAR = DetectorKind("detector_far", 192, 0.6, ((48, 1),))


class Detector:
    """One of the two networks."""

    def __init__(self, kind: DetectorKind) -> None:
        self._kind = kind
        self._network = Network(kind.network)
        self._centres = np.concatenate([_cell_centres(cells, finds) for cells, finds in kind.grids])

    def find(self, picture: Image, square: Region | None = None) -> list[Detection]:
        """Return the faces of a picture, or of a square of it, the surest first; in pixels of the picture."""
        square = whole_picture(picture) if square is None else square
        cut = square.cut(picture, self._kind.size_px, repeat_border=False)
        places, logits = self._network.run(cut * np.float32(2 / 255) - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -100, 100)))
        sure = np.flatnonzero(scores >= self._kind.confidence)
        sure = sure[np.argsort(-scores[sure], kind="stable")]
        raw = places.reshape(len(scores), -1, 2)[sure].astype(np.float64) / self._kind.size_px
        centre, half = raw[:, 0] + self._centres[sure], raw[:, 1] / 2
        # Rows: the box's top left and bottom right, then the two eyes; the other places are not used.
        finds = np.stack(
            [centre - half, centre + half, *(raw[:, 2:4] + self._centres[sure][:, None]).swapaxes(0, 1)], 1
        )
        return [_detection(square.to_picture(find)) for find in _average_overlapping(finds, scores[sure])]


def _cell_centres(cells: int, finds: int) -> Points:
    """Return the centre of the cell of each find, (count, 2), 0 to 1, row by row."""
    along = (np.arange(cells) + 0.5) / cells
    centres = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    return np.repeat(centres, finds, 0)


def _average_overlapping(finds: Points, scores: Points) -> list[Points]:
    """Return the mean of each group that overlaps its surest find, weighted by score; they come in falling order."""
    averaged: list[Points] = []
    while len(finds):
        is_same = _overlaps(finds, finds[0]) > _SAME_FACE_OVERLAP
        is_same[0] = True
        averaged.append(np.average(finds[is_same], axis=0, weights=scores[is_same]))
        finds, scores = finds[~is_same], scores[~is_same]
    return averaged


def _overlaps(finds: Points, other: Points) -> Points:
    sides = np.minimum(finds[:, 1], other[1]) - np.maximum(finds[:, 0], other[0])
    shared = np.maximum(sides, 0).prod(1)
    union = (finds[:, 1] - finds[:, 0]).prod(1) + (other[1] - other[0]).prod() - shared
    overlaps: Points = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def _detection(find: Points) -> Detection:
    (left, top), (right, bottom) = find[:2].tolist()
    return Detection((left, top, right, bottom), find[2:])
