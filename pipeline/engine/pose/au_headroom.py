"""What the performer's own face leaves to the units: brows that are raised already rise less, and so on.

Brows are measured against where they usually are, over a second or so: a face that is asked for anger with its brows up
has a longer way to go than one that frowns already. How much room each measure leaves was set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Points
from ..detect.smooth import eased
from .head_frame import FaceFrame
from .landmark_indices import ANCHORS, EYES, SIDES

USUAL_INNER, USUAL_OUTER = 0.335, 0.245
"""How high brows stand over the line of the eyes, in units: the middle of seven faces."""
AROUND_S = 0.6
"""The upper face is looked at over this time before and after a frame."""


@dataclass(frozen=True)
class UpperFace:
    """Brows and eyes, in units."""

    inner: float
    """How far the inner brows stand above their usual height."""
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


def room_for(face: UpperFace) -> dict[str, float]:
    """Tell what share of a unit a face takes, unit → 0.2 to 1.25; units that are not named are taken whole."""
    return {
        "AU1": _share(0.28 - face.inner, 0.26, 0.30, 1.10),
        "AU2": _share(0.25 - face.outer, 0.23, 0.30, 1.10),
        "AU4": _share(0.20 + face.inner, 0.20, 0.35, 1.25),
        "AU5": _share(0.27 - face.eyes, 0.10, 0.20, 1.00),
        "AU43": _share(face.eyes - 0.02, 0.10, 0.20, 1.00),
    }


def own_rooms(line: Sequence[Points | None], fps: float) -> list[Mapping[str, float]]:
    """Tell for each frame what share of its units the face takes; all of them where there is no face.

    Eyes count by their 80th percentile, so that a blink does not.
    """
    half = max(1, round(AROUND_S * fps))
    seen = [None if points is None else UpperFace.of(FaceFrame(points)) for points in line]
    usual: list[tuple[float, ...] | None] = []
    for number, face in enumerate(seen):
        near = [other for other in seen[max(0, number - half) : number + half + 1] if other is not None]
        if face is None:
            usual.append(None)
            continue
        eyes = float(np.percentile([other.eyes for other in near], 80))
        inner, outer = (float(np.mean([getattr(other, name) for other in near])) for name in ("inner", "outer"))
        usual.append((inner, outer, eyes))
    return [{} if row is None else room_for(UpperFace(*row)) for row in eased(usual, fps)]


def _share(left: float, usual: float, least: float, most: float) -> float:
    return min(most, max(least, left / usual))
