"""Align a take with what was sent in time: rate, lag, missing, surplus and doubled frames.

It compares thumbnails of both, `(frames, height, width) uint8`, grey. Frames that a take dropped or showed twice in its
middle are followed by the cheapest path through a few offsets per frame (Viterbi, 1967).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProviderError

SEARCH_S, _MIN_SEARCH_FRAMES = Fraction(3, 5), 15
"""How far a take may lag behind or run ahead; a provider's delay is a time, whatever the frame rate."""
MAX_MISSING_SHARE = Fraction(1, 4)
MIN_SIMILARITY = 0.7
_MOVING_SHARE = 0.25
_MIN_MOTION = 0.15
"""Mean change of a thumbnail, in levels of 255, above which something moves."""
MAX_STILL, MAX_STILL_SHARE = 3, 0.3
_QUIET_SHARE = 0.6
"""Share of the pixels that differ least: they lie outside what the take was asked to change."""
_MIN_SPREAD = 12.0

Thumbnails = NDArray[np.uint8]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Alignment:
    """Which frame of the take shows each frame that was sent."""

    take_index: tuple[int, ...]
    """For each frame sent, the frame of the take to use."""
    matched_index: tuple[int, ...]
    """For each frame sent, the sent frame that its take frame shows: another one only where frames are missing."""
    lag_frames: int
    """How many frames too late the take is."""
    missing: int
    surplus: int
    doubled: int
    resampled: bool
    """Whether the take has another rate over the same duration."""
    similarity: float
    """How well the matched pictures agree, at most 1."""
    still: int
    """Frames in which the take stands still while what was sent moves, of `moves` such frames."""
    moves: int


def align(sent: Thumbnails, taken: Thumbnails, sent_rate: Fraction, taken_rate: Fraction, name: str) -> Alignment:
    """Align a take with what was sent; `require_usable` checks the result.

    Raises:
        ProviderError: no frame of the take belongs to what was sent.
    """
    expected, count = len(sent), len(taken)
    if not count:
        raise ProviderError(f"the take of {name} has no frames")
    resampled = _is_resampled(expected, count, sent_rate, taken_rate)
    ratio = taken_rate / sent_rate if resampled else Fraction(1)
    nominal = [round(i * ratio) for i in range(expected)]
    search = max(_MIN_SEARCH_FRAMES, round(SEARCH_S * (taken_rate if resampled else sent_rate)))
    lag, moving = _find_lag(sent, taken, nominal, search), _moving_pixels(sent)
    positions, skipped = np.array(nominal) + lag, 0
    matched = np.flatnonzero((positions >= 0) & (positions < count))
    if not resampled and len(matched):
        positions = follow_dropped_frames(sent, taken, moving, positions)
        costs = costs_at_positions(sent, taken, moving, positions)
        claimed, skipped = claim_frames(positions, count, costs)
        matched = np.flatnonzero(claimed)
    if not len(matched):
        raise ProviderError(f"the take of {name} has {count} frames, none of which matches the {expected} sent")
    matched_index = _nearest_matched(matched, expected)
    take_index = positions[matched_index]
    still, moves = _count_still(sent[matched], taken[positions[matched]])
    return Alignment(
        take_index=tuple(take_index.tolist()),
        matched_index=tuple(matched_index.tolist()),
        lag_frames=lag,
        missing=expected - len(matched),
        surplus=max(0, count - 1 - int(positions[matched].max())) + max(0, int(positions[matched].min())),
        doubled=still + skipped,
        resampled=resampled,
        similarity=_similarity(sent[matched_index], taken[take_index]),
        still=still,
        moves=moves,
    )


