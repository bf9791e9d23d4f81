"""Small upright pictures of a film, as a browser shows them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.decode import frames, rgb, turn_upright
from .tone import to_sdr

LARGEST_PX = 640
"""The longer side of a preview."""
Picture = NDArray[np.uint8]


def preview_size(video: VideoStream, largest_px: int = LARGEST_PX) -> tuple[int, int]:
    """Give (width, height) of a preview: upright, square pixels, both even, never enlarged."""
    width, height = video.shown_size_px
    scale = min(1.0, largest_px / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def small_pictures(
    path: Path, video: VideoStream, start: int, end: int, size: tuple[int, int]
) -> Iterator[tuple[int, Picture]]:
    """Give (index, `(height, width, 3) uint8 RGB`) of the frames [start, end), scaled before they are turned."""
    for index, frame in frames(path, video, start, end):
        yield index, shown(frame, video, size)


def shown(frame: Any, video: VideoStream, size: tuple[int, int]) -> Picture:
    """Give an `av.VideoFrame` as a plain screen shows it, upright, at `size` (width, height)."""
    turned = video.rotation_deg in (90, 270)
    width, height = (size[1], size[0]) if turned else size
    small = frame.reformat(width=width, height=height, interpolation="AREA")
    picture: Picture = turn_upright(rgb(small, video), video)
    return to_sdr(picture, video.color_transfer) if video.is_hdr else picture


def jpeg_address(picture: Picture) -> str:
    """Give a picture as a `data:` address."""
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(picture).save(made, "JPEG", quality=84, optimize=True)
    return data_address("image/jpeg", made.getvalue())


def data_address(kind: str, content: bytes) -> str:
    """Give content as a `data:` address of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
