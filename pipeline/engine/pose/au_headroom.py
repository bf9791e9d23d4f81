"""Headroom of the action units: what the performer's own face leaves of them. Raised brows rise less, and so on.

Brows are measured against their usual height over about a second: raised brows have further to go to an angry face than
brows that frown already. The headroom per measure was set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Points
from ..detect.smooth import ease
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import ANCHORS, EYES, SIDES

USUAL_INNER, USUAL_OUTER = 0.335, 0.245
"""Usual height of the brows above the line of the eyes, in units: the median of seven faces."""
WINDOW_S = 0.6
"""The upper face is averaged over this time before and after a frame."""


@dataclass(frozen=True)
class UpperFace:
    """Brows and eyes, in units."""

    inner: float
    """Height of the inner brows above their usual height."""
    outer: float
    eyes: float
    """How far the eyes are open."""

    @classmethod
    def of(cls, frame: FaceFrame) -> UpperFace:
        """Measure the upper half of a face."""
        local = frame.local
        inner, outer = (
            -float(np.mean([local[list(ANCHORS[at][side]), 1].mean() for side in SIDES]))
            for at in ("inner brow", "outer brow")
        )
        eyes = float(np.mean([abs(local[eye.lower[3], 1] - local[eye.upper[3], 1]) for eye in EYES.values()]))
        return cls(inner - USUAL_INNER, outer - USUAL_OUTER, eyes)


def au_headroom(face: UpperFace) -> dict[str, float]:
    """Return the share of each unit that a face takes, unit → 0.2 to 1.25; other units apply in full."""
    return {
        "AU1": _share(0.28 - face.inner, 0.26, 0.30, 1.10),
        "AU2": _share(0.25 - face.outer, 0.23, 0.30, 1.10),
        "AU4": _share(0.20 + face.inner, 0.20, 0.35, 1.25),
        "AU5": _share(0.27 - face.eyes, 0.10, 0.20, 1.00),
        "AU43": _share(face.eyes - 0.02, 0.10, 0.20, 1.00),
    }


def headroom_per_frame(faces: Sequence[Points | None], fps: float) -> list[Mapping[str, float]]:
    """Return `au_headroom` for each frame; empty for frames without a face.

    The eyes are measured by their 80th percentile, so that a blink does not count.
    """
    half = max(1, round(WINDOW_S * fps))
    upper_faces = [None if points is None else UpperFace.of(FaceFrame(points)) for points in faces]
    usual: list[tuple[float, ...] | None] = []
    for number, face in enumerate(upper_faces):
        near = [other for other in upper_faces[max(0, number - half) : number + half + 1] if other is not None]
        if face is None:
            usual.append(None)
            continue
        eyes = float(np.percentile([other.eyes for other in near], 80))
        inner, outer = (float(np.mean([getattr(other, name) for other in near])) for name in ("inner", "outer"))
        usual.append((inner, outer, eyes))
    return [{} if row is None else au_headroom(UpperFace(*row)) for row in ease(usual, fps)]


def _share(remaining: float, usual: float, least: float, most: float) -> float:
    return min(most, max(least, remaining / usual))
