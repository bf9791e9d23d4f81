"""Transcode a picture into the form that providers take, with its colors converted to 8-bit bt709.

The result is an MP4: H.264 High, 8-bit 4:2:0, constant rate, upright, square pixels, bt709 in tv range, index in front.

SDR keeps its primaries and transfer, and only matrix and range change, which loses nothing but rounding and can be
undone. HDR is tone-mapped, which cannot be undone: the result is for the model, not for the film.

Source: SMPTE ST 2084 for PQ; ITU-R BT.2408 puts diffuse white at 203 cd/m²; ITU-R BT.2100 for HLG, whose lower half is
close to SDR's curve by design.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from ..core.errors import ToolFailed
from ..core.nodes.node import NodeContext
from ..core.values import Media, VideoStream
from .frames.color import full_color
from .probe import probe, require_video
from .timing.clock import timecode_rate
from .timing.frame_rate import frame_count_at, frames_on_grid, nearest_rate
from .tools.ffmpeg import ffmpeg_path, has_filter

Profile = Literal["react1", "preview"]


@dataclass(frozen=True)
class EncodingLimits:
    """The largest size of the result, and how it is encoded."""

    long_side_px: int
    short_side_px: int
    crf: int
    preset: str


LIMITS: dict[Profile, EncodingLimits] = {
    "react1": EncodingLimits(4096, 2160, 10, "veryfast"),
    "preview": EncodingLimits(640, 640, 18, "ultrafast"),
}


def transcode(context: NodeContext, media: Media, profile: Profile) -> tuple[Media, list[int]]:
    """Transcode the picture; return the new file, and per new frame the index of the frame of `media` that it shows.

    Raises:
        ToolFailed: ffmpeg failed, or wrote another number of frames than asked for.
    """
    video = require_video(media)
    rate = nearest_rate(timecode_rate(video))
    count = frame_count_at(video_duration_s(video), rate)
    target = context.temp_path("picture.mp4")
    zscale = video.is_hdr and has_filter("zscale") and has_filter("tonemap")
    context.run_tool(
        build_command(context.path(media.file), video, LIMITS[profile], rate, count, target, zscale=zscale),
        duration_s=float(count / rate),
    )
    file = context.store(target)
    result = probe(context.path(file), file)
    new = require_video(result)
    if (new.frame_count, new.rate, new.constant_rate, new.rotation_deg) != (count, rate, True, 0):
        raise ToolFailed(f"ffmpeg wrote {new.frame_count} frames at {new.rate}/s, not {count} at {rate}/s")
    times = video.timestamps.array - video.timestamps.array[0]
    return result, frames_on_grid(times, video.time_base, rate, count)


def video_duration_s(video: VideoStream) -> Fraction:
    """Return how long the picture is shown, from its first frame."""
    return (video.timestamps.end - int(video.timestamps.array[0])) * video.time_base


def build_command(
    path: Path,
    video: VideoStream,
    limits: EncodingLimits,
    rate: Fraction,
    count: int,
    target: Path,
    *,
    zscale: bool = True,
) -> list[str]:
    """Build the ffmpeg command."""
    picture = ffmpeg.input(f"file:{path}", noautorotate=None)[str(video.index)]
    picture = picture.filter("setpts", "PTS-STARTPTS")
    if video.interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="all")
    picture = picture.filter("fps", fps=str(rate), round="near", start_time=0)
    picture = picture.filter("tpad", stop=-1, stop_mode="clone")
    if video.is_hdr:
        picture = add_tone_mapping(picture, video, zscale=zscale).filter("scale", *coded_size(video, limits))
    else:
        picture = add_sdr_scale(picture, video, coded_size(video, limits))
    picture = add_orientation(picture.filter("format", "yuv420p"), video).filter("setsar", "1")
    picture = picture.filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    picture = picture.filter("sidedata", mode="delete")  # a display matrix or HDR tags would be applied once more
    output = ffmpeg.output(picture, f"file:{target}", **_encoder_options(limits, rate, count))
    command: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return command


def coded_size(video: VideoStream, limits: EncodingLimits) -> tuple[int, int]:
    """Return (width, height) with square pixels before rotation: even, within the limits, never enlarged."""
    width, height = video.width_px * video.sample_aspect, Fraction(video.height_px)
    long, short = max(width, height), min(width, height)
    shrink = min(Fraction(1), limits.long_side_px / long, limits.short_side_px / short)
    return _round_to_even(width * shrink), _round_to_even(height * shrink)


def _round_to_even(side: Fraction) -> int:
    return max(2, int(side / 2 + Fraction(1, 2)) * 2 if side % 2 != 1 else int(side) - 1)


def add_orientation(picture: Any, video: VideoStream) -> Any:
    """Add the filters that mirror and rotate the picture to how it is shown."""
    if video.mirrored:
        picture = picture.hflip()
    if video.rotation_deg == 180:
        return picture.hflip().vflip()
    if video.rotation_deg in (90, 270):
        return picture.filter("transpose", "clock" if video.rotation_deg == 90 else "cclock")
    return picture


def _encoder_options(limits: EncodingLimits, rate: Fraction, count: int) -> dict[str, str]:
    """Return the encoder's options; without B-frames, so that no edit list is needed and every reader starts at 0."""
    return {
        "c:v": "libx264",
        "profile:v": "high",
        "preset": limits.preset,
        "crf": str(limits.crf),
        "tune": "fastdecode",  # every try decodes it twice; this halves the time, for a ninth more bytes
        "threads": "4",  # x264 gives other bytes for another number of threads
        "x264-params": "mbtree=0",  # mbtree reads memory that was never written: other bytes each time
        "bf": "0",
        "g": str(int(rate)),
        "frames:v": str(count),
        "fps_mode": "passthrough",
        "video_track_timescale": str(int(rate) * 512),
        "color_range": "tv",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "colorspace": "bt709",
        "movflags": "+faststart",
        "map_metadata": "-1",
        "fflags": "+bitexact",
        "flags:v": "+bitexact",
    }


