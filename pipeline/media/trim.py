"""Cut a span out of a film without losing a bit of its pictures.

Takes   a film and the half-open range of frames to keep.
Gives   a file that holds exactly those frames as coded, on the source's time base from 0, and every sound track of
        the span as PCM, each exactly as long as the picture.
Raises  BadInput when a frame of the span is damaged; ToolFailed when ffmpeg does.
Source  `qp 0` makes x264 lossless at 8 bits; FFV1 (RFC 9043) is lossless for all else.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from ..core.errors import InputMediaError, ToolFailed
from ..core.file import File
from ..core.node import NodeContext
from ..core.values import Media, VideoStream
from . import decode
from .audio import samples as sound
from .ffmpeg import ffmpeg_path
from .probe import probe, probe_outside, require_video

_X264_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
_SEEK_MARGIN_S = Fraction(2)
_FINEST_TIMESCALE = 1_000_000


def cut(context: NodeContext, source: Media, start: int, end: int) -> Media:
    """Write the frames [start, end) of a film and their sound to a lossless file, and check it."""
    path = context.path(source.file)
    video = require_video(source)
    tracks = write_tracks(context, path, source, start, end)
    for seek in (True, False):  # some files cannot be sought in; from the start is slow and always right
        made = context.temp_path("span.mov")
        context.run_tool(
            argv(path, source, (start, end), tracks, made, seek=seek), duration_s=_span_s(video, start, end)
        )
        if _holds(made, path, video, start, end):
            return _described(context.store(made), context, source, start, end)
    for index, frame in decode.exact_frames(path, video, start, end):  # says which frame is damaged, if that is why
        if (frame.width, frame.height) != (video.width_px, video.height_px):
            raise InputMediaError(f"the picture changes its size at frame {index}, to {frame.width}x{frame.height}")
    raise ToolFailed(f"ffmpeg did not give exactly the frames {start} to {end} of the film")


def argv(path: Path, source: Media, span: tuple[int, int], tracks: list[Path], made: Path, *, seek: bool) -> list[str]:
    """Spell the ffmpeg call; the tracks are already cut, one WAV each."""
    picture = picked(path, source, span, seek=seek)
    sounds = [ffmpeg.input(f"file:{track}")["a:0"] for track in tracks]
    output = ffmpeg.output(picture, *sounds, f"file:{made}", **_lossless(require_video(source)))
    spelled: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return spelled


def picked(path: Path, source: Media, span: tuple[int, int], *, seek: bool) -> Any:
    """Spell an input that gives exactly the frames [start, end) as coded, from time 0.

    Frames are picked by time, between the middles of the gaps around the span, so that no rounding can shift them.
    """
    video = require_video(source)
    start_s, end_s = _middle_s(video, span[0]), _middle_s(video, span[1])
    jump_s = start_s - source.start_s - _SEEK_MARGIN_S
    options: dict[str, str | None] = {"copyts": None, "noautorotate": None}
    if seek and jump_s > 0:
        options |= {"noaccurate_seek": None, "ss": _decimal(jump_s)}
    picture = ffmpeg.input(f"file:{path}", **options)[str(video.index)]
    return picture.filter("trim", start=_decimal(start_s), end=_decimal(end_s)).filter("setpts", "PTS-STARTPTS")


def _lossless(video: VideoStream) -> dict[str, str]:
    if video.pix_fmt in _X264_FORMATS:
        codec = {"c:v": "libx264", "preset": "ultrafast", "qp": "0", "bf": "0"}
    else:
        codec = {"c:v": "ffv1", "level": "3", "slices": "4", "g": "1"}
    tags = {
        "color_range": video.color_range,
        "color_primaries": video.color_primaries,
        "color_trc": video.color_transfer,
        "colorspace": "rgb" if video.color_space == "gbr" else video.color_space,
    }
    return (
        codec
        | {"pix_fmt": video.pix_fmt, "fps_mode": "passthrough", "enc_time_base": f"{video.time_base}"}
        | {name: value for name, value in tags.items() if value}
        | {"c:a": "pcm_f32le", "video_track_timescale": str(_timescale(video))}
        | {"fflags": "+bitexact", "flags:v": "+bitexact", "flags:a": "+bitexact", "map_metadata": "-1"}
    )


def write_tracks(context: NodeContext, path: Path, source: Media, start: int, end: int) -> list[Path]:
    """Write every sound track of the frames [start, end) to a WAV of its own, as long as the picture."""
    video = require_video(source)
    start_s, end_s = tick_s(video, start), tick_s(video, end)
    tracks = []
    for number, track in enumerate(source.audio):
        samples, rate_hz = sound.read_span(path, track.index, start_s, end_s)
        tracks.append(sound.write_wav(context.temp_path(f"track{number}.wav"), samples, rate_hz))
    return tracks


def tick_s(video: VideoStream, frame: int) -> Fraction:
    """Give when a frame begins on the container's clock, in seconds; the frame count gives the end."""
    stamps = video.timestamps
    return (stamps.end if frame >= stamps.count else int(stamps.array[frame])) * video.time_base


