"""Speak the demo's sentence: a small formant synthesiser, so that no voice has to be recorded or installed.

Gives   mono samples at 48 kHz; the same ones every time.
Source  harmonics weighted by the resonances of the vocal tract, and shaped noise for breath and friction, after
        Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .phones import GLIDES, PHONES, SENTENCES, Phone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

SAMPLE_RATE_HZ = 48000
_CONTROL_HZ = 500
_BANDWIDTHS_HZ = (80.0, 100.0, 140.0, 250.0)
_FOURTH_FORMANT_HZ = 4200.0
_COARTICULATION_S = 0.045
_PAUSE_S = 0.42
_LEAD_S = 0.30
_PEAK = 0.5
_RADIATED_HISS = 0.15


def speak(duration_s: float) -> NDArray[np.float32]:
    """Speak the sentence once within a time, `(samples,) float32` in -1..1, silent before and after.

    A shorter time than the sentence takes is spoken faster, a longer one ends in silence.
    """
    told, pitch = _score()
    pace = min(1.0, duration_s / (sum(phone.length_s for phone in told) + _LEAD_S))
    return utter(told, pitch, pace, duration_s)


def utter(told: list[Phone], pitch_hz: list[float], pace: float, duration_s: float) -> NDArray[np.float32]:
    """Speak phones one after another, each at its pitch and `pace` times its length; `(samples,) float32` in -1..1."""
    count = round(duration_s * SAMPLE_RATE_HZ)
    tracks = _tracks(told, pitch_hz, pace, round(duration_s * _CONTROL_HZ))
    # Lips radiate as a first difference (Klatt 1980); a hiss is told as it is heard, and so gets what that takes.
    sound = np.diff(_voiced(tracks, count) + _RADIATED_HISS * _hissed(tracks, count), prepend=0.0)
    return (sound * (_PEAK / max(1e-9, float(np.abs(sound).max())))).astype(np.float32)


def _score() -> tuple[list[Phone], list[float]]:
    """Give the phones in order and the pitch that each is spoken at."""
    told, pitch = [PHONES["_"]._replace(length_s=_LEAD_S)], [SENTENCES[0][1]]
    for text, first_hz, last_hz in SENTENCES:
        names = [part for name in text.split() for part in GLIDES.get(name, (name,))]
        line = np.linspace(0, 1, len(names))
        sway = 1 + 0.05 * np.cos(np.arange(len(names)) * 1.9)
        told += [PHONES[name] for name in names]
        pitch += list((first_hz + (last_hz - first_hz) * line) * sway)
        told.append(PHONES["_"]._replace(length_s=_PAUSE_S))
        pitch.append(last_hz)
    return told, pitch


def _tracks(told: list[Phone], pitch: list[float], pace: float, count: int) -> Samples:
    """Lay the phones out in time: `(7, count)` rows of three formants, pitch, voice, hiss, hiss centre."""
    ends = np.cumsum([phone.length_s * pace for phone in told])
    which = np.minimum(np.searchsorted(ends, np.arange(count) / _CONTROL_HZ, "right"), len(told))
    silence = PHONES["_"]
    table = np.array(
        [(*p.formants_hz, hz, p.voice, p.hiss, p.hiss_hz) for p, hz in zip(told, pitch, strict=True)]
        + [(*silence.formants_hz, pitch[-1], 0.0, 0.0, silence.hiss_hz)]
    )
    steps = table[which].T
    spans = (_COARTICULATION_S,) * 3 + (0.12, 0.03, 0.012, 0.012)
    return np.stack([_smooth(row, span * pace) for row, span in zip(steps, spans, strict=True)])


def _smooth(row: Samples, span_s: float) -> Samples:
    width = max(3, round(span_s * _CONTROL_HZ) | 1)
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(row, width // 2, mode="edge")
    smooth: Samples = np.convolve(padded, window / window.sum(), "valid")
    return smooth


def _to_samples(row: Samples, count: int) -> Samples:
    times = np.arange(count) * (_CONTROL_HZ / SAMPLE_RATE_HZ)
    held: Samples = np.interp(times, np.arange(len(row)), row)
    return held


def _voiced(tracks: Samples, count: int) -> Samples:
    """Sum the harmonics of the vocal folds, each as loud as the vocal tract lets it through."""
    f1, f2, f3, pitch, voice = tracks[:5]
    unsteady = 1 + 0.006 * np.sin(np.arange(len(pitch)) * (2 * np.pi * 5.2 / _CONTROL_HZ))
    hz = pitch * unsteady
    phase = 2 * np.pi * np.cumsum(_to_samples(hz, count)) / SAMPLE_RATE_HZ
    centres = (f1, f2, f3, np.full_like(f1, _FOURTH_FORMANT_HZ))
    sound = np.zeros(count)
    for harmonic in range(1, int(5500 / hz.min()) + 1):
        at_hz = hz * harmonic
        loud = voice / harmonic**1.1 * (at_hz < 5500)
        for centre, width in zip(centres, _BANDWIDTHS_HZ, strict=True):
            loud = loud * _resonance(at_hz, centre, width)
        sound += _to_samples(loud, count) * np.sin(harmonic * phase + 0.7 * harmonic**2)
    return sound


def _resonance(at_hz: Samples, centre_hz: Samples, width_hz: float) -> Samples:
    """Give the gain of a second-order resonator, 1 at 0 Hz."""
    ratio = at_hz / centre_hz
    damping = width_hz / centre_hz
    return 1 / np.sqrt((1 - ratio**2) ** 2 + (damping * ratio) ** 2)


def _hissed(tracks: Samples, count: int) -> Samples:
    """Give noise for breath and friction, one shaped piece per stretch of hiss."""
    hiss, centre = tracks[5], tracks[6]
    noise = np.random.default_rng(7).standard_normal(count)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (hiss > 1e-4).astype(int), [0]])))
    sound = np.zeros(count)
    step = SAMPLE_RATE_HZ // _CONTROL_HZ
    for first, last in list(pairwise(edges))[::2]:
        span = slice(first * step, min(count, last * step))
        middle = float(np.average(centre[first:last], weights=hiss[first:last]))
        sound[span] = _band(noise[span], middle)
    return sound * _to_samples(hiss, count) * 1.5


def _band(noise: Samples, centre_hz: float) -> Samples:
    hz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    shape = np.exp(-0.5 * ((hz - centre_hz) / (0.33 * centre_hz)) ** 2)
    shaped = np.fft.irfft(np.fft.rfft(noise) * shape, len(noise))
    return shaped / max(1e-9, float(shaped.std()))
