"""Find how a take lies against what was sent: rate, lag, missing, surplus and doubled frames.

Takes   small grey pictures of both, `(frames, height, width) uint8`.
Gives   `Alignment`: for each frame sent, the frame of the take that shows it.
Raises  HostFailed where no alignment explains the take.

Frames that a take dropped or showed twice in its middle: from there on it lies at another place in time.

Takes   small grey pictures of what was sent and of the take, `(frames, height, width) uint8`, and the place in the take
        at which each frame is looked for.
Gives   the place at which each frame is found.
Source  The path of least cost through a few offsets per frame (Viterbi, 1967).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProviderError

SEARCH_FRAMES = 15
MOST_MISSING = Fraction(1, 4)
LEAST_LIKENESS = 0.7
_MOVING_SHARE = 0.25
_MOVES = 0.15
"""Levels of 255 that a small picture moves by in the mean where anything moves."""
MOST_STILL, MOST_STILL_SHARE = 3, 0.3
_QUIET_SHARE = 0.6
"""Of the pixels, those that differ least: they lie outside what the take was to change."""
_LEAST_SPREAD = 12.0

Small = NDArray[np.uint8]


@dataclass(frozen=True)
class Alignment:
    """Which frame of the take shows each frame that was sent."""

    take_of: tuple[int, ...]
    stands_for: tuple[int, ...]
    """The frame sent that this frame of the take really shows: another one only where frames are missing."""
    lag_frames: int
    """How many frames too late the take is."""
    missing: int
    surplus: int
    doubled: int
    resampled: bool
    """Whether the take came at another rate over the same time."""
    likeness: float
    """How well the pictures that belong together agree, at most 1."""
    still: int
    """Frames that stand still where what was sent moves, of the `moves` in which it does."""
    moves: int


def align(sent: Small, taken: Small, sent_rate: Fraction, taken_rate: Fraction, name: str) -> Alignment:
    """Align a take with what was sent; `accept` tells whether that may be used."""
    expected, given = len(sent), len(taken)
    if not given:
        raise ProviderError(f"the take of {name} has no frames")
    resampled = _resampled(expected, given, sent_rate, taken_rate)
    ratio = taken_rate / sent_rate if resampled else Fraction(1)
    wanted = [round(i * ratio) for i in range(expected)]
    lag, moving = _lag(sent, taken, wanted), _moving(sent)
    places, skipped = np.array(wanted) + lag, 0
    inside = np.flatnonzero((places >= 0) & (places < given))
    if not resampled and len(inside):
        places = slipped(sent, taken, moving, places)
        owned, skipped = owners(places, given, costs_at(sent, taken, moving, places))
        inside = np.flatnonzero(owned)
    if not len(inside):
        raise ProviderError(f"the take of {name} has {given} frames, none of which belongs to the {expected} sent")
    stands_for = _nearest(inside, expected)
    take_of = places[stands_for]
    still, moves = _still(sent[inside], taken[places[inside]])
    return Alignment(
        take_of=tuple(take_of.tolist()),
        stands_for=tuple(stands_for.tolist()),
        lag_frames=lag,
        missing=expected - len(inside),
        surplus=max(0, given - 1 - int(places[inside].max())) + max(0, int(places[inside].min())),
        doubled=still + skipped,
        resampled=resampled,
        likeness=_likeness(sent[stands_for], taken[take_of]),
        still=still,
        moves=moves,
    )


def accept(found: Alignment, given: int, name: str) -> None:
    """Refuse a take that is not what was sent, with more missing than can be repaired, or that stands still.

    Raises:
        HostFailed: why, in one line.
    """
    expected = len(found.take_of)
    if found.likeness < LEAST_LIKENESS:
        raise ProviderError(
            f"the take of {name} does not show what was sent: likeness {found.likeness:.2f}, at least "
            f"{LEAST_LIKENESS} is needed"
        )
    if found.missing > max(3, int(expected * MOST_MISSING)):
        raise ProviderError(
            f"the take of {name} has {given} frames, {expected} were sent: {found.missing} have no counterpart, "
            "which is too many to repair"
        )
    if found.still > max(MOST_STILL, found.moves * MOST_STILL_SHARE):
        raise ProviderError(
            f"the take of {name} is frozen: it stands still in {found.still} of {found.moves} frames in which what "
            "was sent moves"
        )


def _nearest(inside: NDArray[np.int64], expected: int) -> NDArray[np.int64]:
    """For each frame, the nearest one that has its own; the earlier of two."""
    wanted = np.arange(expected)
    right = np.clip(np.searchsorted(inside, wanted), 0, len(inside) - 1)
    left = np.clip(right - 1, 0, None)
    closer = np.abs(inside[right] - wanted) < np.abs(inside[left] - wanted)
    return np.where(closer, inside[right], inside[left])


def _resampled(expected: int, given: int, sent_rate: Fraction, taken_rate: Fraction) -> bool:
    """Tell whether the count follows from the rate; else the rate is only a wrong label."""
    if taken_rate <= 0 or abs(taken_rate / sent_rate - 1) < Fraction(1, 200):
        return False
    return abs(given - expected * taken_rate / sent_rate) < abs(given - expected)


def _lag(sent: Small, taken: Small, wanted: list[int]) -> int:
    """Search the shift at which the moving pixels agree best; zero unless another is clearly better."""
    moving = _moving(sent)
    before, after = sent.reshape(len(sent), -1)[:, moving], taken.reshape(len(taken), -1)[:, moving]
    lags = range(-SEARCH_FRAMES, SEARCH_FRAMES + 1)
    costs = {lag: _cost(before, after, np.array(wanted) + lag) for lag in lags}
    best = min(costs, key=lambda lag: (costs[lag], abs(lag)))
    clearly = costs[best] < 0.8 * costs[0] and costs[0] - costs[best] > 0.02
    return best if clearly else 0


def _moving(sent: Small) -> NDArray[np.int64]:
    """Give the places of the pixels that move most: still ones tell nothing of time."""
    motion = np.abs(np.diff(sent.astype(np.int16), axis=0)).mean(0).ravel() if len(sent) > 1 else np.zeros(sent[0].size)
    count = max(1, int(motion.size * _MOVING_SHARE))
    return np.argsort(motion)[-count:]


def _cost(before: NDArray[np.uint8], after: NDArray[np.uint8], places: NDArray[np.int64]) -> float:
    """Give how far the pixels are apart over time; the median, so that those which the take changed do not count."""
    inside = np.flatnonzero((places >= 0) & (places < len(after)))
    if len(inside) < max(1, min(len(before), len(after)) // 2):
        return float("inf")
    inside = inside[:: max(1, len(inside) // 240)]
    difference = after[places[inside]].astype(np.float32) - before[inside]
    return float(np.median(np.abs(difference - difference.mean(0)).mean(0)))


def _likeness(sent: Small, taken: Small) -> float:
    """Give how well the pictures agree where they differ least: 1 less their distance, in spreads of the picture."""
    step = max(1, len(sent) // 60)
    found = []
    for one, other in zip(sent[::step], taken[::step], strict=True):
        difference = other.astype(np.float32) - one
        distance = np.abs(difference - np.median(difference)).ravel()
        quiet = int(distance.size * _QUIET_SHARE)
        spread = max(float(one.std()), _LEAST_SPREAD)
        same = 1 - float(np.partition(distance, quiet)[:quiet].mean()) / spread
        found.append(min(same, 1 + _correlation(one, other)))
    return float(np.median(found)) if found else 0.0


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    a, b = one - one.mean(), other - other.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1e-6 else 0.0


def _still(sent: Small, taken: Small) -> tuple[int, int]:
    """Count the frames of the take that stand still where what was sent moves, and those where it moves."""
    if len(sent) < 2:
        return 0, 0
    moves = np.abs(np.diff(sent.astype(np.int16), axis=0)).mean((1, 2))
    still = np.abs(np.diff(taken.astype(np.int16), axis=0)).mean((1, 2))
    return int(((moves > _MOVES) & (still < 0.1 * moves)).sum()), int((moves > _MOVES).sum())


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
