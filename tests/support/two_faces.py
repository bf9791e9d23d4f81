"""Made clips with several faces: the portrait, mirrored and tinted, beside and apart, with paths of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import astronaut
import numpy as np

from react1.pipeline.engine.frames.clip_frames import TakeWriter, VideoFormat

PORTRAIT_PX = (384, 288)
FACE_HEIGHT = 0.5
"""The height of the face as a share of the portrait's height, nearly."""
TINTS = {"plain": (1.0, 1.0, 1.0), "warm": (1.0, 0.72, 0.5), "cold": (0.55, 0.8, 1.0)}
Place = Callable[[int], tuple[float, float] | None]
"""Frame → where the middle of a portrait is, px, or None where it is not shown."""


def portrait(tint: str = "plain", *, mirrored: bool = False, height: int = 288) -> np.ndarray:
    """Return the portrait in another colour and size, (height, width, 3) RGB."""
    import cv2

    picture = astronaut.still(*PORTRAIT_PX)
    picture = np.clip(picture * np.array(TINTS[tint]), 0, 255).astype(np.uint8)
    picture = np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture
    width = round(height * PORTRAIT_PX[0] / PORTRAIT_PX[1] / 2) * 2
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if height < 288 else cv2.INTER_CUBIC)


@cache
def background(width: int, height: int) -> np.ndarray:
    """Return a soft texture without faces, which nobody may change."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = np.sin(columns / 23) * 12 + np.sin(rows / 17 + columns / 41) * 14
    return np.clip(np.stack([96 + waves, 104 + waves, 112 + waves], -1), 0, 255).astype(np.uint8)


@cache
def _soft_edge(width: int, height: int) -> np.ndarray:
    """Return the opacity of a portrait, 0 to 1, which nobody may change."""
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(1.6 - 1.6 * np.hypot((x - width / 2) / (width / 2.0), (y - height / 2) / (height / 2.0)), 0, 1)
    return alpha.astype(np.float32)


def compose(
    size: tuple[int, int], people: Sequence[tuple[np.ndarray, Place]], number: int, cut: int | None = None
) -> np.ndarray:
    """Draw one frame: portraits with soft edges on the background, moved by fractions of a pixel."""
    import cv2

    picture = background(*size).astype(np.float32)
    if cut is not None and number >= cut:
        picture = 200 - 0.5 * picture
    for face, place in people:
        middle = place(number)
        if middle is None:
            continue
        height, width = face.shape[:2]
        matrix = np.float32([[1, 0, middle[0] - width / 2], [0, 1, middle[1] - height / 2]])
        moved = cv2.warpAffine(face.astype(np.float32), matrix, size, flags=cv2.INTER_CUBIC)
        weight = cv2.warpAffine(_soft_edge(width, height), matrix, size)[..., None]
        picture = picture + (moved - picture) * weight
    return np.clip(picture.round(), 0, 255).astype(np.uint8)


def write_people(
    path: Path,
    people: Sequence[tuple[np.ndarray, Place]],
    *,
    size: tuple[int, int] = (640, 288),
    frames: int = 20,
    cut: int | None = None,
) -> Path:
    """Write the composed frames as a clip, 25 frames/s, without sound."""
    video_format = VideoFormat(*size, fps=Fraction(25), matrix=1, primaries=1, transfer=1, range=1)
    with TakeWriter(path, video_format, None) as writer:
        for number in range(frames):
            writer.write(astronaut.planes(compose(size, people, number, cut)))
    return path


def still(x: float, y: float = 144.0) -> Place:
    """Stay at a place, but for a slow drift that keeps codecs honest."""
    return lambda number: (x + 0.3 * number, y)


def two(path: Path, **options: object) -> Path:
    """Write two people side by side: a warm one on the left, a cold mirrored one on the right."""
    people = [(portrait("warm"), still(160)), (portrait("cold", mirrored=True), still(470))]
    return write_people(path, people, **options)
