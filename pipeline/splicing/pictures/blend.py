"""Blend a take's picture with the film's, in the film's pixel format and bit depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...media.frames.reformat import reformat
from ..not_applicable import NotApplicable
from .morph import morph
from .planes import Plane, frame_from_planes, frame_planes, working_format
from .seam_style import SeamStyle


def blend(
    film: VideoFrame, take: VideoFrame, numerator: int, denominator: int, style: SeamStyle = "dissolve"
) -> VideoFrame:
    """Return `film` with the given fraction of the take's picture; a fraction of 1 copies the take's pixels.

    The pixels are written into `film`, so its captions and field order stay.

    Raises:
        NotApplicable: the frames differ in size.
        MissingExtra: a morph without OpenCV.
    """
    if (take.width, take.height) != (film.width, film.height):
        raise NotApplicable(f"the take is {take.width}x{take.height}, the film {film.width}x{film.height}")
    if numerator < denominator:
        pix_fmt = working_format(film.format.name)
        base = _reformat(film, pix_fmt)
        below, above, bits = frame_planes(base), frame_planes(_reformat(take, pix_fmt)), base.format.components[0].bits
        if style == "morph":
            mix = morph(below, above, numerator, denominator, bits)
        else:
            mix = dissolve(below, above, numerator, denominator)
        take = frame_from_planes(mix, pix_fmt)
    return _copy_pixels(film, _reformat(take, film.format.name))


def blend_changes(
    film: VideoFrame, take: VideoFrame, numerator: int, denominator: int, style: SeamStyle = "dissolve"
) -> bool:
    """Return whether `blend` with the same arguments would change the film's picture; writes into `film`, too."""
    pix_fmt = working_format(film.format.name)
    before = frame_planes(_reformat(film, pix_fmt))
    after = frame_planes(_reformat(blend(film, take, numerator, denominator, style), pix_fmt))
    return not all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def dissolve(below: list[Plane], above: list[Plane], numerator: int, denominator: int) -> list[Plane]:
    """Return the weighted mean of two pictures, rounded half up; `above` has the given fraction."""
    mix: list[Plane] = []
    for low, high in zip(below, above, strict=True):
        total = low.astype(np.uint32) * (denominator - numerator) + high.astype(np.uint32) * numerator
        mix.append(((2 * total + denominator) // (2 * denominator)).astype(low.dtype))
    return mix


def _reformat(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    converted: VideoFrame = reformat(frame, pix_fmt=pix_fmt)
    return converted


def _copy_pixels(film: VideoFrame, take: VideoFrame) -> VideoFrame:
    film.make_writable()
    components = film.format.components
    for number, (target, source) in enumerate(zip(film.planes, take.planes, strict=True)):
        if len(film.planes) == len(components) and components[number].is_alpha:
            continue  # a take has no transparency: the film's own stays
        rows, width = _rows(source), min(source.line_size, target.line_size)
        _rows(target)[: target.height, :width] = rows[: target.height, :width]
    return film


def _rows(plane: Any) -> NDArray[np.uint8]:
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
