"""Convert viseme weights to lip motion with coarticulation: each shape starts before its sound and ends after it.

Every viseme pulls the jaw and the corners of the mouth with its own strength and reach, and the result is the weighted
mean: so an "oo" rounds the lips while the consonant before it still sounds. A closure is not averaged, because lips
that nearly meet do not make a p.

Dominance functions: Cohen & Massaro, "Modeling coarticulation in synthetic visual speech", in Models and Techniques in
Computer Animation (1993). Shapes and reaches were set by eye and against known phones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Points
from .visemes import Viseme
from .voice_features import HOP_S


@dataclass(frozen=True)
class Target:
    """A mouth shape, its strength, and its reach before and after its sound in seconds."""

    jaw: float
    """0 closed to 1 as wide as in speech."""
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
"""Factor of the reach for the corners, which move more slowly than the jaw."""
QUIET_JAW = 0.5
"""Factor of a vowel's opening at 20 dB below the loud level."""
CLOSURE_HOLD_S = 0.03
"""Time for which a closure is held before and after its sound."""
CLOSURE_EASE_S = 0.09
"""Length of the window that smooths a closure."""
CERTAIN = (0.25, 0.60)
"""Between these weights a closure, or a bite, changes from none to full."""


@dataclass(frozen=True, eq=False)
class LipMotion:
    """Lip motion at each moment of a voice; fields as in `Speech`."""

    jaw: Curve
    spread: Curve
    press: Curve
    bite: Curve
    bared: Curve


def articulate(weights: Points, loudness: Curve) -> LipMotion:
    """Return the lip motion for viseme weights, (moments, classes), and loudness, 0 to 1 over the upper 20 dB."""
    effort = QUIET_JAW + (1 - QUIET_JAW) * loudness
    jaws = np.stack([np.full(len(weights), TARGETS[viseme].jaw) for viseme in Viseme], 1)
    jaws[:, list(_VOWELS)] *= effort[:, None]
    spreads = np.array([TARGETS[viseme].spread for viseme in Viseme])
    return LipMotion(
        jaw=_weighted_mean(weights, jaws, 1.0),
        spread=_weighted_mean(weights, np.broadcast_to(spreads, weights.shape), SPREAD_REACH),
        press=_full_closure(weights[:, Viseme.CLOSED]),
        bite=_full_closure(weights[:, Viseme.BITE]),
        bared=np.convolve(weights[:, Viseme.HISS], _hann(0.07), "same"),
    )


_VOWELS = (Viseme.OPEN, Viseme.WIDE, Viseme.ROUND, Viseme.NEUTRAL)


def _weighted_mean(weights: Points, targets: Points, reach: float) -> Curve:
    """Return the mean of the visemes' targets at each moment, weighted by their dominance."""
    total, dominance = np.zeros(len(weights)), np.full(len(weights), 1e-9)
    for viseme in Viseme:
        target = TARGETS[viseme]
        kernel = _dominance_kernel(target.before_s * reach, target.after_s * reach)
        strength = target.strength * weights[:, viseme]
        dominance += _convolve(strength, kernel)
        total += _convolve(strength * targets[:, viseme], kernel)
    mean: Curve = total / dominance
    return mean


def _dominance_kernel(before_s: float, after_s: float) -> Curve:
    """Return the dominance around a sound: an exponential to either side, of unit sum and odd length."""
    half = max(1, round(5 * max(before_s, after_s) / HOP_S))
    steps = np.arange(-half, half + 1) * HOP_S
    decay = np.exp(-np.abs(steps) / np.where(steps < 0, before_s, after_s))
    kernel: Curve = decay / decay.sum()
    return kernel


def _convolve(curve: Curve, kernel: Curve) -> Curve:
    half = len(kernel) // 2
    return np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid")


def _full_closure(weight: Curve) -> Curve:
    """Convert the weight of a closure to the closure: full if it is likely, held, and smoothed."""
    certainty = np.clip((weight - CERTAIN[0]) / (CERTAIN[1] - CERTAIN[0]), 0, 1)
    reach = round(CLOSURE_HOLD_S / HOP_S)
    padded = np.pad(certainty, reach)
    sustained = np.stack([padded[step : step + len(certainty)] for step in range(2 * reach + 1)]).max(0)
    return np.clip(1.05 * np.convolve(sustained, _hann(CLOSURE_EASE_S), "same"), 0, 1)


def _hann(length_s: float) -> Curve:
    window = np.hanning(max(3, round(length_s / HOP_S) | 1) + 2)[1:-1]
    kernel: Curve = window / window.sum()
    return kernel
