"""Speak the demo's sentences: a small formant synthesizer, so that no voice must be recorded or installed.

Harmonics are weighted by the resonances of the vocal tract; noise is shaped for breath and friction. The same samples
every time.

Source  vowel formants: Peterson and Barney, "Control methods used in a study of the vowels", JASA 24 (1952), women's
        averages; consonants and synthesis after Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67
        (1980).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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


class Phone(NamedTuple):
    """One speech sound."""

    formants_hz: tuple[float, float, float]
    voice: float = 1.0
    """Amplitude of the vocal folds, 0 to 1."""
    hiss: float = 0.0
    """Amplitude of breath or friction noise, 0 to 1."""
    hiss_hz: float = 4000.0
    """Center frequency of that noise."""
    length_s: float = 0.09


PHONES: dict[str, Phone] = {
    "_": Phone((500, 1600, 2700), 0.0, 0.0, 4000, 0.10),
    "a": Phone((850, 1220, 2810), length_s=0.13),
    "ae": Phone((860, 2050, 2850), length_s=0.13),
    "e": Phone((610, 2330, 2990), length_s=0.11),
    "uh": Phone((680, 1320, 2780), length_s=0.08),
    "i": Phone((310, 2790, 3310), length_s=0.12),
    "ih": Phone((430, 2480, 3070), length_s=0.08),
    "o": Phone((560, 920, 2710), length_s=0.14),
    "u": Phone((370, 950, 2670), length_s=0.11),
    "r": Phone((450, 1300, 1800), 0.75, length_s=0.07),
    "l": Phone((380, 1150, 2950), 0.65, length_s=0.07),
    "y": Phone((300, 2500, 3200), 0.7, length_s=0.06),
    "w": Phone((320, 750, 2500), 0.7, length_s=0.07),
    "m": Phone((280, 1100, 2300), 0.30, length_s=0.07),
    "n": Phone((280, 1650, 2700), 0.32, length_s=0.06),
    "ng": Phone((280, 2100, 2700), 0.30, length_s=0.07),
    "v": Phone((300, 1250, 2400), 0.35, 0.06, 6500, 0.06),
    "dh": Phone((320, 1500, 2700), 0.35, 0.05, 5500, 0.05),
    "b": Phone((250, 950, 2300), 0.08, 0.0, 1000, 0.06),
    "d": Phone((250, 1800, 2800), 0.10, 0.10, 4200, 0.05),
    "h": Phone((600, 1600, 2800), 0.05, 0.16, 1800, 0.06),
    "s": Phone((320, 1700, 2800), 0.0, 0.30, 7200, 0.10),
    "th": Phone((320, 1500, 2700), 0.0, 0.10, 6200, 0.09),
    "t-": Phone((320, 1800, 2800), 0.0, 0.0, 5000, 0.05),
    "t": Phone((350, 1800, 2800), 0.0, 0.34, 5200, 0.03),
}
"""By name; `t-` is the closure of a `t`."""

SENTENCES: tuple[tuple[str, float, float], ...] = (
    ("h e l o _ dh e r", 235, 185),
    ("ay h ae v s uh m th ih ng t- t u t- t e l y u uh b a w t- t uh n ay t- t", 230, 165),
    ("a r y u r e d i", 185, 290),
)
"""(phones, pitch in Hz at the start, at the end): two statements that fall, a question that rises."""

GLIDES = {"ay": ("a", "ih")}
"""Diphthongs are two phones in a row."""


def speak(duration_s: float) -> NDArray[np.float32]:
    """Return the sentences spoken once in the given time, `(samples,) float32` in -1..1, with silence around.

    If the time is too short they are spoken faster; if it is longer, silence follows.
    """
    phones, pitch_hz = _score()
    pace = min(1.0, duration_s / (sum(phone.length_s for phone in phones) + _LEAD_S))
    return utter(phones, pitch_hz, pace, duration_s)


def utter(phones: list[Phone], pitch_hz: list[float], pace: float, duration_s: float) -> NDArray[np.float32]:
    """Return phones spoken in order, each at its pitch and `pace` times its length; `(samples,) float32` in -1..1."""
    count = round(duration_s * SAMPLE_RATE_HZ)
    tracks = _tracks(phones, pitch_hz, pace, round(duration_s * _CONTROL_HZ))
    # Lips radiate as a first difference (Klatt 1980); noise amplitudes are those after radiation, so they are scaled.
    sound = np.diff(_voiced(tracks, count) + _RADIATED_HISS * _hissed(tracks, count), prepend=0.0)
    return (sound * (_PEAK / max(1e-9, float(np.abs(sound).max())))).astype(np.float32)


def _score() -> tuple[list[Phone], list[float]]:
    """Return the phones in order, and the pitch of each in Hz."""
    phones, pitch_hz = [PHONES["_"]._replace(length_s=_LEAD_S)], [SENTENCES[0][1]]
    for text, first_hz, last_hz in SENTENCES:
        names = [part for name in text.split() for part in GLIDES.get(name, (name,))]
        line = np.linspace(0, 1, len(names))
        sway = 1 + 0.05 * np.cos(np.arange(len(names)) * 1.9)
        phones += [PHONES[name] for name in names]
        pitch_hz += list((first_hz + (last_hz - first_hz) * line) * sway)
        phones.append(PHONES["_"]._replace(length_s=_PAUSE_S))
        pitch_hz.append(last_hz)
    return phones, pitch_hz


def _tracks(phones: list[Phone], pitch_hz: list[float], pace: float, count: int) -> Samples:
    """Return the control tracks, `(7, count)`: three formants, pitch, voice, hiss, hiss center."""
    ends = np.cumsum([phone.length_s * pace for phone in phones])
    index = np.minimum(np.searchsorted(ends, np.arange(count) / _CONTROL_HZ, "right"), len(phones))
    silence = PHONES["_"]
    table = np.array(
        [
            (*phone.formants_hz, hz, phone.voice, phone.hiss, phone.hiss_hz)
            for phone, hz in zip(phones, pitch_hz, strict=True)
        ]
        + [(*silence.formants_hz, pitch_hz[-1], 0.0, 0.0, silence.hiss_hz)]
    )
    steps = table[index].T
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
    samples: Samples = np.interp(times, np.arange(len(row)), row)
    return samples


def _voiced(tracks: Samples, count: int) -> Samples:
    """Return the sum of the harmonics of the vocal folds, weighted by the vocal tract's resonances."""
    f1, f2, f3, pitch, voice = tracks[:5]
    vibrato = 1 + 0.006 * np.sin(np.arange(len(pitch)) * (2 * np.pi * 5.2 / _CONTROL_HZ))
    hz = pitch * vibrato
    phase = 2 * np.pi * np.cumsum(_to_samples(hz, count)) / SAMPLE_RATE_HZ
    centers = (f1, f2, f3, np.full_like(f1, _FOURTH_FORMANT_HZ))
    sound = np.zeros(count)
    for harmonic in range(1, int(5500 / hz.min()) + 1):
        at_hz = hz * harmonic
        gain = voice / harmonic**1.1 * (at_hz < 5500)
        for center, width in zip(centers, _BANDWIDTHS_HZ, strict=True):
            gain = gain * _resonance(at_hz, center, width)
        sound += _to_samples(gain, count) * np.sin(harmonic * phase + 0.7 * harmonic**2)
    return sound


