"""Video frames as arrays, plane by plane, in their own bit depth.

Shapes: luma `(height, width)`, chroma as subsampled; of red, green and blue, green comes first, blue next; uint8, or
uint16 for more than 8 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...core.values import VideoStream
from ...media.frames.color import full_color, is_rgb
from ...media.frames.decode import reformat, turn_coded

Plane = NDArray[Any]
MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 9}


_CHROMA = {(8, 8): "420", (8, 16): "422", (4, 16): "411"}
"""Names of samplings, by the width and the height of chroma for 16 pixels of luma."""


def working_format(pix_fmt: str) -> str:
    """Return the planar format in which pictures of a format are processed: itself if it is planar.

    It has the same sampling, at least the same depth, and no alpha.
    """
    is_integer = "f" not in pix_fmt
    if pix_fmt.startswith(("yuv4", "yuvj4", "gray", "gbrp")) and is_integer and not pix_fmt.endswith("be"):
        return pix_fmt
    video_format = VideoFormat(pix_fmt, 16, 16)
    bits = video_format.components[0].bits
    depth = "" if bits <= 8 else "10le" if bits <= 10 else "12le" if bits <= 12 else "16le"
    if is_rgb(pix_fmt):
        return f"gbrp{depth}"
    if sum(not component.is_alpha for component in video_format.components) == 1:
        return f"gray{depth}"
    sampling = _CHROMA.get((video_format.chroma_width(16), video_format.chroma_height(16)), "444")
    return f"yuv{sampling}p{depth}"


def frame_planes(frame: VideoFrame) -> list[Plane]:
    """Return copies of the planes of a planar frame, without padding."""
    return [plane.copy() for plane in plane_views(frame)]


def plane_views(frame: VideoFrame, *, writeable: bool = False) -> list[Plane]:
    """Return the planes of a planar frame, without padding: views of its memory; only a new frame may be written to."""
    wide = frame.format.components[0].bits > 8
    planes = []
    for plane in frame.planes:
        rows: Plane = np.frombuffer(memoryview(plane), np.dtype(np.uint16 if wide else np.uint8))
        view = rows.reshape(-1, plane.line_size // (2 if wide else 1))[: plane.height, : plane.width]
        view.flags.writeable = writeable
        planes.append(view)
    return planes


def frame_from_planes(planes: list[Plane], pix_fmt: str) -> VideoFrame:
    """Build a planar frame from its planes."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pix_fmt)
    for target, plane in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(target), plane.dtype).reshape(-1, target.line_size // plane.itemsize)
        rows[: plane.shape[0], : plane.shape[1]] = plane
    return frame


def to_coded_planes(planes: list[Plane], video: VideoStream, pix_fmt: str) -> list[Plane]:
    """Convert an upright 8-bit 4:2:0 picture with square pixels to a stream's coded size, rotation and format.

    What needs no conversion is returned as it is.
    """
    if is_coded_alike(planes[0].shape, video, pix_fmt):
        return planes
    frame = frame_from_planes(planes, "yuv420p")
    turned = video.rotation_deg in (90, 270)
    width, height = (video.height_px, video.width_px) if turned else (video.width_px, video.height_px)
    between = _turnable_format(pix_fmt) if turned else pix_fmt
    planes = plane_views(reformat(frame, width, height, between, interpolation="BICUBIC", **_color_options(video)))
    if not video.rotation_deg and not video.mirrored:
        return planes
    planes = [turn_coded(plane, video) for plane in planes]
    return planes if between == pix_fmt else plane_views(reformat(frame_from_planes(planes, between), pix_fmt=pix_fmt))


def is_coded_alike(shape: tuple[int, ...], video: VideoStream, pix_fmt: str) -> bool:
    """Check whether an upright 8-bit 4:2:0 picture of a (height, width) is already as a stream codes its pictures."""
    unchanged = (pix_fmt, shape, video.rotation_deg, video.mirrored) == (
        "yuv420p",
        (video.height_px, video.width_px),
        0,
        False,
    )
    return unchanged and _color_options(video) == _ENVELOPE_COLORS


_ENVELOPE_COLORS = {"src_colorspace": 1, "src_color_range": 1, "dst_colorspace": 1, "dst_color_range": 1}
"""Options that convert nothing."""


def _color_options(video: VideoStream) -> dict[str, int]:
    """Return the conversion from the envelope's colors (bt709, tv) to the stream's; HDR is matched elsewhere."""
    if video.is_hdr:
        return {}
    color = full_color(video)
    return {
        "src_colorspace": 1,
        "src_color_range": 1,
        "dst_colorspace": MATRICES.get(color.space, 1),
        "dst_color_range": 2 if color.range == "pc" else 1,
    }


def _turnable_format(pix_fmt: str) -> str:
    """Return a format whose chroma can be turned by 90 degrees: 4:2:2 subsamples one direction only."""
    return pix_fmt.replace("422", "444").replace("411", "444").replace("440", "444")


def resize_mask(mask: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a mask with values 0 to 1 to `shape`, bilinear, in 256 steps."""
    if mask.shape == shape:
        return mask
    frame = frame_from_planes([np.ascontiguousarray((mask * 255).round().astype(np.uint8))], "gray")
    scaled = reformat(frame, shape[1], shape[0], interpolation="BILINEAR")
    resized: NDArray[np.float32] = plane_views(scaled)[0].astype(np.float32) / np.float32(255)
    return resized