def require_usable(alignment: Alignment, count: int, name: str) -> None:
    """Check a take of `count` frames.

    Raises:
        ProviderError: it does not show what was sent, misses more frames than can be repaired, or stands still.
    """
    expected = len(alignment.take_index)
    if alignment.similarity < MIN_SIMILARITY:
        raise ProviderError(
            f"the take of {name} does not show what was sent: similarity {alignment.similarity:.2f}, at least "
            f"{MIN_SIMILARITY} is required"
        )
    if alignment.missing > max(3, int(expected * MAX_MISSING_SHARE)):
        raise ProviderError(
            f"the take of {name} has {count} frames, {expected} were sent: {alignment.missing} have no counterpart, "
            "too many to repair"
        )
    if alignment.still > max(MAX_STILL, alignment.moves * MAX_STILL_SHARE):
        raise ProviderError(
            f"the take of {name} is frozen: it stands still in {alignment.still} of {alignment.moves} frames in which "
            "what was sent moves"
        )


def _nearest_matched(matched: NDArray[np.int64], expected: int) -> NDArray[np.int64]:
    """Return for each frame the nearest matched one, the earlier of two."""
    frames = np.arange(expected)
    right = np.clip(np.searchsorted(matched, frames), 0, len(matched) - 1)
    left = np.clip(right - 1, 0, None)
    closer = np.abs(matched[right] - frames) < np.abs(matched[left] - frames)
    return np.where(closer, matched[right], matched[left])


def _is_resampled(expected: int, count: int, sent_rate: Fraction, taken_rate: Fraction) -> bool:
    """Check whether the frame count follows from the rate; if not, the rate is only a wrong tag."""
    if taken_rate <= 0 or abs(taken_rate / sent_rate - 1) < Fraction(1, 200):
        return False
    return abs(count - expected * taken_rate / sent_rate) < abs(count - expected)


def _find_lag(sent: Thumbnails, taken: Thumbnails, nominal: list[int], search: int) -> int:
    """Return the shift of at most `search` at which the moving pixels agree best; 0 unless one is clearly better."""
    moving = _moving_pixels(sent)
    before, after = sent.reshape(len(sent), -1)[:, moving], taken.reshape(len(taken), -1)[:, moving]
    costs = {lag: _cost(before, after, np.array(nominal) + lag) for lag in range(-search, search + 1)}
    best = min(costs, key=lambda lag: (costs[lag], abs(lag)))
    is_clear = costs[best] < 0.8 * costs[0] and costs[0] - costs[best] > 0.02
    return best if is_clear else 0


def _moving_pixels(sent: Thumbnails) -> NDArray[np.int64]:
    """Return the indices of the pixels that move most."""
    motion = np.abs(np.diff(sent.astype(np.int16), axis=0)).mean(0).ravel() if len(sent) > 1 else np.zeros(sent[0].size)
    count = max(1, int(motion.size * _MOVING_SHARE))
    return np.argsort(motion)[-count:]


