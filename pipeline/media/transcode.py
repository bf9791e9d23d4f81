"""Bring a segment's picture into the form that providers take.

Takes   a segment's file: any rate, size, depth, colour, turn.
Gives   an MP4: H.264 High, 8-bit 4:2:0, constant rate, upright, square pixels, bt709 in tv range, index in front;
        and for each of its frames the frame that it shows.
Raises  ToolFailed when ffmpeg does, or gives another number of frames than was asked for.

From a film's colours to 8-bit bt709, as a chain of ffmpeg filters.

SDR keeps its primaries and transfer and changes only the matrix and the range: that loses nothing but rounding and
can be undone. HDR is tone-mapped, which cannot be undone: the result is for the model's eyes, not for the film.

Source  SMPTE ST 2084 for PQ; ITU-R BT.2408 puts diffuse white at 203 cd/m²; ITU-R BT.2100 for HLG, whose lower half
        is close to SDR's curve by design.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from ..core.errors import ToolFailed
from ..core.node import NodeContext
from ..core.values import Media, VideoStream
from .clock import label_rate
from .color import full_color
from .ffmpeg import ffmpeg_path, has_filter
from .frame_rate import nearest_rate, new_count, shown_frames
from .probe import probe, require_video

Profile = Literal["react1", "preview"]


@dataclass(frozen=True)
class Envelope:
    """What the result may be at most, and how finely it is coded."""

    long_side_px: int
    short_side_px: int
    crf: int
    preset: str


ENVELOPES: dict[Profile, Envelope] = {
    "react1": Envelope(4096, 2160, 10, "veryfast"),
    "preview": Envelope(640, 640, 18, "ultrafast"),
}


def transcode(context: NodeContext, media: Media, profile: Profile) -> tuple[Media, list[int]]:
    """Write the picture anew; give the new file, and per new frame the index of the frame of `media` it shows."""
    video = require_video(media)
    rate = nearest_rate(label_rate(video))
    count = new_count(length_s(video), rate)
    made = context.temp_path("picture.mp4")
    zscale = video.is_hdr and has_filter("zscale") and has_filter("tonemap")
    context.run_tool(
        argv(context.path(media.file), video, ENVELOPES[profile], rate, count, made, zscale=zscale),
        duration_s=float(count / rate),
    )
    file = context.store(made)
    result = probe(context.path(file), file)
    got = require_video(result)
    if (got.frame_count, got.rate, got.constant_rate, got.rotation_deg) != (count, rate, True, 0):
        raise ToolFailed(f"ffmpeg gave {got.frame_count} frames at {got.rate}/s, not {count} at {rate}/s")
    times = video.timestamps.array - video.timestamps.array[0]
    return result, shown_frames(times, video.time_base, rate, count)


def length_s(video: VideoStream) -> Fraction:
    """Give how long the picture is shown, from its first frame."""
    return (video.timestamps.end - int(video.timestamps.array[0])) * video.time_base


def argv(
    path: Path, video: VideoStream, envelope: Envelope, rate: Fraction, count: int, made: Path, *, zscale: bool = True
) -> list[str]:
    """Spell the ffmpeg call."""
    picture = ffmpeg.input(f"file:{path}", noautorotate=None)[str(video.index)]
    picture = picture.filter("setpts", "PTS-STARTPTS")
    if video.interlaced:
        picture = picture.filter("bwdif", mode="send_frame", deint="all")
    picture = picture.filter("fps", fps=str(rate), round="near", start_time=0)
    picture = picture.filter("tpad", stop=-1, stop_mode="clone")
    if video.is_hdr:
        picture = tone_mapped(picture, video, zscale=zscale).filter("scale", *coded_size(video, envelope))
    else:
        picture = scaled_sdr(picture, video, coded_size(video, envelope))
    picture = upright(picture.filter("format", "yuv420p"), video).filter("setsar", "1")
    picture = picture.filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    picture = picture.filter("sidedata", mode="delete")  # a display matrix or HDR tags would be applied once more
    output = ffmpeg.output(picture, f"file:{made}", **_coding(envelope, rate, count))
    spelled: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return spelled


def coded_size(video: VideoStream, envelope: Envelope) -> tuple[int, int]:
    """Give (width, height) with square pixels before the turn: even, in the envelope, never enlarged."""
    width, height = video.width_px * video.sample_aspect, Fraction(video.height_px)
    long, short = max(width, height), min(width, height)
    shrink = min(Fraction(1), envelope.long_side_px / long, envelope.short_side_px / short)
    return _even(width * shrink), _even(height * shrink)


def _even(side: Fraction) -> int:
    return max(2, int(side / 2 + Fraction(1, 2)) * 2 if side % 2 != 1 else int(side) - 1)


def upright(picture: Any, video: VideoStream) -> Any:
    """Mirror and turn the picture to how it is shown."""
    if video.mirrored:
        picture = picture.hflip()
    if video.rotation_deg == 180:
        return picture.hflip().vflip()
    if video.rotation_deg in (90, 270):
        return picture.filter("transpose", "clock" if video.rotation_deg == 90 else "cclock")
    return picture


def _coding(envelope: Envelope, rate: Fraction, count: int) -> dict[str, str]:
    """Spell the encoder's options; without B-frames, so that no edit list is needed and every reader starts at 0."""
    return {
        "c:v": "libx264",
        "profile:v": "high",
        "preset": envelope.preset,
        "crf": str(envelope.crf),
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
"""Brightest light that is kept apart, in units of diffuse white; most HDR is graded at 1000 cd/m²."""
_ZSCALE_SPACES = {"bt2020nc": "2020_ncl", "bt2020c": "2020_cl", "bt709": "709", "smpte170m": "170m", "bt470bg": "470bg"}
_ZSCALE_PRIMARIES = {"bt2020": "2020", "bt709": "709", "smpte432": "smpte432", "smpte431": "smpte431"}


def scaled_sdr(picture: Any, video: VideoStream, size_px: tuple[int, int]) -> Any:
    """Add one `scale` that resizes and brings matrix and range to bt709 and tv."""
    described = full_color(video)
    known: dict[str, str] = {"out_color_matrix": "bt709", "out_range": "tv"}
    if described.space != "gbr":
        known |= {"in_color_matrix": _scale_matrix(described.space), "in_range": described.range}
    return picture.filter("scale", *size_px, flags="bicubic+accurate_rnd+full_chroma_int", **known)


def tone_mapped(picture: Any, video: VideoStream, *, zscale: bool) -> Any:
    """Add the filters that turn PQ or HLG into bt709 SDR."""
    described = full_color(video)
    if not zscale:
        return _plain_curve(picture, video)
    source = {
        "matrixin": _ZSCALE_SPACES.get(described.space, "2020_ncl"),
        "primariesin": _ZSCALE_PRIMARIES.get(described.primaries, "2020"),
        "transferin": video.color_transfer,
        "rangein": "full" if described.range == "pc" else "limited",
    }
    linear = picture.filter("zscale", transfer="linear", npl=WHITE_NITS, **source).filter("format", "gbrpf32le")
    mapped = linear.filter("zscale", primaries="709").filter(
        "tonemap", "mobius", param=0.3, peak=f"{PEAK:.4f}", desat=0
    )
    return mapped.filter("zscale", transfer="709", matrix="709", range="limited").filter("format", "yuv420p")


def _plain_curve(picture: Any, video: VideoStream) -> Any:
    """For an ffmpeg without zimg: HLG is shown as it is; PQ goes through one curve per channel, primaries kept."""
    rgb = picture.filter("scale", in_color_matrix="bt2020", in_range=full_color(video).range).filter("format", "gbrp")
    if video.color_transfer == "smpte2084":
        curve = pq_curve("clip(val/maxval,0,1)")  # the table is filled beyond the highest value, too
        rgb = rgb.filter("lutrgb", r=curve, g=curve, b=curve)
    return rgb.filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")


def pq_curve(code: str) -> str:
    """Spell an ffmpeg expression from a PQ code value, 0 to 1, to an 8-bit SDR value.

    Light by ST 2084, in units of diffuse white; a Reinhard curve with its white at `PEAK`; then bt709's power.
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
