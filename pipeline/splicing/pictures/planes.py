"""Video frames as arrays, plane by plane, in the bit depth that they have.

Shapes: luma `(height, width)`, chroma as subsampled; uint8, or uint16 for more than 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...core.values import VideoStream
from ...media.colour import meant
from ...media.decode import turn_coded

Plane = NDArray[Any]
_MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 9}


def working_format(pix_fmt: str) -> str:
    """Give the planar format in which pictures of a format are worked on: itself where it is planar."""
    form = VideoFormat(pix_fmt, 16, 16)
    if pix_fmt.startswith(("yuv4", "yuvj4", "gray")) and not pix_fmt.endswith("be") and "a" not in pix_fmt[3:5]:
        return pix_fmt
    deep = form.components[0].bits > 8
    if form.is_rgb or "pal" in pix_fmt:
        return "yuv444p10le" if deep else "yuv444p"
    return "yuv420p10le" if deep else "yuv420p"


def planes(frame: VideoFrame) -> list[Plane]:
    """Give the planes of a planar frame, without padding; they share no memory with it."""
    wide = frame.format.components[0].bits > 8
    found = []
    for plane in frame.planes:
        rows: Plane = np.frombuffer(memoryview(plane), np.dtype(np.uint16 if wide else np.uint8))
        rows = rows.reshape(-1, plane.line_size // (2 if wide else 1))
        found.append(rows[: plane.height, : plane.width].copy())
    return found


def frame_of(parts: list[Plane], pix_fmt: str) -> VideoFrame:
    """Make a planar frame of its planes."""
    height, width = parts[0].shape
    frame = VideoFrame(width, height, pix_fmt)
    for plane, part in zip(frame.planes, parts, strict=True):
        row_items = plane.line_size // part.itemsize
        padded = np.zeros((plane.height, row_items), part.dtype)
        padded[:, : part.shape[1]] = part
        plane.update(padded.tobytes())
    return frame


def to_coded(frame: VideoFrame, video: VideoStream, pix_fmt: str) -> list[Plane]:
    """Bring an upright picture with square pixels to a stream's coded size, turn and planar format."""
    turned = video.rotation_deg in (90, 270)
    width, height = (video.height_px, video.width_px) if turned else (video.width_px, video.height_px)
    between = _square(pix_fmt) if turned else pix_fmt
    parts = planes(frame.reformat(width, height, between, interpolation="BICUBIC", **_colours(video)))
    if not video.rotation_deg and not video.mirrored:
        return parts
    parts = [turn_coded(part, video) for part in parts]
    return parts if between == pix_fmt else planes(frame_of(parts, between).reformat(format=pix_fmt))


def _colours(video: VideoStream) -> dict[str, int]:
    """Convert from the envelope's colours (bt709, tv) to the stream's; high dynamic range is matched elsewhere."""
    if video.is_hdr:
        return {}
    colour = meant(video)
    return {
        "src_colorspace": 1,
        "src_color_range": 1,
        "dst_colorspace": _MATRICES.get(colour.space, 1),
        "dst_color_range": 2 if colour.range == "pc" else 1,
    }


def _square(pix_fmt: str) -> str:
    """Give a format whose chroma can be turned by a quarter: 4:2:2 is not the same lying down."""
    return pix_fmt.replace("422", "444").replace("411", "444").replace("440", "444")


def resized(part: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a mask with values 0 to 1 to `shape`, bilinear, in 256 steps."""
    if part.shape == shape:
        return part
    frame = frame_of([np.ascontiguousarray((part * 255).round().astype(np.uint8))], "gray")
    sized = frame.reformat(shape[1], shape[0], interpolation="BILINEAR")
    made: NDArray[np.float32] = planes(sized)[0].astype(np.float32) / np.float32(255)
    return made


def visible(frame: VideoFrame) -> Iterator[NDArray[np.uint8]]:
    """Give the bytes of each plane row by row, without what lies beside the picture in memory: nobody wrote that."""
    deep = max((component.bits for component in frame.format.components), default=8) > 8
    for plane in frame.planes:
        bits = frame.format.padded_bits_per_pixel if len(frame.planes) == 1 else 16 if deep else 8
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        yield rows[:, : (plane.width * bits + 7) // 8]