def _cost(before: NDArray[np.uint8], after: NDArray[np.uint8], positions: Positions) -> float:
    """Return the difference of the pixels over time; the median, so that those which the take changed do not count."""
    inside = np.flatnonzero((positions >= 0) & (positions < len(after)))
    if len(inside) < max(1, min(len(before), len(after)) // 2):
        return float("inf")
    inside = inside[:: max(1, len(inside) // 240)]
    difference = after[positions[inside]].astype(np.float32) - before[inside]
    return float(np.median(np.abs(difference - difference.mean(0)).mean(0)))


def _similarity(sent: Thumbnails, taken: Thumbnails) -> float:
    """Return how well the pictures agree where they differ least: 1 minus their distance, in spreads of the picture."""
    step = max(1, len(sent) // 60)
    values = []
    for before, after in zip(sent[::step], taken[::step], strict=True):
        difference = after.astype(np.float32) - before
        distance = np.abs(difference - np.median(difference)).ravel()
        quiet = int(distance.size * _QUIET_SHARE)
        spread = max(float(before.std()), _MIN_SPREAD)
        agreement = 1 - float(np.partition(distance, quiet)[:quiet].mean()) / spread
        values.append(min(agreement, 1 + _correlation(before, after)))
    return float(np.median(values)) if values else 0.0


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    a, b = first - first.mean(), second - second.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1e-6 else 0.0


def _count_still(sent: Thumbnails, taken: Thumbnails) -> tuple[int, int]:
    """Return in how many frames the take stands still while what was sent moves, and in how many that moves."""
    if len(sent) < 2:
        return 0, 0
    moves = np.abs(np.diff(sent.astype(np.int16), axis=0)).mean((1, 2))
    still = np.abs(np.diff(taken.astype(np.int16), axis=0)).mean((1, 2))
    return int(((moves > _MIN_MOTION) & (still < 0.1 * moves)).sum()), int((moves > _MIN_MOTION).sum())


REACH_FRAMES = 4
"""How many frames may be dropped, or shown twice, in all."""
_MIN_FRAMES = 8
_MAX_LEVELS = 20.0
"""The most that one pixel counts, so that those which the take changed do not dominate."""
_SLIP_COST = 2.0
"""Mean levels per frame, over `_STRETCH_FRAMES`, that a change of offset must gain."""
_STRETCH_FRAMES = 3


def follow_dropped_frames(
    sent: Thumbnails, taken: Thumbnails, moving: NDArray[np.int64], positions: Positions
) -> Positions:
    """Return the positions corrected for frames that the take dropped or doubled; unchanged if that is not clear."""
    if len(sent) < _MIN_FRAMES:
        return positions
    costs = _offset_costs(sent, taken, moving, positions)
    offsets = _cheapest_path(costs, _SLIP_COST * _STRETCH_FRAMES)
    return positions + offsets - REACH_FRAMES


def _offset_costs(
    sent: Thumbnails, taken: Thumbnails, moving: NDArray[np.int64], positions: Positions
) -> NDArray[np.float64]:
    """Return the difference of each frame to the take at each offset, `(frames, 2 * REACH_FRAMES + 1)`."""
    before = sent.reshape(len(sent), -1)[:, moving].astype(np.float32)
    after = taken.reshape(len(taken), -1)[:, moving].astype(np.float32)
    near = np.clip(positions, 0, len(after) - 1)
    constant = np.median(after[near] - before, axis=0)
    costs = np.full((len(before), 2 * REACH_FRAMES + 1), _MAX_LEVELS)
    for number, offset in enumerate(range(-REACH_FRAMES, REACH_FRAMES + 1)):
        at = positions + offset
        inside = (at >= 0) & (at < len(after))
        difference = np.abs(after[at[inside]] - before[inside] - constant)
        costs[inside, number] = np.minimum(difference, _MAX_LEVELS).mean(1)
    return costs


def _cheapest_path(costs: NDArray[np.float64], change_cost: float) -> NDArray[np.int64]:
    """Choose an offset per frame; each change of offset costs, and time never runs backwards."""
    count, states = costs.shape
    start = np.abs(np.arange(states) - REACH_FRAMES) * change_cost
    total, origin = costs[0] + start, np.zeros((count, states), np.int64)
    step = np.abs(np.arange(states)[:, None] - np.arange(states)[None]) * change_cost
    # Time would run backwards.
    step[np.arange(states)[:, None] > np.arange(states)[None] + 1] = np.inf
    for frame in range(1, count):
        options = total[:, None] + step
        origin[frame] = options.argmin(0)
        total = options.min(0) + costs[frame]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmin())
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = origin[frame, path[frame]]
    return path


def claim_frames(positions: Positions, count: int, costs: NDArray[np.float64]) -> tuple[NDArray[np.bool_], int]:
    """Return which frames have a take frame of their own, and how many take frames between those have none.

    If frames share a take frame, the one with the lowest cost has it.
    """
    claimed = (positions >= 0) & (positions < count)
    order = np.lexsort((costs, positions))
    shared = positions[order][1:] == positions[order][:-1]
    claimed[order[1:][shared]] = False
    used = np.unique(positions[claimed])
    skipped = int(used[-1] - used[0] + 1 - len(used)) if len(used) else 0
    return claimed, skipped


def costs_at_positions(
    sent: Thumbnails, taken: Thumbnails, moving: NDArray[np.int64], positions: Positions
) -> NDArray[np.float64]:
    """Return the difference of each frame to the take at its position."""
    return _offset_costs(sent, taken, moving, positions)[:, REACH_FRAMES]
