"""True peaks, and how loud a line may be on the film's own sound before the sum would clip.

Samples are `(channels, samples) float32`, full scale 1.0. Source: ITU-R BS.1770-4, annex 2: the true peak is the
greatest value of the signal at four times its rate. The interpolation here is a windowed sinc of 24 taps instead of the
table there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .lines import Sound

CEILING_DBTP = -1.0
MAX_LOWERING_DB = 6.0
"""A line is not lowered by more than this because of a few peaks; it dips there instead."""
_TAPS_PER_SIDE = 12
_DIP_SAMPLES = 512
"""About 10 ms: a shorter dip is heard as a click, a longer one as a hole."""
_BLOCK_SAMPLES = 480_000
_MIN_AMPLITUDE = 1e-6


def db(amplitude: float) -> float:
    """Return an amplitude in dB; -inf for 0."""
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf


def amplitude(level_db: float) -> float:
    """Return the factor of a level in dB."""
    return float(10 ** (level_db / 20))


def true_peak(samples: Sound) -> float:
    """Return the greatest absolute value at and between the samples, as an amplitude."""
    return max(
        (float(np.abs(part).max(initial=0)) for at in _blocks(samples) for part in _phases(samples, *at)), default=0
    )


def fit_gain(own: Sound, line: Sound, target: float, ceiling: float) -> tuple[float, Sound | None]:
    """Return one gain for a line so that no peak of `own + gain * line` exceeds `ceiling`, and dips.

    The gain is `target` if there is headroom, else up to 6 dB less. If that is not enough, the second value is a factor
    for each sample, else None. Where `own` itself exceeds the ceiling, the line is silent.
    """
    headroom = _headroom(own, line, ceiling)
    lowest = float(headroom.min(initial=target))
    if lowest >= target:
        return target, None
    gain = max(lowest, target * amplitude(-MAX_LOWERING_DB))
    return gain, None if lowest >= gain else _smooth_dips(np.minimum(headroom / gain, 1))


def _headroom(own: Sound, line: Sound, ceiling: float) -> NDArray[np.float64]:
    """Return for each sample the greatest gain of the line there, at least 0."""
    headroom = np.full(line.shape[1], np.inf)
    for low, high in _blocks(line):
        for below, above in zip(_phases(own, low, high), _phases(line, low, high), strict=True):
            size = np.abs(above)
            gains = (ceiling - np.sign(above) * below) / np.maximum(size, _MIN_AMPLITUDE)
            gains[size < _MIN_AMPLITUDE] = np.inf
            headroom[low:high] = np.minimum(headroom[low:high], gains.min(axis=0))
    positive: NDArray[np.float64] = np.maximum(headroom, 0)
    return positive


def _smooth_dips(gains: NDArray[np.float64]) -> Sound:
    """Smooth a curve of gains without exceeding it."""
    half = _DIP_SAMPLES // 2
    lowest, width = np.pad(gains, _DIP_SAMPLES, constant_values=1), 1
    while width < _DIP_SAMPLES:  # the minimum of twice as many samples each time
        lowest = np.minimum(lowest[:-width], lowest[width:])
        width *= 2
    # `lowest[k]` is the minimum of the padded samples k to k + 511; each mean is over the windows that hold the sample.
    total = np.cumsum(np.concatenate([[0.0], lowest]))
    mean = (total[half * 2 :] - total[: -half * 2]) / (half * 2)
    smooth: Sound = np.clip(mean[1 : 1 + len(gains)], 0, 1).astype(np.float32)
    return smooth


def _blocks(samples: Sound) -> Iterator[tuple[int, int]]:
    for at in range(0, samples.shape[1], _BLOCK_SAMPLES):
        yield at, min(at + _BLOCK_SAMPLES, samples.shape[1])


def _phases(samples: Sound, low: int, high: int) -> Iterator[NDArray[np.float64]]:
    """Yield the signal at and between the samples [low, high): four times `(channels, high - low)`."""
    begin, end = max(low - _TAPS_PER_SIDE + 1, 0), min(high + _TAPS_PER_SIDE, samples.shape[1])
    missing = (begin - (low - _TAPS_PER_SIDE + 1), high + _TAPS_PER_SIDE - end)
    padded = np.pad(samples[:, begin:end].astype(np.float64), ((0, 0), missing))
    yield padded[:, _TAPS_PER_SIDE - 1 : _TAPS_PER_SIDE - 1 + high - low]
    for quarter in (0.25, 0.5, 0.75):
        taps = _taps(quarter)
        yield np.stack([np.convolve(channel, taps[::-1], "valid") for channel in padded])


def _taps(part: float) -> NDArray[np.float64]:
    """Return the weights of the samples -11 to 12 for a position between samples 0 and 1."""
    distance = np.arange(-_TAPS_PER_SIDE + 1, _TAPS_PER_SIDE + 1) - part
    taps = np.sinc(distance) * np.cos(np.pi * distance / (2 * _TAPS_PER_SIDE)) ** 2
    normalized: NDArray[np.float64] = taps / taps.sum()
    return normalized
