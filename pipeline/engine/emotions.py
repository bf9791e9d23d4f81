"""What an emotion is made of: action units, and how strongly the temperature plays them.

Source  Ekman & Friesen, Facial Action Coding System (1978), and its investigator's guide (2002), for which units make
        an emotion. The intensities were set by eye on photographs and talking heads; 1 is the unit at temperature 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..edit import Prompt


@dataclass(frozen=True)
class Recipe:
    """The units of an emotion, and how much of the performer's own mouth expression it takes away."""

    calm: float
    """0 keeps the mouth's own expression, 1 brings it to rest before the units act."""
    units: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadMove:
    """How a head leans with an emotion; moves in units, to the image's right and down."""

    roll_deg: float = 0.0
    right: float = 0.0
    down: float = 0.0
    growth: float = 0.0
    """Nearer to the camera is positive: 0.01 is one percent larger."""


RECIPES: dict[Prompt, Recipe] = {
    "neutral": Recipe(1.0),
    "happy": Recipe(0.0, {"AU12": 1.0, "AU6": 0.9, "AU25": 0.6, "AU2": 0.15}),
    "sad": Recipe(1.0, {"AU1": 1.0, "AU4": 0.35, "AU15": 0.75, "AU17": 0.55, "AU43": 0.45, "AU11": 0.4}),
    "angry": Recipe(1.0, {"AU4": 1.2, "AU7": 0.8, "AU23": 1.0, "AU9": 0.25, "AU15": 0.35, "AU17": 0.4}),
    "surprised": Recipe(1.0, {"AU1": 1.0, "AU2": 1.1, "AU5": 1.0, "AU26": 1.0, "AU18": 0.45}),
    "disgusted": Recipe(
        0.9,
        {"AU9": 1.1, "AU10": 1.1, "AU4": 0.6, "AU7": 0.8, "AU15": 0.3, "AU17": 0.3, "AU6": 0.5, "AU25": 0.5},
    ),
}

HEAD_MOVES: dict[Prompt, HeadMove] = {
    "neutral": HeadMove(),
    "happy": HeadMove(roll_deg=3.0, down=-0.03, growth=0.01),
    "sad": HeadMove(roll_deg=-3.5, down=0.10, growth=-0.015),
    "angry": HeadMove(down=0.06, growth=0.03),
    "surprised": HeadMove(roll_deg=1.0, down=-0.09, growth=-0.01),
    "disgusted": HeadMove(roll_deg=-4.0, right=-0.05, down=-0.02, growth=-0.02),
}

MOUTH_UNITS = frozenset({"AU10", "AU12", "AU15", "AU17", "AU18", "AU20", "AU23", "AU25", "AU26"})
"""The units that the edit region `lips` may play."""


def gain(temperature: float) -> float:
    """Give how strongly units are played at a temperature of 0 to 1: 0.12 at 0, 0.61 at 0.5, 1 at 1; it only rises."""
    return 0.12 + 0.88 * math.pow(min(1.0, max(0.0, temperature)), 0.85)
