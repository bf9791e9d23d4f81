"""Head motion of a speaking face: a nod on each stressed syllable, small turns and tilts in between, a lean.

Everything is a sum of Gaussians and of steps smoothed by Gaussians, so it contains nothing above about 3 Hz; it is
eased in and out over 0.8 s. The same voice gives the same motion.

Source: that heads nod with the accents of speech: U. Hadar et al., "Head movement correlates of juncture and stress at
        sentence level", Language and Speech 26(2), 1983; that listeners understand more for it: K. G. Munhall et al.,
        "Visual prosody and speech intelligibility", Psychological Science 15(2), 2004. The sizes were set by eye.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ...core.edits.choices import Prompt, React1Choices
from ..arrays import Curve, ramp_weights, runs
from .pose import HEAD_MOVES, HeadMove, gain

NOD_DEG, TURN_DEG, TILT_DEG = 2.4, 2.0, 1.2
NOD_S, TURN_S, TILT_S = 0.13, 0.34, 0.50
"""Standard deviations of the Gaussians in time."""
NOD_DELAY_S = 0.06
"""A nod is lowest this long after its syllable is loudest."""
EASE_S = Fraction(4, 5)
LEAST_DISTANCE_S = 0.40
"""Least distance between stressed syllables."""
SMOOTHING_S, STRESSED, PROMINENCE = 0.06, 0.45, 0.15
"""A syllable is stressed where the smoothed opening reaches this share of its maximum, this far above its valley."""
BREATH_DEG, BREATH_HZ = 0.5, 0.25
LIVELY: dict[Prompt, float] = {
    "neutral": 0.8,
    "happy": 1.1,
    "sad": 0.55,
    "angry": 1.15,
    "surprised": 1.0,
    "disgusted": 0.7,
}
"""How much a head moves with the voice in each emotion."""


def head_motion(opened: Curve | None, weights: Curve, choices: React1Choices, fps: Fraction) -> list[HeadMove]:
    """Return the head motion of each output frame; zero where its weight is 0.

    Args:
        opened: how far the mouth is open in each frame: 0 to 1 by a voice, or in units in the picture; None if nobody
            speaks: the head only breathes.
        weights: the ramps of the edit, 0 to 1.
        choices: the emotion and its temperature.
        fps: frames per second.
    """
    count, strength = len(weights), gain(choices.temperature, choices.prompt)
    eased = np.minimum(_eased(weights > 0, fps), weights)
    lively = strength * LIVELY[choices.prompt]
    if opened is None or not stressed_syllables(opened, fps):
        time_s = np.arange(count) / float(fps)
        nods, turns = BREATH_DEG * np.sin(2 * np.pi * BREATH_HZ * time_s), np.zeros(count)
        tilts = 0.5 * BREATH_DEG * np.sin(np.pi * BREATH_HZ * time_s)
    else:
        nods, turns, tilts = _spoken(stressed_syllables(opened, fps), count, float(fps))
    lean = HEAD_MOVES[choices.prompt] * strength
    return [
        (lean + HeadMove(roll_deg=lively * tilt, pitch_deg=lively * nod, yaw_deg=lively * turn)) * float(share)
        for nod, turn, tilt, share in zip(nods, turns, tilts, eased, strict=True)
    ]


def _eased(active: NDArray[np.bool_], fps: Fraction) -> Curve:
    """Return weights that ease each active run in and out; a run that is too short for full ramps stays weaker."""
    eased = np.zeros(len(active))
    for first, last in runs(active):
        half_s = Fraction(last - first + 1, 2) / fps
        run = np.zeros(len(active), bool)
        run[first:last] = True
        eased += ramp_weights(run, fps, min(EASE_S, half_s)) * min(1.0, float(half_s / EASE_S)) ** 2
    return eased


def stressed_syllables(opened: Curve, fps: Fraction) -> list[tuple[int, float]]:
    """Return the stressed syllables as (frame, strength 0 to 1), in order."""
    smooth = _smoothed(np.asarray(opened, np.float64), SMOOTHING_S * float(fps))
    if not len(smooth) or smooth.max() <= 0.05:
        return []
    heights = smooth / smooth.max()
    peaks = [
        frame
        for frame in range(1, len(heights) - 1)
        if heights[frame - 1] < heights[frame] >= heights[frame + 1] and heights[frame] >= STRESSED
    ]
    distance = max(1, round(LEAST_DISTANCE_S * float(fps)))
    stressed: list[int] = []
    for frame in sorted(peaks, key=lambda peak: (-heights[peak], peak)):
        valley = heights[max(0, frame - distance) : frame + 1].min()
        if heights[frame] - valley >= PROMINENCE and all(abs(frame - other) >= distance for other in stressed):
            stressed.append(frame)
    return [(frame, float(heights[frame])) for frame in sorted(stressed)]


def _spoken(stressed: list[tuple[int, float]], count: int, fps: float) -> tuple[Curve, Curve, Curve]:
    """Return nods, turns and tilts in degrees: down and to the image's right are positive."""
    frames = np.arange(count)
    nods, turns, tilts = (np.zeros(count) for _ in range(3))
    for number, (frame, strength) in enumerate(stressed):
        nods += strength * np.exp(-0.5 * ((frames - frame - NOD_DELAY_S * fps) / (NOD_S * fps)) ** 2)
        turns[frame:] = _spread(number, 0.6180339887)
        tilts[frame:] = _spread(number, 0.7548776662)
    return (
        NOD_DEG * nods,
        TURN_DEG * _smoothed(turns, TURN_S * fps),
        TILT_DEG * _smoothed(tilts, TILT_S * fps),
    )


def _spread(number: int, step: float) -> float:
    """Return a number of a low-discrepancy sequence, -1 to 1: evenly spread, random-looking."""
    return 2 * ((0.5 + (number + 1) * step) % 1) - 1


def _smoothed(curve: Curve, deviation: float) -> Curve:
    """Smooth by a Gaussian of this deviation in frames; the end values are repeated."""
    half = max(1, round(4 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / max(deviation, 1e-3)) ** 2)
    smooth: Curve = np.convolve(np.pad(curve, half, mode="edge"), kernel / kernel.sum(), "valid")
    return smooth
