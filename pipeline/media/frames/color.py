"""Color descriptions: the code points of ITU-T H.273 under ffmpeg's names, and defaults for untagged pictures.

Source: ITU-T H.273 tables 2 to 4; names of libavutil/pixdesc.c. The defaults for untagged pictures are mpv's
(`mp_csp_guess_colorspace`): HD is bt709, SD is bt601.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...core.values import VideoStream

RANGES = {1: "tv", 2: "pc"}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
SPACES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}


@dataclass(frozen=True)
class ColorDescription:
    """A complete color description, in ffmpeg's names."""

    range: str
    primaries: str
    transfer: str
    space: str


@cache
def is_rgb(pix_fmt: str) -> bool:
    """Check whether the samples of a pixel format are red, green and blue, or indexes of such colors."""
    from av.video.format import VideoFormat

    pixel_format = VideoFormat(pix_fmt, 16, 16)
    return pixel_format.is_rgb or pixel_format.has_palette


def is_hd(width_px: int, height_px: int) -> bool:
    """Return whether untagged pictures of this size are taken for HD: BT.709; smaller ones are BT.601."""
    return width_px >= 1280 or height_px > 576


def full_color(video: VideoStream) -> ColorDescription:
    """Return a stream's color description, with what is missing filled in as players do."""
    fallback = "bt709" if is_hd(video.width_px, video.height_px) else "smpte170m"
    has_no_matrix = is_rgb(video.pix_fmt)
    is_full_range = has_no_matrix or video.pix_fmt.startswith("yuvj")
    space = video.color_space if video.color_space not in ("", "gbr") else fallback
    return ColorDescription(
        range=video.color_range or ("pc" if is_full_range else "tv"),
        primaries=video.color_primaries or _primaries_of(space),
        transfer=video.color_transfer or "bt709",
        space="gbr" if has_no_matrix else space,
    )


def _primaries_of(space: str) -> str:
    if space.startswith("bt2020"):
        return "bt2020"
    return {"bt470bg": "bt470bg", "smpte170m": "smpte170m", "smpte240m": "smpte240m"}.get(space, "bt709")
