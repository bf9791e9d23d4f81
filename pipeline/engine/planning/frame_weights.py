"""How strongly each output frame is re-expressed.

The edit ramps in and out at the ends of the span, and around frames in which the face is lost or covered. There is no
ramp at a cut: the next shot starts at full strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve
from ..detect.face_selection import ShotFace
from ..ramp import ramp_weights

COVERED = 0.85
"""A face whose lower part is covered by more than this share is left unchanged, with or without occlusion detection."""
PARTLY_COVERED, UNSURE_COVERED = 0.55, 0.20
"""With occlusion detection: above these shares the complete frame is left unchanged, not only what is covered."""


@dataclass(frozen=True)
class WeakFrames:
    """Numbers of frames of the input's span that are not at full strength, by reason."""

    covered: int
    """Left unchanged because something covers the face."""
    masked: int
    """Re-expressed except where something covers the face."""
    faded: int
    """At less than half strength because the face is turned away or blurred."""


def frame_weights(
    shots: Sequence[ShotFace],
    shown: Sequence[int],
    take_span: tuple[int, int],
    span: tuple[int, int],
    count: int,
    fps: Fraction,
    *,
    use_masks: bool,
) -> tuple[Curve, WeakFrames]:
    """Return a weight, 0 to 1, for each output frame, and why input frames are weak.

    Args:
        shots: the shots with their faces.
        shown: which frame of the clip each output frame shows.
        take_span: the output frames [first, last) that may change.
        span: the same for the clip.
        count: number of frames of the clip.
        fps: frames per second.
        use_masks: whether occlusion detection is on.
    """
    shot_of, has_face, covered = np.full(count, -1), np.zeros(count, bool), np.zeros(count, bool)
    quality, has_mask = np.ones(count), np.zeros(count, bool)
    for number, shot in enumerate(shots):
        in_shot = slice(*shot.shot)
        shot_of[in_shot] = number
        has_face[in_shot] = [points is not None or frame in shot.flashes for frame, points in enumerate(shot.landmarks)]
        covered[in_shot] = covered_frames(shot, use_masks=use_masks)
        has_mask[in_shot] = [mask is not None for mask in shot.occlusion.masks]
        quality[in_shot] = shot.visibility
    order = np.asarray(shown)
    numbers = np.arange(len(order))
    weights = ramp_weights((numbers >= take_span[0]) & (numbers < take_span[1]), fps) * quality[order]
    cuts = [0, *(np.flatnonzero(np.diff(shot_of[order])) + 1).tolist(), len(order)]
    active = (has_face & ~covered)[order]
    for first, last in pairwise(cuts):
        weights[first:last] *= ramp_weights(active[first:last], fps, to_ends=False)
    in_span = slice(*span)
    weak = WeakFrames(
        int((has_face & covered)[in_span].sum()),
        int((has_face & ~covered & has_mask)[in_span].sum()) if use_masks else 0,
        int((has_face & ~covered & (quality < 0.5))[in_span].sum()),
    )
    return weights, weak


def covered_frames(shot: ShotFace, *, use_masks: bool) -> NDArray[np.bool_]:
    """Return in which frames of a shot the face is covered so far that the frame is left unchanged."""
    covered = shot.occlusion.covered > COVERED
    if not use_masks:
        return covered
    partly: NDArray[np.bool_] = (
        covered | (shot.occlusion.covered > PARTLY_COVERED) | (shot.occlusion.uncertain > UNSURE_COVERED)
    )
    return partly