WHITE_NITS = 203
PEAK = 1000 / WHITE_NITS
"""The brightest light that is not clipped, in units of diffuse white; most HDR is graded at 1000 cd/m²."""
_ZSCALE_SPACES = {"bt2020nc": "2020_ncl", "bt2020c": "2020_cl", "bt709": "709", "smpte170m": "170m", "bt470bg": "470bg"}
_ZSCALE_PRIMARIES = {"bt2020": "2020", "bt709": "709", "smpte432": "smpte432", "smpte431": "smpte431"}


def add_sdr_scale(picture: Any, video: VideoStream, size_px: tuple[int, int]) -> Any:
    """Add one `scale` that resizes and converts matrix and range to bt709 and tv."""
    color = full_color(video)
    options: dict[str, str] = {"out_color_matrix": "bt709", "out_range": "tv"}
    if color.space != "gbr":
        options |= {"in_color_matrix": _scale_matrix(color.space), "in_range": color.range}
    return picture.filter("scale", *size_px, flags="bicubic+accurate_rnd+full_chroma_int", **options)


def add_tone_mapping(picture: Any, video: VideoStream, *, zscale: bool) -> Any:
    """Add the filters that convert PQ or HLG to bt709 SDR."""
    color = full_color(video)
    if not zscale:
        return _add_pq_curve(picture, video)
    source = {
        "matrixin": _ZSCALE_SPACES.get(color.space, "2020_ncl"),
        "primariesin": _ZSCALE_PRIMARIES.get(color.primaries, "2020"),
        "transferin": video.color_transfer,
        "rangein": "full" if color.range == "pc" else "limited",
    }
    linear = picture.filter("zscale", transfer="linear", npl=WHITE_NITS, **source).filter("format", "gbrpf32le")
    mapped = linear.filter("zscale", primaries="709").filter(
        "tonemap", "mobius", param=0.3, peak=f"{PEAK:.4f}", desat=0
    )
    return mapped.filter("zscale", transfer="709", matrix="709", range="limited").filter("format", "yuv420p")


def _add_pq_curve(picture: Any, video: VideoStream) -> Any:
    """Convert without zimg: HLG unchanged; PQ by one curve per channel, with its own primaries."""
    rgb = picture.filter("scale", in_color_matrix="bt2020", in_range=full_color(video).range).filter("format", "gbrp")
    if video.color_transfer == "smpte2084":
        curve = pq_curve("clip(val/maxval,0,1)")  # the table also has entries above the highest value
        rgb = rgb.filter("lutrgb", r=curve, g=curve, b=curve)
    return rgb.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")


def pq_curve(code: str) -> str:
    """Build an ffmpeg expression from a PQ code value, 0 to 1, to an 8-bit SDR value.

    Light by ST 2084, in units of diffuse white; a Reinhard curve with its white at `PEAK`; then the power of bt709.
    """
    root = f"pow({code},1/78.84375)"
    light = f"pow(max({root}-0.8359375,0)/(18.8515625-18.6875*{root}),1/0.1593017578125)*{10000 / WHITE_NITS:.5f}"
    mapped = f"({light})*(1+({light})/{PEAK * PEAK:.4f})/(1+({light}))"
    return f"255*clip(1.099*pow({mapped},0.45)-0.099,0,1)"


def _scale_matrix(space: str) -> str:
    known = {"bt709", "fcc", "bt470bg", "smpte170m", "smpte240m"}
    if space in known:
        return space
    return "bt2020" if space.startswith("bt2020") else "bt709"
