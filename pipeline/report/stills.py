"""Small upright pictures of a film, as an SDR screen shows them.

HDR is tone mapped well enough to judge a preview.

Source  ITU-R BT.2100 (PQ and HLG), BT.2087 (BT.2020 to BT.709); the shoulder is Reinhard's extended operator, with
        white at 1000 cd/m² and diffuse white at 203 cd/m² (BT.2408).
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
from ..media.frames.decode import exact_frames, rgb, turn_upright
from ..media.frames.reformat import reformat

MAX_SIDE_PX = 640
"""The longer side of a preview."""
Picture = NDArray[np.uint8]
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_DIFFUSE_WHITE = 203.0
_WHITE = 1000.0


def preview_size(video: VideoStream, max_side_px: int = MAX_SIDE_PX) -> tuple[int, int]:
    """Return (width, height) of a preview: upright, square pixels, both even, never enlarged."""
    width, height = video.shown_size_px
    scale = min(1.0, max_side_px / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def small_pictures(
    path: Path, video: VideoStream, start: int, end: int, size: tuple[int, int]
) -> Iterator[tuple[int, Picture]]:
    """Yield (index, `(height, width, 3) uint8 RGB`) of the frames [start, end), scaled before they are rotated."""
    for index, frame in exact_frames(path, video, start, end):
        yield index, screen_picture(frame, video, size)


def screen_picture(frame: Any, video: VideoStream, size: tuple[int, int]) -> Picture:
    """Return an `av.VideoFrame` as an SDR screen shows it, upright, at `size` (width, height)."""
    rotated = video.rotation_deg in (90, 270)
    width, height = (size[1], size[0]) if rotated else size
    small = reformat(frame, width, height, interpolation="AREA")
    picture: Picture = turn_upright(rgb(small, video), video)
    return to_sdr(picture, video.color_transfer) if video.is_hdr else picture


def jpeg_data_url(picture: Picture) -> str:
    """Return a picture as a `data:` URL."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=84, optimize=True)
    return data_url("image/jpeg", content.getvalue())


def picture_of(url: str) -> Picture:
    """Return the picture of a `data:` URL that `jpeg_data_url` has made."""
    from PIL import Image

    content = base64.b64decode(url.partition(",")[2])
    picture: Picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.uint8)
    return picture


def data_url(media_type: str, content: bytes) -> str:
    """Return content as a `data:` URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def to_sdr(picture: NDArray[np.uint8], transfer: str) -> NDArray[np.uint8]:
    """Convert `(height, width, 3) uint8` R'G'B' from BT.2020 to BT.709; `transfer` is ffmpeg's name of PQ or HLG."""
    light = _light_of_code(transfer)[picture] @ _BT2020_TO_BT709.T
    peak = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    white = _WHITE / _DIFFUSE_WHITE
    mapped = peak * (1 + peak / white**2) / (1 + peak)
    screen = np.clip(light * (mapped / peak) * 1.25, 0, 1) ** (1 / 2.2)
    return np.asarray(np.rint(screen * 255), np.uint8)


@lru_cache(2)
def _light_of_code(transfer: str) -> NDArray[np.float32]:
    """Return the linear light of each code, `(256,)`, 1 at diffuse white."""
    code = np.arange(256) / 255
    if transfer == "smpte2084":
        root = code ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    else:
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        nits = _WHITE * scene**1.2
    return np.asarray(nits / _DIFFUSE_WHITE, np.float32)
