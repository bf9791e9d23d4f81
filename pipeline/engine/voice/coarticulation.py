"""From classes of sounds to moving lips: each shape is reached for before its sound and left after it.

Every class pulls at the jaw and at the corners of the mouth with its own strength and reach, and what is seen is the
mean of all pulls: so an "oo" rounds the lips while the consonant before it is still heard. A closure is no mean: lips
that only nearly meet make no p.
Source  dominance functions: Cohen & Massaro, "Modeling coarticulation in synthetic visual speech", in Models and
        Techniques in Computer Animation (1993). Shapes and reaches were set by eye and against known phones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Points
from .listening import HOP_S
from .visemes import Viseme


@dataclass(frozen=True)
class Target:
    """A shape, and how it pulls: its strength, and how long before and after its sound it is felt, in seconds."""

    jaw: float
    """0 shut to 1 as wide as speech goes."""
    spread: float
    """-1 rounded to 1 spread."""
    strength: float
    before_s: float
    after_s: float


TARGETS = {
    Viseme.REST: Target(0.00, 0.0, 0.9, 0.030, 0.030),
    Viseme.OPEN: Target(1.00, 0.05, 1.0, 0.050, 0.040),
    Viseme.WIDE: Target(0.42, 1.00, 1.0, 0.055, 0.040),
    Viseme.ROUND: Target(0.40, -1.00, 1.4, 0.090, 0.050),
    Viseme.NEUTRAL: Target(0.55, 0.0, 0.6, 0.040, 0.040),
    Viseme.CLOSED: Target(0.00, 0.0, 0.5, 0.025, 0.025),
    Viseme.BITE: Target(0.12, 0.1, 0.6, 0.030, 0.030),
    Viseme.HISS: Target(0.09, 0.35, 0.9, 0.040, 0.035),
    Viseme.TONGUE: Target(0.22, 0.1, 0.5, 0.030, 0.030),
}
SPREAD_REACH = 1.6
"""Corners move more slowly than the jaw: their reaches are longer by this."""
QUIET_JAW = 0.5
"""What is left of a vowel's opening where it is 20 dB below the loud level."""
CLOSES_S = 0.03
"""How long before and after its sound a closure is held."""
EASES_S = 0.09
"""How long lips take to it."""
CERTAIN = (0.25, 0.60)
"""Between these weights of its class a closure, or a bite, comes to be made fully."""


@dataclass(frozen=True, eq=False)
class Lips:
    """What lips do, at each moment of a voice; fields as in `Speech`."""

    jaw: Curve
    spread: Curve
    press: Curve
    bite: Curve
    bared: Curve


def articulate(weights: Points, loudness: Curve) -> Lips:
    """Move lips by the classes' weights, (moments, classes), and by loudness, 0 to 1 for the last 20 dB."""
    effort = QUIET_JAW + (1 - QUIET_JAW) * loudness
    jaws = np.stack([np.full(len(weights), TARGETS[one].jaw) for one in Viseme], 1)
    jaws[:, list(_VOWELS)] *= effort[:, None]
    spreads = np.array([TARGETS[one].spread for one in Viseme])
    return Lips(
        jaw=_mean_pull(weights, jaws, 1.0),
        spread=_mean_pull(weights, np.broadcast_to(spreads, weights.shape), SPREAD_REACH),
        press=_made_fully(weights[:, Viseme.CLOSED]),
        bite=_made_fully(weights[:, Viseme.BITE]),
        bared=np.convolve(weights[:, Viseme.HISS], _hann(0.07), "same"),
    )


_VOWELS = (Viseme.OPEN, Viseme.WIDE, Viseme.ROUND, Viseme.NEUTRAL)


def _mean_pull(weights: Points, targets: Points, reach: float) -> Curve:
    """Give the mean of the classes' targets at each moment, weighted by how each is felt there."""
    total, pulls = np.zeros(len(weights)), np.full(len(weights), 1e-9)
    for one in Viseme:
        target = TARGETS[one]
        kernel = _felt(target.before_s * reach, target.after_s * reach)
        felt = target.strength * weights[:, one]
        pulls += _spread_out(felt, kernel)
        total += _spread_out(felt * targets[:, one], kernel)
    mean: Curve = total / pulls
    return mean


def _felt(before_s: float, after_s: float) -> Curve:
    """Give how strongly a sound is felt around it: an exponential to either side, of unit sum, odd length."""
    half = max(1, round(5 * max(before_s, after_s) / HOP_S))
    steps = np.arange(-half, half + 1) * HOP_S
    felt = np.exp(-np.abs(steps) / np.where(steps < 0, before_s, after_s))
    kernel: Curve = felt / felt.sum()
    return kernel


def _spread_out(curve: Curve, kernel: Curve) -> Curve:
    half = len(kernel) // 2
    return np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid")


def _made_fully(weight: Curve) -> Curve:
    """Turn the weight of a closure into the closure: all the way where it is likely, held, and eased in and out."""
    sure = np.clip((weight - CERTAIN[0]) / (CERTAIN[1] - CERTAIN[0]), 0, 1)
    reach = round(CLOSES_S / HOP_S)
    padded = np.pad(sure, reach)
    held = np.stack([padded[step : step + len(sure)] for step in range(2 * reach + 1)]).max(0)
    return np.clip(1.05 * np.convolve(held, _hann(EASES_S), "same"), 0, 1)


def _hann(length_s: float) -> Curve:
    window = np.hanning(max(3, round(length_s / HOP_S) | 1) + 2)[1:-1]
    kernel: Curve = window / window.sum()
    return kernel
