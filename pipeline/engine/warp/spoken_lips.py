"""What a voice does to the lips besides opening them: press, bite, bare the teeth, round.

Sizes are in units and were set by eye, against how far lips go in speech: an "oo" takes a quarter of a mouth's width.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Points
from ..pose.pose import Spoken

PRESS_THINS, BITE_TUCKS, ROUND_THICKENS = 0.34, 0.46, 0.30
"""Shares of the lips' thickness: both lips when pressed, the lower one on the teeth, both when rounded."""
BITE_PARTS, BARED_PARTS = 0.038, 0.062
"""How far lips part over shut teeth."""
SPREADS, ROUNDS = 0.085, 0.25
"""How much wider, or narrower, a mouth gets."""
HOODS = 0.025
"""How far rounded lips come down over the teeth."""
LIFTS = 0.5
"""What the upper lip takes of a parting without the jaw."""


def parting(bite: float, bared: float) -> float:
    """Give how far lips open while the teeth stay shut, in units."""
    return max(BITE_PARTS * bite, BARED_PARTS * bared)


def widening(spread: float) -> float:
    """Give how much wider the mouth gets, in units, for -1 rounded to 1 spread."""
    return SPREADS * spread if spread > 0 else ROUNDS * spread


def thinning(spoken: Spoken) -> tuple[float, float]:
    """Give how much of their thickness the upper and the lower lip lose; less than 0 is thicker."""
    both = PRESS_THINS * spoken.press - ROUND_THICKENS * spoken.round
    return both, both + BITE_TUCKS * spoken.bite + 0.4 * ROUND_THICKENS * spoken.round


def lift(spoken: Spoken, across: Curve, share: float) -> Points:
    """Give how far each column of both lips goes up, (11, 2): a parting without the jaw is not the lower lip's alone.

    `share` is what the upper lip takes of an opening by the jaw.
    """
    up, bow = np.zeros((len(across), 2)), np.sqrt(np.clip(1 - across**2, 0, 1))
    up[:, 1] = (HOODS * spoken.round - (LIFTS - share) * spoken.parted) * bow
    return up
