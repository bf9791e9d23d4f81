"""How much sharper a wave is at a joint than the sounds that were joined.

Shapes: `(channels, samples) float32`, full scale 1.0.
Source  Godsill and Rayner, Digital Audio Restoration, chapter 5: a click stands out in what linear prediction leaves
        over. The filter is fitted to both sounds at once and is linear, so a slow fade between them leaves over at most
        what both do together, whatever they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .headroom import db
from .lines import Sound

_ORDER = 32
_WHITE = 1e-6
"""60 dB below the sounds the filter trusts nothing: there the noise of a lossy track begins."""
_FLOOR = 1e-3
"""60 dB below full scale: next to a pure tone, which tells all its samples, the bend of a fade itself would show."""


def click_db(joint: Sound, sounds: Sequence[Sound]) -> float:
    """Give by how much the sharpest place of a joint exceeds the sharpest ones of the joined sounds, in dB.

    0 and below: nothing is added. A hard cut through a voice mostly gives 5 to 30.
    """
    taps = _whitening(sounds)
    usual = sum(_peak(sound, taps) for sound in sounds)
    return db((_peak(joint, taps) + _FLOOR) / (usual + _FLOOR))


def _whitening(sounds: Sequence[Sound]) -> NDArray[np.float64]:
    """Give the taps of the filter that leaves of the sounds only what their last samples do not tell."""
    total = np.zeros(_ORDER + 1)
    for sound in sounds:
        found = _correlation(sound)
        total += found / found[0] if found[0] > 0 else 0
    if total[0] <= 0:
        return np.array([1.0, -1.0])
    total[0] *= 1 + _WHITE
    apart = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
    return np.concatenate([[1.0], -np.linalg.solve(total[apart], total[1:])])


def _correlation(sound: Sound) -> NDArray[np.float64]:
    """Give how a sound correlates with itself up to 32 samples later, over all channels."""
    count = sound.shape[1]
    size = 1 << (count + _ORDER).bit_length()
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64) * np.hanning(count), size)) ** 2
    made: NDArray[np.float64] = np.fft.irfft(spectrum.sum(axis=0))[: _ORDER + 1]
    return made


def _peak(sound: Sound, taps: NDArray[np.float64]) -> float:
    if sound.shape[1] < len(taps):
        return 0.0
    return max(float(np.abs(np.convolve(channel, taps, "valid")).max()) for channel in sound)
