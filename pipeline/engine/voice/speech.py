"""Convert a voice to the motion of jaw and lips in each frame of the output.

The voice is analyzed a hundred times a second (voice_features.py), classified into visemes (visemes.py), and converted
to motion with coarticulation; then the motion is resampled to video frames. A frame shows the mean over its duration,
but the maximum of a closure, so that no p is lost between two frames.

Coarticulation: each shape starts before its sound and ends after it. Every viseme pulls the jaw and the corners of the
mouth with its own strength and reach, and the result is the weighted mean: so an "oo" rounds the lips while the
consonant before it still sounds. A closure is not averaged, because lips that nearly meet do not make a p.

Dominance functions: Cohen & Massaro, "Modeling coarticulation in synthetic visual speech", in Models and Techniques in
Computer Animation (1993). Shapes and reaches were set by eye and against known phones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve, Points, shares_between
from .visemes import SILENT_DB, Viseme, classify_visemes, loud_level_db
from .voice_features import HOP_S, analyze_voice

LEAD_S = 0.02
"""Lips move this much before the sound; the reaches alone would place them on it."""
BITE_OPENS = 0.30
"""Factor of the jaw's opening while the lower lip is on the teeth."""


@dataclass(frozen=True)
class SpeechFrame:
    """Lip motion in one frame; fields as in `Speech`."""

    open: float
    spread: float = 0.0
    press: float = 0.0
    bite: float = 0.0
    bared: float = 0.0


@dataclass(frozen=True, eq=False)
class Speech:
    """Lip motion of a voice, one value per frame."""

    open: Curve
    """0 closed to 1 wide open."""
    spread: Curve
    """-1 rounded to 1 spread."""
    press: Curve
    """0 to 1: lips pressed together, as for p, b, m."""
    bite: Curve
    """0 to 1: the lower lip on the upper teeth, as for f, v."""
    bared: Curve
    """0 to 1: teeth together and visible, as for s, sh."""
    classes: Points
    """(frames, classes): the weight of each `Viseme` in the middle of the frame."""

    def scaled(self, shares: Curve) -> Speech:
        """Return the motion scaled by a share per frame, 0 to 1."""
        curves = {name: getattr(self, name) * shares for name in ("open", "spread", "press", "bite", "bared")}
        return replace(self, **curves)

    def at(self, frame: int) -> SpeechFrame:
        """Return the lip motion of one frame."""
        curves = (self.open, self.spread, self.press, self.bite, self.bared)
        return SpeechFrame(*(float(curve[frame]) for curve in curves))


def analyze_speech(samples: NDArray[np.float64], rate: int, frames: int, fps: Fraction) -> Speech:
    """Return the lip motion of a voice, (count,) mono in -1..1, for a number of frames."""
    features = analyze_voice(samples, rate, float(frames / fps))
    weights, loud_db = classify_visemes(features), loud_level_db(features)
    if loud_db < SILENT_DB:
        still = np.zeros(frames)
        return Speech(still, still, still, still, still, _frame_weights(weights, frames, fps))
    lips = articulate(weights, np.clip((features.level_db - loud_db + 20) / 20, 0, 1))
    press, bite = (_frame_max(curve, frames, fps) for curve in (lips.press, lips.bite))
    bite = bite * (1 - press)
    opened = _frame_mean(lips.jaw, frames, fps) * (1 - press) * (1 - (1 - BITE_OPENS) * bite)
    spread = _frame_mean(lips.spread, frames, fps)
    return Speech(
        opened, spread, press, bite, _frame_mean(lips.bared, frames, fps), _frame_weights(weights, frames, fps)
    )


LAG_S = 0.12
"""The most that a film's own sound is early or late, as `speaker.py` allows."""


def correlation(mouth: Curve, opened: Curve, fps: Fraction) -> float:
    """Return how well a mouth's gap follows a voice: the best correlation within `LAG_S`, without slow drift.

    It is 0 if the mouth hardly moves (below 0.004 units).
    """
    half, lag_frames = max(2, round(fps / 2)), max(1, round(LAG_S * fps))
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


def _moments_of_frames(frames: int, fps: Fraction, moments: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the moments [first, last) of each frame, at least one at any frame rate."""
    starts = np.array([(float(number / fps) + LEAD_S) / HOP_S for number in range(frames + 1)])
    first = np.clip(np.floor(starts[:-1] + 0.5).astype(int), 0, moments - 1)
    last = np.clip(np.floor(starts[1:] + 0.5).astype(int), first + 1, moments)
    return first, last


def _frame_mean(curve: Curve, frames: int, fps: Fraction) -> Curve:
    first, last = _moments_of_frames(frames, fps, len(curve))
    total = np.concatenate([[0.0], np.cumsum(curve)])
    mean: Curve = (total[last] - total[first]) / (last - first)
    return mean


def _frame_max(curve: Curve, frames: int, fps: Fraction) -> Curve:
    first, last = _moments_of_frames(frames, fps, len(curve))
    return np.array([curve[start:end].max() for start, end in zip(first, last, strict=True)])


def _frame_weights(weights: Points, frames: int, fps: Fraction) -> Points:
    first, last = _moments_of_frames(frames, fps, len(weights))
    return np.asarray(weights[(first + last - 1) // 2])


def _without_drift(curve: Curve, half: int) -> Curve:
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    drift: Curve = np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid")
    return curve - drift


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
        bared=_smoothed(weights[:, Viseme.HISS], _hann(0.07)),
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
    certainty = shares_between(weight, CERTAIN)
    reach = round(CLOSURE_HOLD_S / HOP_S)
    padded = np.pad(certainty, reach)
    sustained = np.stack([padded[step : step + len(certainty)] for step in range(2 * reach + 1)]).max(0)
    return np.clip(1.05 * _smoothed(sustained, _hann(CLOSURE_EASE_S)), 0, 1)


def _smoothed(curve: Curve, kernel: Curve) -> Curve:
    """Return a curve smoothed by a kernel of odd length, also one that is longer than the curve; 0 beyond its ends."""
    half = len(kernel) // 2
    return np.convolve(curve, kernel)[half : half + len(curve)]


def _hann(length_s: float) -> Curve:
    window = np.hanning(max(3, round(length_s / HOP_S) | 1) + 2)[1:-1]
    kernel: Curve = window / window.sum()
    return kernel