def _middle_s(video: VideoStream, frame: int) -> Fraction:
    """Give the middle between a frame and the one before it, in seconds on the container's clock."""
    if frame == 0:
        return tick_s(video, 0) - 1 / video.rate / 2
    if frame >= video.frame_count:
        return tick_s(video, frame - 1) + max(tick_s(video, frame) - tick_s(video, frame - 1), 1 / video.rate)
    return (tick_s(video, frame - 1) + tick_s(video, frame)) / 2


def _span_s(video: VideoStream, start: int, end: int) -> float:
    return float(tick_s(video, end) - tick_s(video, start))


def _decimal(seconds: Fraction) -> str:
    return f"{float(seconds):.6f}"


def _timescale(video: VideoStream) -> int:
    """Give the ticks per second of the new file: the source's own, unless QuickTime's 32 bits are too few for them."""
    ticks = video.time_base.denominator
    return ticks if ticks <= _FINEST_TIMESCALE else 90_000


def _holds(made: Path, path: Path, video: VideoStream, start: int, end: int) -> bool:
    """Check the number of frames, their times, and that the first and the last picture are the source's."""
    try:
        given = require_video(probe_outside(made))
    except InputMediaError:
        return False
    ticks = video.timestamps.array[start:end]
    if given.frame_count != len(ticks):
        return False
    due, got = (ticks - ticks[0]).tolist(), given.timestamps.array.tolist()
    off_s = max(abs(a * video.time_base - b * given.time_base) for a, b in zip(due, got, strict=True))
    if off_s > given.time_base:
        return False
    kept = sorted({0, len(ticks) - 1})
    return all(_same_picture(made, given, place, path, video, start + place) for place in kept)


def _same_picture(made: Path, given: VideoStream, kept: int, path: Path, video: VideoStream, frame: int) -> bool:
    ((_, ours),) = decode.exact_frames(made, given, kept, kept + 1)
    ((_, theirs),) = decode.exact_frames(path, video, frame, frame + 1)
    if ours.format.name != theirs.format.name:
        return False
    try:
        return np.array_equal(ours.to_ndarray(), theirs.to_ndarray())
    except ValueError:  # a format that numpy has no shape for
        as_16_bit = [frame.reformat(format="gbrp16le").to_ndarray() for frame in (ours, theirs)]
        return np.array_equal(*as_16_bit)


def _described(file: File, context: NodeContext, source: Media, start: int, end: int) -> Media:
    """Probe the result; what the container cannot carry is taken from the source."""
    media = probe(context.path(file), file)
    video, given = require_video(source), require_video(media)
    kept = ("sample_aspect", "rotation_deg", "mirrored", "interlaced", "rate", "constant_rate")
    colours = ("color_range", "color_primaries", "color_transfer", "color_space")
    last_s = tick_s(video, end) - tick_s(video, end - 1)
    stamps = given.timestamps.model_copy(update={"last_duration": max(1, round(last_s / given.time_base))})
    known = {name: getattr(video, name) for name in (*kept, *colours)} | {"timestamps": stamps}
    span_s = tick_s(video, end) - tick_s(video, start)
    tracks = tuple(
        made.model_copy(update={"language": track.language, "title": track.title, "default": track.default})
        for made, track in zip(media.audio, source.audio, strict=True)
    )
    return media.model_copy(
        update={"video": given.model_copy(update=known), "audio": tracks, "duration_s": span_s, "start_s": Fraction(0)}
    )
