"""Small upright pictures of a film, as an SDR screen shows them.

HDR is tone mapped well enough to judge a preview.

Source  ITU-R BT.2100 (PQ and HLG), BT.2087 (BT.2020 to BT.709); the shoulder is Reinhard's extended operator, with
        white at 1000 cd/m² and diffuse white at 203 cd/m² (BT.2408).

The part of the picture that takes change, so that a face in a wide shot is visible.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.clip_writer import BT709, TV_RANGE, rgb_frame
from ..media.frames.decode import exact_frames, reformat, rgb, rgb_conversion, turn_upright

_BLOCK_PX = 4
_CHANGED = 5.0
"""Difference of the means (of 255) from which a block counts as changed: above most of the noise of coding."""
_TOGETHER = 4
"""Changed blocks of 3x3 that are a change: noise, as of the JPEGs of stills, lifts single blocks beside edges."""
_MARGIN = 0.45
"""Margin on each side, as a share of the size of the change."""
_MIN_SIDE = 0.18
"""The smallest side of the region, as a share of the picture's."""
_MAX_AREA = 0.6
"""If the region is larger than this share of the picture, the full picture is shown."""


@dataclass(frozen=True)
class Region:
    """A rectangle in shares of the picture's width and height; `right` and `bottom` are exclusive."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def cut(self, picture: Picture) -> Picture:
        """Return this region of a picture, with even sides."""
        height, width = picture.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        region_width = max(2, round((self.right - self.left) * width) // 2 * 2)
        region_height = max(2, round((self.bottom - self.top) * height) // 2 * 2)
        return np.ascontiguousarray(picture[top : top + region_height, left : left + region_width])

    @property
    def is_full(self) -> bool:
        """Whether it is the full picture."""
        return self == Region()


def changed_region(before: Sequence[Picture], after: Iterable[Sequence[Picture]]) -> Region:
    """Return the region around all differences between the source's pictures and each take's at the same moments."""
    changed = np.zeros([side // _BLOCK_PX for side in before[0].shape[:2]], bool) if before else np.zeros((0, 0), bool)
    for pictures in after:
        for old, new in zip(before, pictures, strict=False):
            changed |= _changed_blocks(old, new)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return Region()
    top, bottom = _widen(rows, changed.shape[0])
    left, right = _widen(columns, changed.shape[1])
    return Region() if (right - left) * (bottom - top) > _MAX_AREA else Region(left, top, right, bottom)


def _changed_blocks(old: Picture, new: Picture) -> NDArray[np.bool_]:
    """Return which blocks differ, in the mean of the channel that differs most, as do enough of those around them."""
    differs = np.abs(_block_means(new) - _block_means(old)).max(axis=2) > _CHANGED
    padded = np.pad(differs, 1).astype(np.uint8)
    rows, columns = differs.shape
    around = sum(padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3))
    changed: NDArray[np.bool_] = differs & (around >= _TOGETHER)
    return changed


def _block_means(picture: Picture) -> NDArray[np.float64]:
    rows, columns = (side // _BLOCK_PX for side in picture.shape[:2])
    cropped = picture[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    lines = cropped.reshape(rows, _BLOCK_PX, columns * _BLOCK_PX, 3).sum(axis=1, dtype=np.uint32)
    means: NDArray[np.float64] = lines.reshape(rows, columns, _BLOCK_PX, 3).sum(axis=2) / _BLOCK_PX**2
    return means


def _widen(blocks: NDArray[np.intp], count: int) -> tuple[float, float]:
    """Return [start, end) of the changed blocks with the margin, in shares of `count` blocks."""
    start, end = float(blocks[0]) / count, float(blocks[-1] + 1) / count
    middle, half = (start + end) / 2, max(_MIN_SIDE / 2, (end - start) * (0.5 + _MARGIN))
    return max(0.0, middle - half), min(1.0, middle + half)


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


def screen_frame(frame: Any, video: VideoStream, size: tuple[int, int]) -> Any:
    """Return what `screen_picture` shows as an `av.VideoFrame` for an encoder: 4:2:0, BT.709, limited range.

    It is scaled and converted in one step, unless it is turned or of high dynamic range.
    """
    if video.is_hdr or video.rotation_deg or video.mirrored:
        return rgb_frame(screen_picture(frame, video, size))
    space, full_range = rgb_conversion(video)
    return reformat(
        frame,
        *size,
        "yuv420p",
        interpolation="AREA",
        src_colorspace=space,
        src_color_range=full_range,
        dst_colorspace=BT709,
        dst_color_range=TV_RANGE,
    )


def still_data_url(picture: Picture, image_format: str = "jpeg", quality: int = 84) -> str:
    """Return a picture as a `data:` URL; `image_format` is `jpeg` or `webp`."""
    from PIL import Image

    content = io.BytesIO()
    options = {"optimize": True} if image_format == "jpeg" else {}
    Image.fromarray(picture).save(content, image_format, quality=quality, **options)
    return data_url(f"image/{image_format}", content.getvalue())


def picture_of(url: str) -> Picture:
    """Return the picture of a `data:` URL that `still_data_url` has made."""
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


_TABLE_STEPS = 52
"""Codes along each side of the table, which are five apart: 0 to 255."""


def sdr_table(transfer: str) -> str:
    """Return what `to_sdr` does as a table in the format .cube, for ffmpeg's filter lut3d with pictures of 8 bits.

    The filter interpolates in it, and truncates; so the values lie half a code higher.
    """
    codes = np.linspace(0, 255, _TABLE_STEPS).round().astype(np.uint8)
    blue, green, red = np.meshgrid(codes, codes, codes, indexing="ij")  # red changes fastest
    rows = (to_sdr(np.stack([red, green, blue], axis=-1).reshape(1, -1, 3), transfer)[0] + 0.5) / 255
    lines = "\n".join(f"{row[0]:.6f} {row[1]:.6f} {row[2]:.6f}" for row in rows.tolist())
    return f"LUT_3D_SIZE {_TABLE_STEPS}\n{lines}\n"


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
