"""How strongly each frame of the output is re-expressed: ramps, and what they go around.

The edit comes in and goes out at the span's ends, and around frames in which the face is lost or covered. At a cut
there is no ramp: the next shot begins with the expression on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .arrays import Curve
from .detect.face_selection import Part
from .ramp import ramps

FULLY = 0.85
"""A lower face that is covered by more than this is left alone, whether or not occlusion is looked for."""
PARTLY, PARTLY_UNSURE = 0.55, 0.20
"""Where occlusion is looked for: from these shares on the whole frame is left alone and not only what is covered."""


@dataclass(frozen=True)
class Gates:
    """Why frames of the input within the span are weak; counts of frames."""

    hidden: int
    """Left alone because something covers the face."""
    masked: int
    """Re-expressed but where something covers the face."""
    faded: int
    """At less than half because the face is turned away or smeared."""


def weigh(
    parts: Sequence[Part],
    shown: Sequence[int],
    output_span: tuple[int, int],
    span: tuple[int, int],
    count: int,
    fps: Fraction,
    *,
    masked: bool,
) -> tuple[Curve, Gates]:
    """Give a weight, 0 to 1, for each frame of the output.

    Args:
        parts: the shots with their faces.
        shown: which frame of the clip each frame of the output shows.
        output_span: the frames [first, last) of the output that may change.
        span: the same for the clip.
        count: frames of the clip.
        fps: frames per second.
        masked: whether occlusion is looked for.
    """
    shot, seen, hidden = np.full(count, -1), np.zeros(count, bool), np.zeros(count, bool)
    soft, patched = np.ones(count), np.zeros(count, bool)
    for number, part in enumerate(parts):
        here = slice(*part.shot)
        shot[here] = number
        seen[here] = [points is not None or frame in part.flashes for frame, points in enumerate(part.line)]
        hidden[here] = covered(part, masked=masked)
        patched[here] = [mask is not None for mask in part.cover.masks]
        soft[here] = part.weights
    order = np.asarray(shown)
    numbers = np.arange(len(order))
    weights = ramps((numbers >= output_span[0]) & (numbers < output_span[1]), fps) * soft[order]
    borders = [0, *(np.flatnonzero(np.diff(shot[order])) + 1).tolist(), len(order)]
    active = (seen & ~hidden)[order]
    for first, last in pairwise(borders):
        weights[first:last] *= ramps(active[first:last], fps, to_ends=False)
    inside = slice(*span)
    gates = Gates(
        int((seen & hidden)[inside].sum()),
        int((seen & ~hidden & patched)[inside].sum()) if masked else 0,
        int((seen & ~hidden & (soft < 0.5))[inside].sum()),
    )
    return weights, gates


def covered(part: Part, *, masked: bool) -> NDArray[np.bool_]:
    """Tell in which frames of a shot the face is covered by so much that it is left alone."""
    fully = part.cover.shares > FULLY
    if not masked:
        return fully
    partly: NDArray[np.bool_] = fully | (part.cover.shares > PARTLY) | (part.cover.unsure > PARTLY_UNSURE)
    return partly
