"""Parts of a picture in which a detector is asked by itself, so that faces which are small in the whole are found."""

from __future__ import annotations

from .landmarks.contract import Box

SIDE_PX = 960
"""A tile is at least so large, and at least half of the picture's long side, so that there are never many."""


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Give the tiles of a picture, left, top, right, bottom, each overlapping the next by half; none of a small one."""
    side = max(SIDE_PX, max(width, height) // 2)
    if max(width, height) < 1.25 * side:
        return []
    return [
        (left, top, min(width, left + side), min(height, top + side))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    steps = -(-(length - side) // (side // 2))
    return [round(step * (length - side) / steps) for step in range(steps + 1)]


def merged(boxes: list[Box]) -> list[Box]:
    """Drop boxes whose middle lies in one that was named before."""
    kept: list[Box] = []
    for left, top, right, bottom in boxes:
        x, y = (left + right) / 2, (top + bottom) / 2
        if not any(one[0] < x < one[2] and one[1] < y < one[3] for one in kept):
            kept.append((left, top, right, bottom))
    return kept
