"""Convert a part of a frame between planes and RGB, by the frame's own matrix and range.

Only pixels that changed in RGB are written back; all others keep their bytes.
Source: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (luma weights); ITU-T H.273 (numbers of the matrices).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...media.frames.color import is_hd
from ...media.frames.decode import reformat
from ..arrays import Box, Image, Plane
from .clip_frames import Picture, VideoFormat

_BT601, _BT709, _BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
_WEIGHTS = {1: _BT709, 4: (0.30, 0.11), 5: _BT601, 6: _BT601, 7: (0.212, 0.087), 9: _BT2020, 10: _BT2020}
"""Matrix number → weights of red and blue in luma."""
_SWSCALE = {6: 5, 10: 9}
"""swscale's numbers of matrices that differ from those of H.273."""
ONE_COLOR_STEPS = 3
"""Chroma within this range is a single colour plus coding noise: a face spans at least 15 steps."""
SAMPLED_ROWS = 8
"""Every so many rows of a picture are looked at first."""


def even_box(box: Box, video_format: VideoFormat) -> Box:
    """Extend a box to even borders inside the picture, so that it contains complete chroma samples."""
    left, top, right, bottom = box
    return (
        max(0, left - left % 2),
        max(0, top - top % 2),
        min(video_format.width, right + right % 2),
        min(video_format.height, bottom + bottom % 2),
    )


