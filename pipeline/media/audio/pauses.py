"""Pauses in a voice, and the frames at which they let a span be parted.

Takes   samples of a voice.
Gives   spans in which the voice rests, and how far below the speech they lie.
Source  ITU-T P.56: speech is held to go on through gaps of up to 200 ms, and levels are smoothed over 30 ms. The speech
        level here is the median of all that lies within 15 dB of the loudest (95th percentile), so that neither a bang
        nor long silence moves it.

Music, traffic or another speaker under the voice can leave no pause to be found: that is the honest answer, since a
cut would be heard there by the model in the middle of a sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..split_points import Place
from .loudness import NEAR_SILENCE_LUFS
from .samples import Samples

SHORTEST_S = 0.2
BELOW_SPEECH_DB = 18.0
_BLOCK_S = 0.01
_SMOOTHED_BLOCKS = 3
_LEAST = 1e-12
_FAR_DB, _LOUD_DB = 48.0, 15.0
"""A pause this far below the speech is as quiet as can be told; this near to the loudest is speech."""
_AMPLE_S = 0.5
"""More quiet than this on either side of a joint is no better."""


@dataclass(frozen=True)
class Pause:
    """The samples [start, end) in which a voice rests."""

    start: int
    end: int
    below_db: float = _FAR_DB
    """How far its level lies below the speech's."""


def pauses(samples: Samples, rate_hz: int) -> list[Pause]:
    """Find all pauses of at least 200 ms in a voice, `(channels, samples) float32`; all of it where nobody speaks."""
    block = _block(rate_hz)
    power = _power(samples, block)
    levels = 10 * np.log10(power + _LEAST)
    loudest = _loudest_db(levels)
    if loudest < NEAR_SILENCE_LUFS:
        return [Pause(0, samples.shape[1])]
    speech_db = float(np.median(levels[levels > loudest - _LOUD_DB]))
    found = []
    for first, last in _runs(levels < speech_db - BELOW_SPEECH_DB):
        if (last - first) * block >= SHORTEST_S * rate_hz:
            below_db = speech_db - 10 * np.log10(power[first:last].mean() + _LEAST)
            found.append(Pause(first * block, min(last * block, samples.shape[1]), float(below_db)))
    return found


def is_near_silence(samples: Samples, rate_hz: int) -> bool:
    """Tell whether nobody speaks in a sound, `(channels, samples) float32`."""
    levels = 10 * np.log10(_power(samples, _block(rate_hz)) + _LEAST)
    return _loudest_db(levels) < NEAR_SILENCE_LUFS


def places(found: list[Pause], rate_hz: int, first_frame: int, begins: NDArray[np.int64]) -> list[Place]:
    """Give the frames that lie well inside a pause, or nearest to its middle; the middle is worth most.

    Args:
        found: the pauses.
        rate_hz: samples per second.
        first_frame: the frame that the first of `begins` stands for.
        begins: the sample at which each frame begins, rising.
    """
    made: dict[int, Place] = {}
    for pause in found:
        clear_s = np.minimum(begins - pause.start, pause.end - begins) / rate_hz
        inside = np.flatnonzero(clear_s > 0)
        if not len(inside):
            continue
        middle = int(inside[np.argmax(clear_s[inside])])
        for at in (*np.flatnonzero(clear_s >= SHORTEST_S / 2), middle):
            made[int(at)] = Place(first_frame + int(at), _worth(float(clear_s[at]), pause.below_db))
    return list(made.values())


def _worth(clear_s: float, below_db: float) -> float:
    depth = (below_db - BELOW_SPEECH_DB) / (_FAR_DB - BELOW_SPEECH_DB)
    return 0.6 * min(clear_s / _AMPLE_S, 1.0) + 0.4 * min(max(depth, 0.0), 1.0)


def _block(rate_hz: int) -> int:
    return max(1, round(_BLOCK_S * rate_hz))


def _loudest_db(levels: NDArray[np.float64]) -> float:
    return float(np.percentile(levels, 95)) if len(levels) else -np.inf


def _power(samples: Samples, block: int) -> NDArray[np.float64]:
    """Give the mean power of each block over all channels, smoothed over its neighbours."""
    count = -(-samples.shape[1] // block)
    padded = np.pad(samples, ((0, 0), (0, count * block - samples.shape[1])))
    power = np.square(padded.astype(np.float64)).mean(axis=0).reshape(count, block).mean(axis=1)
    near = np.pad(power, _SMOOTHED_BLOCKS // 2, mode="edge")
    smoothed: NDArray[np.float64] = np.convolve(near, np.full(_SMOOTHED_BLOCKS, 1 / _SMOOTHED_BLOCKS), "valid")
    return smoothed


def _runs(quiet: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give the half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.pad(quiet.astype(np.int8), 1)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
