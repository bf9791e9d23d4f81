"""Frames that a take dropped or showed twice in its middle: from there on it lies at another place in time.

Takes   small grey pictures of what was sent and of the take, `(frames, height, width) uint8`, and the place in the take
        at which each frame is looked for.
Gives   the place at which each frame is found.
Source  The path of least cost through a few offsets per frame (Viterbi, 1967).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Small = NDArray[np.uint8]
Places = NDArray[np.int64]

REACH_FRAMES = 4
"""How many frames may be dropped, or shown twice, in all."""
_LEAST_FRAMES = 8
_MOST_LEVELS = 20.0
"""A pixel that the take changed counts no more than this."""
_PRICE = 2.0
"""Mean levels, over all frames of one stretch, that a slip must win."""
_STRETCH_FRAMES = 3


def slipped(sent: Small, taken: Small, moving: NDArray[np.int64], places: Places) -> Places:
    """Follow the take through slips; the places as they were where it has none that is clear."""
    if len(sent) < _LEAST_FRAMES:
        return places
    costs = _costs(sent, taken, moving, places)
    offsets = _path(costs, _PRICE * _STRETCH_FRAMES)
    return places + offsets - REACH_FRAMES


def _costs(sent: Small, taken: Small, moving: NDArray[np.int64], places: Places) -> NDArray[np.float64]:
    """Give how far each frame is from the take at each offset, `(frames, 2 * REACH_FRAMES + 1)`."""
    before = sent.reshape(len(sent), -1)[:, moving].astype(np.float32)
    after = taken.reshape(len(taken), -1)[:, moving].astype(np.float32)
    near = np.clip(places, 0, len(after) - 1)
    always = np.median(after[near] - before, axis=0)
    costs = np.full((len(before), 2 * REACH_FRAMES + 1), _MOST_LEVELS)
    for number, offset in enumerate(range(-REACH_FRAMES, REACH_FRAMES + 1)):
        at = places + offset
        inside = (at >= 0) & (at < len(after))
        apart = np.abs(after[at[inside]] - before[inside] - always)
        costs[inside, number] = np.minimum(apart, _MOST_LEVELS).mean(1)
    return costs


def _path(costs: NDArray[np.float64], price: float) -> NDArray[np.int64]:
    """Choose an offset per frame; each step from one to another costs, and time never runs backwards."""
    count, states = costs.shape
    start = np.abs(np.arange(states) - REACH_FRAMES) * price
    total, came = costs[0] + start, np.zeros((count, states), np.int64)
    step = np.abs(np.arange(states)[:, None] - np.arange(states)[None]) * price
    # From offset a to a smaller b the place would fall behind by more than the frame itself moves on.
    step[np.arange(states)[:, None] > np.arange(states)[None] + 1] = np.inf
    for frame in range(1, count):
        ways = total[:, None] + step
        came[frame] = ways.argmin(0)
        total = ways.min(0) + costs[frame]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmin())
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path


def owners(places: Places, given: int, costs: NDArray[np.float64]) -> tuple[NDArray[np.bool_], int]:
    """Tell which frames have a frame of the take for themselves, and how many of the take's, between them, have none.

    Of frames that share one, the one that it shows best has it; `costs` are per frame.
    """
    owned = (places >= 0) & (places < given)
    order = np.lexsort((costs, places))
    shared = places[order][1:] == places[order][:-1]
    owned[order[1:][shared]] = False
    used = np.unique(places[owned])
    skipped = int(used[-1] - used[0] + 1 - len(used)) if len(used) else 0
    return owned, skipped


def costs_at(sent: Small, taken: Small, moving: NDArray[np.int64], places: Places) -> NDArray[np.float64]:
    """Give how far each frame is from the take's at its place."""
    return _costs(sent, taken, moving, places)[:, REACH_FRAMES]
