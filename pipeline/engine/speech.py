"""From a voice to a mouth: how far it opens, and how wide it is, for each frame of the output.

Loudness of the band that vowels fill drives the jaw; the centre of the spectrum drives the lips' width: bright sounds
(ee, s) spread them, dark ones (oo) round them. This follows a voice in time; it does not know its phonemes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .arrays import Curve

WINDOW_S = 0.040
BAND_HZ = (250.0, 3800.0)
RANGE_DB = 28.0
"""How far under the loud level (95th percentile) a mouth is shut."""
SILENT_DB = -60.0
"""A voice whose loud level is below this, against full scale, moves nothing."""
CURVE = 1.3
ATTACK_S, RELEASE_S = 0.040, 0.110


@dataclass(frozen=True, eq=False)
class Speech:
    """What a voice does to the lips, one number per frame."""

    open: Curve
    """0 shut to 1 wide."""
    spread: Curve
    """-1 rounded to 1 spread."""


def speech(samples: NDArray[np.float64], rate: int, frames: int, fps: Fraction) -> Speech:
    """Listen to a voice, (count,) mono in -1..1, around the middle of each frame."""
    energy, centre_hz = _spectrum(samples, rate, frames, fps)
    level_db = 10 * np.log10(energy + 1e-12)
    loud_db = float(np.percentile(level_db, 95))
    if loud_db < SILENT_DB:
        return Speech(np.zeros(frames), np.zeros(frames))
    heard = np.clip((level_db - (loud_db - RANGE_DB)) / RANGE_DB, 0, 1) ** CURVE
    opened = _follow(heard, float(fps))
    voiced = heard > 0.25
    if not voiced.any():
        return Speech(opened, np.zeros(frames))
    usual, deviation = np.median(centre_hz[voiced]), np.std(centre_hz[voiced]) + 1e-6
    spread = np.clip((centre_hz - usual) / deviation, -1.5, 1.5) / 1.5 * np.clip(2 * opened, 0, 1)
    padded = np.pad(spread, 1, mode="edge")
    return Speech(opened, 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def correlation(mouth: Curve, opened: Curve, fps: Fraction, lag_frames: int = 3) -> float:
    """Tell how well a mouth's gap follows a voice: the best correlation within a few frames, slow drift taken out.

    A mouth that hardly moves (below 0.004 units) follows nothing: 0.
    """
    half = max(2, round(fps / 2))
    count = len(mouth)
    if count <= 2 * lag_frames + half:
        return 0.0
    gap, voice = _without_drift(mouth, half), _without_drift(opened, half)
    if gap.std() < 0.004 or voice.std() < 1e-3:
        return 0.0
    inner = slice(lag_frames, count - lag_frames)
    best = 0.0
    for lag in range(-lag_frames, lag_frames + 1):
        shifted = gap[lag_frames + lag : count - lag_frames + lag]
        if shifted.std() > 1e-6 and voice[inner].std() > 1e-6:
            best = max(best, float(np.corrcoef(shifted, voice[inner])[0, 1]))
    return best


def _spectrum(samples: NDArray[np.float64], rate: int, frames: int, fps: Fraction) -> tuple[Curve, Curve]:
    """Give the mean square in the band, and its centre in Hz, around each frame's middle."""
    length = max(16, round(WINDOW_S * rate))
    window = np.hanning(length)
    hz = np.fft.rfftfreq(length, 1 / rate)
    band = (hz > BAND_HZ[0]) & (hz < BAND_HZ[1])
    energy, centre = np.zeros(frames), np.zeros(frames)
    padded = np.pad(samples, (length, length + max(0, math.ceil(frames / fps * rate) - len(samples))))
    for number in range(frames):
        start = round((number + Fraction(1, 2)) / fps * rate) - length // 2 + length
        power = np.abs(np.fft.rfft(padded[start : start + length] * window)) ** 2
        inside = power[band]
        energy[number] = 2 * inside.sum() / (length * (window**2).sum())
        centre[number] = (inside * hz[band]).sum() / (inside.sum() + 1e-12)
    return energy, centre


def _follow(heard: Curve, fps: float) -> Curve:
    """Open quickly and close slowly, as a jaw does."""
    followed, now = np.zeros(len(heard)), 0.0
    for number, wanted in enumerate(heard):
        time_s = ATTACK_S if wanted > now else RELEASE_S
        now += (wanted - now) * (1 - math.exp(-1 / (fps * time_s)))
        followed[number] = now
    return followed


def _without_drift(curve: Curve, half: int) -> Curve:
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    drift: Curve = np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid")
    return curve - drift
