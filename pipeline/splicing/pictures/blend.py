"""Lay a take's picture over the film's, in full or mixed with it, in the film's own format and bit depth.

Takes   two decoded frames of one size; the film's own is written to, so that its captions and field order stay.
Gives   the film's frame.
Raises  Unsuited where the sizes differ; MissingExtra where a morph has no OpenCV.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..not_applicable import Unsuited
from .morph import morphed
from .planes import Plane, frame_of, planes, working_format
from .seam_style import Way


def over(plate: VideoFrame, taken: VideoFrame, share: int, of: int, way: Way = "dissolve") -> VideoFrame:
    """Give `plate` with `share / of` of the take's picture; all of it replaces the plate's pixels as they are."""
    if (taken.width, taken.height) != (plate.width, plate.height):
        raise Unsuited(f"the take is {taken.width}x{taken.height}, the film {plate.width}x{plate.height}")
    if share < of:
        form = working_format(plate.format.name)
        base = _as(plate, form)
        below, above, bits = planes(base), planes(_as(taken, form)), base.format.components[0].bits
        made = morphed(below, above, share, of, bits) if way == "morph" else mixed(below, above, share, of)
        taken = frame_of(made, form)
    return _onto(plate, _as(taken, plate.format.name))


def same(plate: VideoFrame, other: VideoFrame) -> bool:
    """Tell whether two frames show the same, pixel for pixel."""
    form = working_format(plate.format.name)
    pairs = zip(planes(_as(plate, form)), planes(_as(other, form)), strict=True)
    return all(np.array_equal(one, two) for one, two in pairs)


def mixed(below: list[Plane], above: list[Plane], share: int, of: int) -> list[Plane]:
    """Give `(1 - share / of)` of one and `share / of` of the other picture, rounded to the nearest level, half up."""
    made: list[Plane] = []
    for one, other in zip(below, above, strict=True):
        total = one.astype(np.uint32) * (of - share) + other.astype(np.uint32) * share
        made.append(((2 * total + of) // (2 * of)).astype(one.dtype))
    return made


def _as(frame: VideoFrame, form: str) -> VideoFrame:
    return frame if frame.format.name == form else frame.reformat(format=form)


def _onto(plate: VideoFrame, taken: VideoFrame) -> VideoFrame:
    plate.make_writable()
    parts = plate.format.components
    for place, (own, new) in enumerate(zip(plate.planes, taken.planes, strict=True)):
        if len(plate.planes) == len(parts) and parts[place].is_alpha:
            continue  # a take has no transparency: the film's own stays
        rows = _rows(new)
        if new.line_size != own.line_size:
            fitted = np.zeros((new.height, own.line_size), np.uint8)
            held = min(new.line_size, own.line_size)
            fitted[:, :held] = rows[: new.height, :held]
            rows = fitted
        own.update(rows[: own.height].tobytes())
    return plate


def _rows(plane: Any) -> NDArray[np.uint8]:
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
