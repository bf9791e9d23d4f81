"""Acoustic features of a voice, a hundred times a second: band levels, formants and voicing.

Formants are fitted by selective linear prediction: Makhoul, "Spectral linear prediction: properties and applications",
IEEE Trans. ASSP 23 (1975).

The voice is read completely from an audio file, and fitted to the length of the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError
from ...media.clip_writer import aac_rate_hz
from ...media.frames.film_readers import open_input
from ..arrays import Curve, Points

CANCELS = 0.01
"""A mix with less than this share of the power of its louder channel is what two channels of opposite sign leave."""
MAX_SAMPLE = 100.0
"""A sample above this, 40 dB over full scale, means a damaged file, or integers declared as floats."""


@dataclass(frozen=True, eq=False)
class VoiceAudio:
    """Audio samples, (channels, count) float32 in -1..1."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def count(self) -> int:
        """Return the number of samples per channel."""
        return int(self.samples.shape[1])

    def mono(self) -> NDArray[np.float64]:
        """Mix the channels to one; where they cancel each other out, return the louder one."""
        mixed = np.asarray(self.samples.mean(0), np.float64)
        powers = (np.asarray(self.samples, np.float64) ** 2).sum(1)
        loudest = int(powers.argmax())
        return mixed if mixed @ mixed >= CANCELS * powers[loudest] else np.asarray(self.samples[loudest], np.float64)

    def fit_length(self, count: int) -> VoiceAudio:
        """Trim, or pad with silence, to a number of samples."""
        missing = max(0, count - self.count)
        return VoiceAudio(np.pad(self.samples[:, :count], ((0, 0), (0, missing))), self.rate)


def read_audio(path: Path) -> VoiceAudio:
    """Read the first audio stream of a file; mono stays mono, everything else becomes stereo.

    Raises:
        InputMediaError: the file cannot be read, has no sound, or has invalid samples.
    """
    parts: list[NDArray[np.float32]] = []
    try:
        with open_input(path) as container:
            if not container.streams.audio:
                raise InputMediaError(f"{path.name} has no sound; give a wav with the voice")
            stream = container.streams.audio[0]
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            rate = stream.codec_context.sample_rate
            rate = aac_rate_hz(rate)
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(stream):
                parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(frame)]
            parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{path.name} cannot be read: {error}; give a wav with the voice") from error
    samples = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
    if not samples.shape[1]:
        raise InputMediaError(f"{path.name} has no sound; give a wav with the voice")
    invalid = np.flatnonzero(~(np.abs(samples).max(0) <= MAX_SAMPLE))
    if len(invalid):
        first = int(invalid[0])
        sample = f"{samples[:, first].max():g} at {first / rate:.3f} s"
        raise InputMediaError(f"{path.name} has invalid samples, {sample}; export it again, for example as 16-bit wav")
    return VoiceAudio(samples, rate)


def read_clip_audio(video: Path) -> VoiceAudio | None:
    """Read the sound of a clip; return None if it has none.

    Raises:
        InputMediaError: the clip cannot be read.
    """
    try:
        with open_input(video) as container:
            silent = not container.streams.audio
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{video.name} cannot be read: {error}; give an H.264 mp4") from error
    return None if silent else read_audio(video)


HOP_S = 0.010
LEVEL_WINDOW_S, VOICE_WINDOW_S = 0.020, 0.030
"""Levels use a shorter window, in which a lip closure shows; formants need two pitch periods."""
BAND_HZ = (250.0, 3800.0)
"""The band of vowels; its level separates speech from hum and hiss."""
MURMUR_HZ, BODY_HZ, HISS_HZ = (120.0, 450.0), (500.0, 3500.0), (3800.0, 10000.0)
"""Bands of a voice behind closed lips, of a voice through an open mouth, and of friction."""
PITCH_HZ = (70.0, 380.0)
FORMANTS_TO_HZ, ORDER = 5000.0, 10
FLOOR = 1e-12
_TINY = 1e-30
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class VoiceFeatures:
    """Features at moments `HOP_S` apart; moment 0 is the middle of the first hop. Levels are in dBFS."""

    level_db: Curve
    murmur_db: Curve
    body_db: Curve
    hiss_db: Curve
    f1_hz: Curve
    """The lowest two resonances of the vocal tract, F1 and F2."""
    f2_hz: Curve
    voicing: Curve
    """0 for noise to 1 for a steady tone."""


def analyze_voice(samples: NDArray[np.float64], rate: int, seconds: float) -> VoiceFeatures:
    """Return the features of a voice, (count,) mono in -1..1, for a duration; past its end there is silence."""
    count = max(1, round(seconds / HOP_S))
    rows = [_moments(samples, rate, first, min(count, first + _CHUNK)) for first in range(0, count, _CHUNK)]
    return VoiceFeatures(*np.concatenate(rows, axis=1))


