"""Frames in which a face is seen badly: turned or tilted away, or smeared by motion. There the expression fades."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .arrays import Curve, Points
from .frame import FaceFrame
from .occlusion import Glance
from .ramp import smoothstep

TURNED_DEG, TILTED_DEG = (38.0, 50.0), (32.0, 44.0)
"""Between these angles of yaw and of pitch the edit fades out: the far side of the face is guessed."""
SMEARED = (0.55, 0.35)
"""Between these shares of its usual sharpness a face fades: its landmarks are guessed too."""
STRONGEST = 200
"""Of so many texels, those with the strongest edges, sharpness is taken."""
FEWEST_FRAMES, EASE_FRAMES = 8, 3


def frontal(line: Sequence[Points | None]) -> Curve:
    """Give a weight for each frame: 1 seen from the front, 0 turned or tilted away; a frame without a face has 1."""
    weights = np.ones(len(line))
    for number, points in enumerate(line):
        if points is not None:
            axes = FaceFrame(points).axes
            for row, (full, none) in ((0, TURNED_DEG), (1, TILTED_DEG)):
                angle = abs(math.degrees(math.asin(float(np.clip(axes[row, 2], -1, 1)))))
                weights[number] *= 1 - float(smoothstep(np.array((angle - full) / (none - full))))
    return weights


def sharp(looks: Mapping[int, Glance], frames: int) -> Curve:
    """Give a weight for each frame: 1 as sharp as this face usually is in its shot, 0 smeared."""
    weights = np.ones(frames)
    if len(looks) < FEWEST_FRAMES:
        return weights
    numbers = sorted(looks)
    edges = [float(np.partition(looks[number].texels[:, 3], -STRONGEST)[-STRONGEST:].mean()) for number in numbers]
    share = np.array(edges) / max(1e-6, float(np.median(edges)))
    weights[numbers] = 1 - smoothstep((SMEARED[0] - share) / (SMEARED[0] - SMEARED[1]))
    return _eased(weights)


def _eased(weights: Curve) -> Curve:
    """Begin a fade some frames before it is due, and end it later, so that none pops."""
    padded = np.pad(weights, 2 * EASE_FRAMES, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, 2 * EASE_FRAMES + 1).min(1)
    eased: Curve = np.lib.stride_tricks.sliding_window_view(least, 2 * EASE_FRAMES + 1).mean(1)
    return eased
