"""The eyeball behind the lids: a ring of vertices around the iris, so that an eye that opens wide keeps a round iris.

Lids are skin, but what they uncover is eye. Without the ring a lid that rises would draw the whole iris out with it;
with it only the part under the lid is stretched, and the rest stays as it was.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Ids, Points
from ..pose.landmark_indices import EYES

RING = 0.68
"""Where the ring lies between the iris' centre and the border of the lids."""
FOLLOWS = 0.10
"""What share of a lid's move away from the iris the ring takes; it takes all of its place's move towards it."""


def ring_triangles(first: int, irises: tuple[int, int]) -> Ids:
    """Give the faces that finely cover both eyes, for rings whose vertices begin at `first`, (count, 3)."""
    rows: list[tuple[int, int, int]] = []
    for iris, eye in zip(irises, EYES.values(), strict=True):
        contour = eye.contour.tolist()
        ring = list(range(first, first + len(contour)))
        first += len(contour)
        for here in range(len(contour)):
            there = (here + 1) % len(contour)
            rows += [
                (contour[here], contour[there], ring[here]),
                (contour[there], ring[there], ring[here]),
                (ring[here], ring[there], iris),
            ]
    return np.array(rows)


def rings(skin: Points, skin_moves: Points, irises: Points, iris_moves: Points) -> tuple[Points, Points]:
    """Place the rings of both eyes and move them, in pixels: two of (count, 2).

    Args:
        skin: the landmarks of the skin, (468, 2), and how they move.
        skin_moves: (468, 2).
        irises: the centres of both irises, (2, 2), and how they move.
        iris_moves: (2, 2).
    """
    places, moves = [], []
    for iris, iris_move, eye in zip(irises, iris_moves, EYES.values(), strict=True):
        out = skin[eye.contour] - iris
        lid = skin_moves[eye.contour] - iris_move
        leaving = (out * lid).sum(1, keepdims=True) > 0
        places.append(iris + RING * out)
        moves.append(iris_move + RING * np.where(leaving, FOLLOWS, 1.0) * lid)
    return np.concatenate(places), np.concatenate(moves)