def to_rgb(picture: Picture, box: Box, video_format: VideoFormat) -> Image:
    """Return a part of a frame as RGB; the box has even borders."""
    import cv2

    left, top, right, bottom = box
    size = (right - left, bottom - top)
    blue, red = (
        cv2.resize(plane[top // 2 : bottom // 2, left // 2 : right // 2], size, interpolation=cv2.INTER_LINEAR)
        for plane in (picture.blue, picture.red)
    )
    mixed = cv2.merge([np.ascontiguousarray(picture.luma[top:bottom, left:right]), blue, red])
    rgb: Image = cv2.transform(mixed, _to_rgb_matrix(video_format))
    return rgb


def frame_rgb(frame: VideoFrame, video_format: VideoFormat) -> Image:
    """Return a complete frame as RGB by swscale: faster than `to_rgb`; chroma is not interpolated."""
    known = _known_matrix(video_format)
    rgb: Image = reformat(
        frame,
        pix_fmt="rgb24",
        src_colorspace=_SWSCALE.get(known, known),
        src_color_range=2 if video_format.range == 2 else 1,
        dst_color_range=2,
    ).to_ndarray()
    return rgb


def small_rgb(picture: Picture, size: tuple[int, int], video_format: VideoFormat) -> Image:
    """Return a complete frame as RGB, scaled down to (width, height); the planes are scaled before the conversion."""
    import cv2

    if size == (video_format.width, video_format.height):
        return to_rgb(picture, (0, 0, video_format.width, video_format.height), video_format)
    planes = []
    for plane in (picture.luma, picture.blue, picture.red):
        shrinks = plane.shape[1] > size[0]
        planes.append(cv2.resize(plane, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
    rgb: Image = cv2.transform(cv2.merge(planes), _to_rgb_matrix(video_format))
    return rgb


def write_back(picture: Picture, box: Box, before: Image, after: Image, video_format: VideoFormat) -> Picture:
    """Return a copy of the frame with the changed pixels of a part.

    If the part has a single colour, as in a black-and-white film, its chroma stays.
    """
    import cv2

    left, top, right, bottom = box
    half = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    changed = _difference_mask(before, after)
    mixed = cv2.split(cv2.transform(after, _from_rgb_matrix(video_format)))
    luma, blue, red = picture.luma.copy(), picture.blue.copy(), picture.red.copy()
    cv2.copyTo(mixed[0], changed, luma[top:bottom, left:right])
    if all(_spread(plane[half]) <= ONE_COLOR_STEPS for plane in (blue, red)):
        return Picture(luma, blue, red)
    size = ((right - left) // 2, (bottom - top) // 2)
    block = cv2.compare(cv2.resize(changed, size, interpolation=cv2.INTER_AREA), 0, cv2.CMP_GT)
    for number, plane in ((1, blue), (2, red)):
        halved = cv2.resize(mixed[number], size, interpolation=cv2.INTER_AREA)
        cv2.copyTo(halved, block, plane[half])
    return Picture(luma, blue, red)


def keep_one_color(before: Image, after: Image) -> Image:
    """Return the changed picture in the colour of the unchanged one, if what changed had a single colour there.

    Args:
        before: (height, width, 3) uint8 RGB.
        after: the same picture, changed.
    """
    import cv2

    # Most pictures have more colours, and a few rows of them show it.
    if after is before or _changed_chroma(before[::SAMPLED_ROWS], after[::SAMPLED_ROWS]).has_colors:
        return after
    part = _changed_chroma(before, after)
    left, top, width, height = part.place
    if part.has_colors or not width:
        return after
    changed, red, blue = part.changed, part.red, part.blue
    drawn = np.ascontiguousarray(after[top : top + height, left : left + width])
    luma = cv2.split(cv2.cvtColor(drawn, cv2.COLOR_RGB2YCrCb))[0]
    own = cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB)
    recolored: Image = before.copy()
    cv2.copyTo(
        own, changed[top : top + height, left : left + width], recolored[top : top + height, left : left + width]
    )
    return recolored


@dataclass(frozen=True, eq=False)
class _ChangedChroma:
    changed: Plane
    """255 where a picture changed, else 0."""
    place: tuple[int, int, int, int]
    """Left, top, width and height of what changed, in pixels; 0 wide if nothing did."""
    red: Plane
    """The chroma of the unchanged picture there."""
    blue: Plane

    @property
    def has_colors(self) -> bool:
        """Whether it has more than one colour."""
        return self.place[2] > 0 and max(_spread(self.red), _spread(self.blue)) > ONE_COLOR_STEPS


def _changed_chroma(before: Image, after: Image) -> _ChangedChroma:
    import cv2

    changed = _difference_mask(before, after)
    left, top, width, height = cv2.boundingRect(changed)
    if not width:
        return _ChangedChroma(changed, (0, 0, 0, 0), changed[:0], changed[:0])
    part = np.ascontiguousarray(before[top : top + height, left : left + width])
    _, red, blue = cv2.split(cv2.cvtColor(part, cv2.COLOR_RGB2YCrCb))
    return _ChangedChroma(changed, (left, top, width, height), red, blue)


def _spread(plane: Plane) -> float:
    """Return the difference between the highest and the lowest sample."""
    import cv2

    least, most, _, _ = cv2.minMaxLoc(np.ascontiguousarray(plane))
    return float(most - least)


def _difference_mask(before: Image, after: Image) -> Plane:
    """Return 255 where two pictures differ in any channel, else 0."""
    import cv2

    red, green, blue = cv2.split(cv2.absdiff(before, after))
    other: Plane = cv2.compare(cv2.bitwise_or(cv2.bitwise_or(red, green), blue), 0, cv2.CMP_GT)
    return other


def _scales(video_format: VideoFormat) -> tuple[float, float, float]:
    """Return the black level of luma and the ranges of luma and chroma, in 8-bit steps."""
    return (0.0, 255.0, 255.0) if video_format.range == 2 else (16.0, 219.0, 224.0)


def _known_matrix(video_format: VideoFormat) -> int:
    """Return the number of a clip's matrix (ITU-T H.273); without one, that of BT.709 for HD, else of BT.601."""
    if video_format.matrix in _WEIGHTS:
        return video_format.matrix
    return 1 if is_hd(video_format.width, video_format.height) else 6


@lru_cache(maxsize=16)
def _from_rgb_matrix(video_format: VideoFormat) -> NDArray[np.float64]:
    black, luma_swing, chroma_swing = _scales(video_format)
    red, blue = _WEIGHTS[_known_matrix(video_format)]
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    rows = np.stack([luma * luma_swing, cb * chroma_swing, cr * chroma_swing]) / 255
    return np.column_stack([rows, [black, 128, 128]])


@lru_cache(maxsize=16)
def _to_rgb_matrix(video_format: VideoFormat) -> NDArray[np.float64]:
    forward = _from_rgb_matrix(video_format)
    back = np.linalg.inv(forward[:, :3])
    return np.column_stack([back, -back @ forward[:, 3]])
