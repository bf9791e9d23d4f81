"""The first pass: every frame is looked at once, small, and only landmarks are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from ...media.shots import Thumbnail, thumbnail
from ..arrays import Image, Points
from ..frames.clip_frames import ClipFrames, Picture, VideoFormat, planes_of
from ..frames.frame_color import small_rgb, to_rgb
from ..frames.threads import read_ahead, single_threaded_opencv
from ..geometry.head_frame import FaceFrame
from ..landmarks.landmarker import Box
from ..occlusion.occlusion import Glance, glance
from .confirm import EVERY_FRAMES
from .faces import FaceFinder

LONG_SIDE_PX = 1280
"""Faces are looked for in pictures of at most this size; a small face gets a second look at full size."""
_READ_AHEAD = 3
"""Frames that are decoded while a face is looked for."""


@dataclass(frozen=True)
class Sighting:
    """The faces of one frame, and how each one's skin looked."""

    faces: tuple[Points, ...]
    """(478, 3) px of the full frame each; each number is one that 32 bits hold."""
    glances: tuple[Glance, ...] = ()
    boxes: tuple[Box, ...] | None = None
    """What the detector saw, px of the full frame; None where it was not asked."""
    thumbnail: Thumbnail | None = None
    """The whole picture, (36, 64) grey: cuts are found in it."""


@dataclass(frozen=True)
class Scouted:
    """What the first pass found, one sighting per frame of the input."""

    sightings: tuple[Sighting, ...]
    times: tuple[int, ...] = ()
    """When each frame is shown, in the stream's own ticks."""


def scout(frames: ClipFrames, video_format: VideoFormat, progress: Callable[[float], None]) -> Scouted:
    """Look for faces in every frame."""
    sightings: list[Sighting] = []
    expected = max(1, frames.expected_count)
    with (
        single_threaded_opencv(),
        FaceFinder() as finder,
        closing(read_ahead(_pictures(frames, video_format), _READ_AHEAD)) as pictures,
    ):
        for picture, small, thumb in pictures:
            ask = len(sightings) % EVERY_FRAMES == 0
            sightings.append(replace(_sight(finder, picture, small, video_format, ask), thumbnail=thumb))
            progress(min(1.0, len(sightings) / expected))
    return Scouted(tuple(sightings), frames.times)


def _pictures(frames: ClipFrames, video_format: VideoFormat) -> Iterator[tuple[Picture, Image, Thumbnail]]:
    size, _ = small_size(video_format.width, video_format.height)
    for frame in frames.decode_all():
        picture = planes_of(frame)
        yield picture, small_rgb(picture, size, video_format), thumbnail(frame)


def _sight(finder: FaceFinder, picture: Picture, small: Image, video_format: VideoFormat, ask: bool) -> Sighting:
    _, scale = small_size(video_format.width, video_format.height)
    seen_in, found = small, finder.find(small)
    if not found:
        seen_in, scale = to_rgb(picture, (0, 0, video_format.width, video_format.height), video_format), 1.0
        found = finder.find_small(seen_in)
    glances = tuple(glance(seen_in, FaceFrame(face)) for face in found)
    boxes = _boxes(finder, small, video_format) if ask and finder.can_witness else None
    if boxes is not None and found and seen_in is not small:
        boxes += _boxed(finder.seen_small, 1.0)
    return Sighting(tuple(_rounded(face * scale) for face in found), glances, boxes)


def _boxes(finder: FaceFinder, small: Image, video_format: VideoFormat) -> tuple[Box, ...]:
    _, scale = small_size(video_format.width, video_format.height)
    return _boxed(finder.boxes(small), scale)


def _boxed(boxes: Sequence[Box], scale: float) -> tuple[Box, ...]:
    rounded = [_rounded(np.array(box) * scale).tolist() for box in boxes]
    return tuple((left, top, right, bottom) for left, top, right, bottom in rounded)


def _rounded(numbers: Points) -> Points:
    """Round to what 32 bits hold, so that what is kept and read again is the very same."""
    return numbers.astype(np.float32).astype(np.float64)


def small_size(width: int, height: int) -> tuple[tuple[int, int], float]:
    """Give the (width, height) in which faces are looked for, and by what places in it are to be multiplied."""
    scale = max(1.0, max(width, height) / LONG_SIDE_PX)
    return (round(width / scale), round(height / scale)), scale


def shrunk(picture: Image) -> tuple[Image, float]:
    """Give a picture in the size in which faces are looked for, and by what its pixels are to be multiplied."""
    import cv2

    size, scale = small_size(picture.shape[1], picture.shape[0])
    return (picture, 1.0) if scale == 1 else (cv2.resize(picture, size, interpolation=cv2.INTER_AREA), scale)
