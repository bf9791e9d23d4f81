"""From a voice to a mouth: what jaw and lips do in each frame of the output.

The voice is heard a hundred times a second (listening.py), told apart into shapes of the mouth (visemes.py), and
turned into movement (coarticulation.py); here that is laid onto the picture's frames. A frame shows the mean of its
time, but a closure as far as it got, so that no p falls between two frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve, Points
from .coarticulation import articulate
from .listening import HOP_S, listen
from .visemes import SILENT_DB, loud_level_db, visemes

LEAD_S = 0.02
"""Lips are on their way before the sound is heard; reaches alone would put them on it."""
BITE_OPENS = 0.30
"""So much of the jaw's opening is left while the lower lip is on the teeth."""


@dataclass(frozen=True)
class Moment:
    """What a voice does to the lips in one frame; fields as in `Speech`."""

    open: float
    spread: float = 0.0
    press: float = 0.0
    bite: float = 0.0
    bared: float = 0.0


@dataclass(frozen=True, eq=False)
class Speech:
    """What a voice does to the lips, one number per frame."""

    open: Curve
    """0 shut to 1 wide."""
    spread: Curve
    """-1 rounded to 1 spread."""
    press: Curve
    """0 to 1: lips pressed together, as for p, b, m."""
    bite: Curve
    """0 to 1: the lower lip on the upper teeth, as for f, v."""
    bared: Curve
    """0 to 1: teeth together and seen, as for s, sh."""
    classes: Points
    """(frames, classes): the weight of each class of `Viseme` in the middle of the frame."""

    def at(self, frame: int) -> Moment:
        """Give what one frame shows."""
        curves = (self.open, self.spread, self.press, self.bite, self.bared)
        return Moment(*(float(curve[frame]) for curve in curves))


def speech(samples: NDArray[np.float64], rate: int, frames: int, fps: Fraction) -> Speech:
    """Listen to a voice, (count,) mono in -1..1, for a number of frames."""
    heard = listen(samples, rate, float(frames / fps))
    weights, loud_db = visemes(heard), loud_level_db(heard)
    if loud_db < SILENT_DB:
        still = np.zeros(frames)
        return Speech(still, still, still, still, still, _on_frames(weights, frames, fps))
    lips = articulate(weights, np.clip((heard.level_db - loud_db + 20) / 20, 0, 1))
    press, bite = (_furthest(one, frames, fps) for one in (lips.press, lips.bite))
    bite = bite * (1 - press)
    opened = _mean(lips.jaw, frames, fps) * (1 - press) * (1 - (1 - BITE_OPENS) * bite)
    spread = _mean(lips.spread, frames, fps)
    return Speech(opened, spread, press, bite, _mean(lips.bared, frames, fps), _on_frames(weights, frames, fps))


def correlation(mouth: Curve, opened: Curve, fps: Fraction, lag_frames: int = 3) -> float:
    """Tell how well a mouth's gap follows a voice: the best correlation within a few frames, slow drift taken out.

    A mouth that hardly moves (below 0.004 units) follows nothing: 0.
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


def _bounds(frames: int, fps: Fraction, moments: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the moments [first, last) that each frame shows; at least one, at any rate."""
    starts = np.array([(float(number / fps) + LEAD_S) / HOP_S for number in range(frames + 1)])
    first = np.clip(np.floor(starts[:-1] + 0.5).astype(int), 0, moments - 1)
    last = np.clip(np.floor(starts[1:] + 0.5).astype(int), first + 1, moments)
    return first, last


def _mean(curve: Curve, frames: int, fps: Fraction) -> Curve:
    first, last = _bounds(frames, fps, len(curve))
    total = np.concatenate([[0.0], np.cumsum(curve)])
    mean: Curve = (total[last] - total[first]) / (last - first)
    return mean


def _furthest(curve: Curve, frames: int, fps: Fraction) -> Curve:
    first, last = _bounds(frames, fps, len(curve))
    return np.array([curve[start:end].max() for start, end in zip(first, last, strict=True)])


def _on_frames(weights: Points, frames: int, fps: Fraction) -> Points:
    first, last = _bounds(frames, fps, len(weights))
    return np.asarray(weights[(first + last - 1) // 2])


def _without_drift(curve: Curve, half: int) -> Curve:
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    drift: Curve = np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid")
    return curve - drift
