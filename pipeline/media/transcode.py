"""Bring a segment's picture into the form that providers take.

Takes   a segment's file: any rate, size, depth, colour, turn.
Gives   an MP4: H.264 High, 8-bit 4:2:0, constant rate, upright, square pixels, bt709 in tv range, index in front;
        and for each of its frames the frame that it shows.
Raises  ToolFailed when ffmpeg does, or gives another number of frames than was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from ..errors import ToolFailed
from ..kinds import Media, VideoStream
from ..node import Room
from .clock import label_rate
from .ffmpeg import ffmpeg_path
from .grid import nearest_rate, new_count, shown_frames
from .probe import probe, require_video
from .tone import scaled_sdr, tone_mapped
from .versions import has_filter

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


def transcode(room: Room, media: Media, profile: Profile) -> tuple[Media, list[int]]:
    """Write the picture anew; give the new file, and per new frame the index of the frame of `media` it shows."""
    video = require_video(media)
    rate = nearest_rate(label_rate(video))
    count = new_count(length_s(video), rate)
    made = room.new("picture.mp4")
    zscale = video.is_hdr and has_filter("zscale") and has_filter("tonemap")
    room.call(
        argv(room.path(media.file), video, ENVELOPES[profile], rate, count, made, zscale=zscale),
        duration_s=float(count / rate),
    )
    file = room.keep(made)
    result = probe(room.path(file), file)
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