def _moments(samples: NDArray[np.float64], rate: int, first: int, last: int) -> Points:
    """Measure the moments [first, last): one row per field of `VoiceFeatures`."""
    centers = np.round((np.arange(first, last) + 0.5) * HOP_S * rate).astype(int)
    power, hz, _ = _powers(samples, rate, centers, LEVEL_WINDOW_S)
    bands = [_level_db(power, hz, band) for band in (BAND_HZ, MURMUR_HZ, BODY_HZ, HISS_HZ)]
    power, hz, window = _powers(samples, rate, centers, VOICE_WINDOW_S)
    return np.stack([*bands, *_formants(power, hz), _voicing(power, hz, window, rate)])


def _powers(
    samples: NDArray[np.float64], rate: int, centers: NDArray[np.int64], window_s: float
) -> tuple[Points, Curve, Curve]:
    """Return the power around each center, (moments, bins) that sum to the mean square; the bins' Hz; the window."""
    length = max(32, round(window_s * rate))
    size = 1 << (2 * length - 1).bit_length()
    at = (centers - length // 2)[:, None] + np.arange(length)
    inside = (at >= 0) & (at < len(samples))
    window = np.hanning(length)
    windowed = (
        np.where(inside, samples[np.clip(at, 0, max(0, len(samples) - 1))] if len(samples) else 0.0, 0.0) * window
    )
    power: Points = np.abs(np.fft.rfft(windowed, size)) ** 2 * (2 / (size * (window**2).sum()))
    hz = np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64)
    return power, hz, window


def _level_db(power: Points, hz: Curve, band: tuple[float, float]) -> Curve:
    level: Curve = 10 * np.log10(power[:, (hz >= band[0]) & (hz < band[1])].sum(1) + FLOOR)
    return level


def _voicing(power: Points, hz: Curve, window: Curve, rate: int) -> Curve:
    """Return the autocorrelation peak in the pitch range, corrected for the autocorrelation of the window."""
    size = 2 * (len(hz) - 1)
    band_power = power * ((hz > PITCH_HZ[0]) & (hz < 1500))
    window_autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)
    lags = slice(max(1, int(rate / PITCH_HZ[1])), min(len(window) * 2 // 3, int(rate / PITCH_HZ[0])))
    autocorrelation = np.fft.irfft(band_power, axis=1)
    window_share = np.maximum(window_autocorrelation[lags] / window_autocorrelation[0], 0.1)
    peak = (autocorrelation[:, lags] / window_share).max(1) / (autocorrelation[:, 0] + _TINY)
    return np.asarray(np.clip(peak, 0, 1))


def _formants(power: Points, hz: Curve) -> tuple[Curve, Curve]:
    """Find F1 and F2: the lowest narrow poles of an all-pole model of 0 to 5 kHz, in their usual ranges."""
    band = power[:, hz <= FORMANTS_TO_HZ]
    top_hz = float(hz[band.shape[1] - 1])
    emphasis = 1 + 2.2 * (hz[: band.shape[1]] / 1000) ** 2
    weights = _predictor(np.fft.irfft(band * emphasis, axis=1)[:, : ORDER + 1])
    companion = np.zeros((len(band), ORDER, ORDER))
    companion[:, 0] = -weights
    companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = 1
    poles = np.linalg.eigvals(companion)
    at_hz = np.angle(poles) / np.pi * top_hz
    narrow = np.where((at_hz > 150) & (np.abs(poles) > 0.70), np.abs(poles), 0.0)
    first = np.where((at_hz < 1000) & (narrow > 0), at_hz, np.inf).min(1)
    first = np.where(np.isfinite(first), first, 500.0)
    second = np.where((at_hz > first[:, None] + 180) & (at_hz < 3000) & (narrow > 0), at_hz, np.inf).min(1)
    return first, np.where(np.isfinite(second), second, 1500.0)


def _predictor(autocorrelation: Points) -> Points:
    """Return the linear predictor of each row of autocorrelations (Levinson-Durbin), (count, ORDER)."""
    autocorrelation = autocorrelation.copy()
    autocorrelation[:, 0] = autocorrelation[:, 0] * (1 + 1e-6) + _TINY
    weights, error = np.zeros((len(autocorrelation), ORDER)), autocorrelation[:, 0].copy()
    for step in range(ORDER):
        previous = weights[:, :step]
        reflection = -(autocorrelation[:, step + 1] + (previous * autocorrelation[:, step:0:-1]).sum(1)) / error
        weights[:, :step] = previous + reflection[:, None] * previous[:, ::-1]
        weights[:, step] = reflection
        error = error * (1 - reflection**2)
    return weights
