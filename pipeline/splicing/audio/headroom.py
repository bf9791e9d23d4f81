"""True peaks, and how loud a line may stand on a film's own sound before the sum would clip.

Shapes: `(channels, samples) float32`, full scale 1.0.
Source  ITU-R BS.1770-4, annex 2: the true peak is the greatest value of the signal at four times its rate. The
        interpolation here is a windowed sinc of 24 taps instead of the table there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .lines import Sound

CEILING_DBTP = -1.0
MOST_LOWERED_DB = 6.0
"""A line as a whole is not lowered by more than this for the sake of a few peaks; it dips there instead."""
_REACH = 12
_DIP_SAMPLES = 512
"""About 10 ms: a dip that is shorter is heard as a click, one that is longer as a hole."""
_BLOCK = 480_000
_SILENT = 1e-6


def db(amplitude: float) -> float:
    """Give an amplitude in dB below full scale; -inf for 0."""
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf


def amplitude(level_db: float) -> float:
    """Give what a level in dB multiplies by."""
    return float(10 ** (level_db / 20))


def true_peak(samples: Sound) -> float:
    """Give the greatest absolute value between and at the samples, as an amplitude."""
    return max(
        (float(np.abs(part).max(initial=0)) for at in _blocks(samples) for part in _phases(samples, *at)), default=0
    )


def levels(own: Sound, line: Sound, wanted: float, ceiling: float) -> tuple[float, Sound | None]:
    """Give one gain for a line so that no peak of `own + gain * line` lies above `ceiling`, and dips beside it.

    The gain is `wanted` where there is room, and up to 6 dB less; where that is not enough, the second value holds a
    factor for each sample, else it is None. Where `own` itself is above the ceiling, the line is silent.
    """
    context = _room(own, line, ceiling)
    least = float(context.min(initial=wanted))
    if least >= wanted:
        return wanted, None
    gain = max(least, wanted * amplitude(-MOST_LOWERED_DB))
    return gain, None if least >= gain else _dips(np.minimum(context / gain, 1))


def _room(own: Sound, line: Sound, ceiling: float) -> NDArray[np.float64]:
    """Give for each sample the greatest gain of the line there, at no less than 0."""
    context = np.full(line.shape[1], np.inf)
    for low, high in _blocks(line):
        for under, over in zip(_phases(own, low, high), _phases(line, low, high), strict=True):
            size = np.abs(over)
            left = (ceiling - np.sign(over) * under) / np.maximum(size, _SILENT)
            left[size < _SILENT] = np.inf
            context[low:high] = np.minimum(context[low:high], left.min(axis=0))
    made: NDArray[np.float64] = np.maximum(context, 0)
    return made


def _dips(context: NDArray[np.float64]) -> Sound:
    """Smooth a curve of gains without ever lying above it."""
    half = _DIP_SAMPLES // 2
    least, width = np.pad(context, _DIP_SAMPLES, constant_values=1), 1
    while width < _DIP_SAMPLES:  # the least of twice as many samples each time
        least = np.minimum(least[:-width], least[width:])
        width *= 2
    # `least[k]` is now that of the padded samples k to k + 511; each mean is of those that hold the sample itself.
    total = np.cumsum(np.concatenate([[0.0], least]))
    mean = (total[half * 2 :] - total[: -half * 2]) / (half * 2)
    made: Sound = np.clip(mean[1 : 1 + len(context)], 0, 1).astype(np.float32)
    return made


def _blocks(samples: Sound) -> Iterator[tuple[int, int]]:
    for at in range(0, samples.shape[1], _BLOCK):
        yield at, min(at + _BLOCK, samples.shape[1])


def _phases(samples: Sound, low: int, high: int) -> Iterator[NDArray[np.float64]]:
    """Give the signal at and between the samples [low, high): four times `(channels, high - low)`."""
    begin, end = max(low - _REACH + 1, 0), min(high + _REACH, samples.shape[1])
    missing = (begin - (low - _REACH + 1), high + _REACH - end)
    padded = np.pad(samples[:, begin:end].astype(np.float64), ((0, 0), missing))
    yield padded[:, _REACH - 1 : _REACH - 1 + high - low]
    for quarter in (0.25, 0.5, 0.75):
        taps = _taps(quarter)
        yield np.stack([np.convolve(channel, taps[::-1], "valid") for channel in padded])


def _taps(part: float) -> NDArray[np.float64]:
    """Give the weights of the samples -11 to 12 for a place between samples 0 and 1."""
    away = np.arange(-_REACH + 1, _REACH + 1) - part
    taps = np.sinc(away) * np.cos(np.pi * away / (2 * _REACH)) ** 2
    made: NDArray[np.float64] = taps / taps.sum()
    return made
