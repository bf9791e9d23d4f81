"""The first pass: every frame is looked at once, small, and only landmarks are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from av.video.frame import VideoFrame

from .arrays import Image, Points
from .colour import to_rgb
from .faces import FaceFinder
from .frame import FaceFrame
from .frames import Frames, Look, picture_of
from .occlusion import Glance, glance
from .witness import EVERY_FRAMES, Box

LONG_SIDE_PX = 1280
"""Faces are looked for in pictures of at most this size; a small face gets a second look at full size."""


@dataclass(frozen=True)
class Sighting:
    """The faces of one frame, and where asked for, how each one's skin looked."""

    faces: tuple[Points, ...]
    """(478, 3) px of the full frame each."""
    glances: tuple[Glance, ...] = ()
    boxes: tuple[Box, ...] | None = None
    """What the detector saw, px of the full frame; None where it was not asked."""


@dataclass(frozen=True)
class Scouted:
    """What the first pass found, one sighting per frame of the input."""

    sightings: tuple[Sighting, ...]


def scout(frames: Frames, look: Look, progress: Callable[[float], None], *, patches: bool) -> Scouted:
    """Look for faces in every frame; `patches` keeps a small picture of each, for occlusion."""
    sightings: list[Sighting] = []
    expected = max(1, frames.expected)
    with FaceFinder() as finder:
        for frame in frames.all():
            ask = len(sightings) % EVERY_FRAMES == 0
            sightings.append(_sight(finder, frame, look, patches, ask))
            progress(min(1.0, len(sightings) / expected))
    return Scouted(tuple(sightings))


def _sight(finder: FaceFinder, frame: VideoFrame, look: Look, patches: bool, ask: bool) -> Sighting:
    picture = to_rgb(picture_of(frame), (0, 0, look.width, look.height), look)
    small, scale = shrunk(picture)
    faces = [face * scale for face in finder.find(small)] or finder.find_small(picture)
    glances = tuple(glance(picture, FaceFrame(face)) for face in faces) if patches else ()
    return Sighting(tuple(faces), glances, _boxes(finder, small, scale) if ask else None)


def _boxes(finder: FaceFinder, small: Image, scale: float) -> tuple[Box, ...]:
    return tuple(
        (left * scale, top * scale, right * scale, bottom * scale) for left, top, right, bottom in finder.boxes(small)
    )


def shrunk(picture: Image) -> tuple[Image, float]:
    """Give a picture in the size in which faces are looked for, and by what its pixels are to be multiplied."""
    import cv2

    height, width = picture.shape[:2]
    scale = max(width, height) / LONG_SIDE_PX
    if scale <= 1:
        return picture, 1.0
    size = (round(width / scale), round(height / scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), scale
