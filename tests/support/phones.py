"""Synthetic speech with known phones, in a female or a male voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from react1.pipeline.demo.demo_voice import PHONES, SAMPLE_RATE_HZ, Phone, utter

EXTRA_PHONES = {
    "p": Phone((250, 950, 2300), 0.0, 0.0, 1000, 0.08),
    "f": Phone((320, 1300, 2500), 0.0, 0.05, 6500, 0.11),
    "sh": Phone((320, 1700, 2600), 0.0, 0.30, 4200, 0.11),
}
VOICES = {"woman": (1.0, 210.0), "man": (0.85, 115.0)}
"""Formants relative to the demo's, and pitch in Hz."""


@dataclass(frozen=True)
class Utterance:
    """Synthetic speech with its phones."""

    samples: np.ndarray
    rate: int
    spans: tuple[tuple[float, float, str], ...]
    """[start, end) in seconds, and the phone."""
    seconds: float

    def spans_of(self, *names: str) -> list[tuple[float, float]]:
        return [(start, end) for start, end, name in self.spans if name in names]


def synthesize(text: str, voice: str = "woman") -> Utterance:
    """Synthesize phones, separated by spaces; `_` is a pause of 0.3 s."""
    size, pitch = VOICES[voice]
    phones, spans, now = [], [], 0.0
    for name in text.split():
        phone = (PHONES | EXTRA_PHONES)[name]
        phone = phone._replace(formants_hz=tuple(hz * size for hz in phone.formants_hz))
        if name == "_":
            phone = phone._replace(length_s=0.30)
        phones.append(phone)
        spans.append((now, now + phone.length_s, name))
        now += phone.length_s
    samples = utter(phones, [pitch] * len(phones), 1.0, now).astype(np.float64)
    return Utterance(samples, SAMPLE_RATE_HZ, tuple(spans), now)
