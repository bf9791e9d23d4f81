"""Small upright pictures of a film, as a browser shows them.

Bring an HDR picture to a plain screen, well enough to judge a preview.

Source  ITU-R BT.2100 (PQ and HLG), BT.2087 (BT.2020 to BT.709); the shoulder is Reinhard's, extended, with white at
        1000 cd/m² and diffuse white at 203 cd/m² (BT.2408).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.decode import exact_frames, rgb, turn_upright

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
    for index, frame in exact_frames(path, video, start, end):
        yield index, screen_picture(frame, video, size)


def screen_picture(frame: Any, video: VideoStream, size: tuple[int, int]) -> Picture:
    """Give an `av.VideoFrame` as a plain screen shows it, upright, at `size` (width, height)."""
    turned = video.rotation_deg in (90, 270)
    width, height = (size[1], size[0]) if turned else size
    small = frame.reformat(width=width, height=height, interpolation="AREA")
    picture: Picture = turn_upright(rgb(small, video), video)
    return to_sdr(picture, video.color_transfer) if video.is_hdr else picture


def jpeg_data_url(picture: Picture) -> str:
    """Give a picture as a `data:` address."""
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(picture).save(made, "JPEG", quality=84, optimize=True)
    return data_url("image/jpeg", made.getvalue())


def data_url(kind: str, content: bytes) -> str:
    """Give content as a `data:` address of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_DIFFUSE_WHITE = 203.0
_WHITE = 1000.0


def to_sdr(picture: NDArray[np.uint8], transfer: str) -> NDArray[np.uint8]:
    """Turn `(height, width, 3) uint8` R'G'B' of BT.2020 into BT.709; `transfer` is ffmpeg's name of PQ or HLG."""
    light = _light_of_code(transfer)[picture] @ _TO_709.T
    bright = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    peak = _WHITE / _DIFFUSE_WHITE
    mapped = bright * (1 + bright / peak**2) / (1 + bright)
    shown = np.clip(light * (mapped / bright) * 1.25, 0, 1) ** (1 / 2.2)
    return np.asarray(np.rint(shown * 255), np.uint8)


@lru_cache(2)
def _light_of_code(transfer: str) -> NDArray[np.float32]:
    """Give the light of each code, `(256,)`, 1 at diffuse white."""
    code = np.arange(256) / 255
    if transfer == "smpte2084":
        root = code ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    else:
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        nits = _WHITE * scene**1.2
    return np.asarray(nits / _DIFFUSE_WHITE, np.float32)
