"""Convert a voice to the motion of jaw and lips in each frame of the output.

The voice is analyzed a hundred times a second (voice_features.py), classified into visemes (visemes.py), and converted
to motion (coarticulation.py); here the motion is resampled to video frames. A frame shows the mean over its duration,
but the maximum of a closure, so that no p is lost between two frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve, Points
from .coarticulation import articulate
from .visemes import SILENT_DB, classify_visemes, loud_level_db
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


def correlation(mouth: Curve, opened: Curve, fps: Fraction, lag_frames: int = 3) -> float:
    """Return how well a mouth's gap follows a voice: the best correlation within a few frames, without slow drift.

    It is 0 if the mouth hardly moves (below 0.004 units).
    """
    half = max(2, round(fps / 2))
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
