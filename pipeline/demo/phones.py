"""The sounds of the demo's sentence: where the vocal tract rings, and how long each is held.

Source  vowel formants: Peterson and Barney, "Control methods used in a study of the vowels", JASA 24 (1952),
        women's averages; consonants after Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980).
"""

from __future__ import annotations

from typing import NamedTuple


class Phone(NamedTuple):
    """One sound."""

    formants_hz: tuple[float, float, float]
    voice: float = 1.0
    """Strength of the vocal folds, 0 to 1."""
    hiss: float = 0.0
    """Strength of the noise of breath or friction, 0 to 1."""
    hiss_hz: float = 4000.0
    """Where that noise is strongest."""
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
"""By name; `t-` is the silence in which a `t` is held back."""

SENTENCES: tuple[tuple[str, float, float], ...] = (
    ("h e l o _ dh e r", 235, 185),
    ("ay h ae v s uh m th ih ng t- t u t- t e l y u uh b a w t- t uh n ay t- t", 230, 165),
    ("a r y u r e d i", 185, 290),
)
"""(phones, pitch in Hz at its beginning, at its end): two statements that fall, a question that rises."""

GLIDES = {"ay": ("a", "ih")}
"""Vowels that move are two phones in a row."""