def _resonance(at_hz: Samples, center_hz: Samples, width_hz: float) -> Samples:
    """Return the gain of a second-order resonator, 1 at 0 Hz."""
    ratio = at_hz / center_hz
    damping = width_hz / center_hz
    return 1 / np.sqrt((1 - ratio**2) ** 2 + (damping * ratio) ** 2)


def _hissed(tracks: Samples, count: int) -> Samples:
    """Return noise for breath and friction, shaped separately for each stretch of hiss."""
    hiss, center = tracks[5], tracks[6]
    noise = np.random.default_rng(7).standard_normal(count)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (hiss > 1e-4).astype(int), [0]])))
    sound = np.zeros(count)
    step = SAMPLE_RATE_HZ // _CONTROL_HZ
    for first, last in list(pairwise(edges))[::2]:
        span = slice(first * step, min(count, last * step))
        middle = float(np.average(center[first:last], weights=hiss[first:last]))
        sound[span] = _band(noise[span], middle)
    return sound * _to_samples(hiss, count) * 1.5


def _band(noise: Samples, center_hz: float) -> Samples:
    hz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    shape = np.exp(-0.5 * ((hz - center_hz) / (0.33 * center_hz)) ** 2)
    shaped = np.fft.irfft(np.fft.rfft(noise) * shape, len(noise))
    return shaped / max(1e-9, float(shaped.std()))
