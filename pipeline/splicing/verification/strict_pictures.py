"""Decode a range of a film strictly, and see its pictures: one decode for two checks.

ffmpeg decodes, and writes raw pictures to a pipe. They have times and pixels, but no side data (captions, the data of a
camera) and no fields: `require_pixels_only` refuses pictures of the source that have.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from ...core.cancellation import stoppable
from ...core.errors import ToolFailed
from ...core.values import Media, VideoStream
from ...media.mp4.sample_tables import Ints
from ...media.tools.process import PipedTool, piped_tool
from ..pictures.fields import side_data_of

WORTH_SHARING_PX = 40_000_000
"""Pixels of a range from which on the decode that is saved costs more than to start and to pipe."""
_CODECS = frozenset({"h264", "hevc", "vp9"})
"""Any decoder gives the same pixels, so those of ffmpeg and of the library can be compared."""
_FORMATS = frozenset(f"yuv{kind}p{depth}" for kind in ("420", "422", "444") for depth in ("", "10le"))
_SAME_IN_ALL = frozenset({"DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"})
"""Side data that all pictures of an encoder have, if its first one has."""
_PER_PICTURE = frozenset({"A53_CC", "SEI_UNREGISTERED", "S12M_TIMECODE"})


class NotShared(Exception):
    """A range of a film needs a decode for each check."""


def can_share(video: VideoStream, frames: range) -> bool:
    """Return whether one decode can serve both checks of these frames, and is worth it."""
    pixels = video.width_px * video.height_px * len(frames)
    plain = video.codec in _CODECS and video.pix_fmt in _FORMATS and not video.interlaced
    return plain and pixels >= WORTH_SHARING_PX


def require_pixels_only(frame: VideoFrame, first: VideoFrame | None, ignored: tuple[bytes, ...]) -> None:
    """Refuse a picture with more than pixels, apart from what `first`, which was compared completely, has, too.

    Args:
        frame: of the source, or of a take.
        first: of the range; None if `frame` is.
        ignored: what marks an encoder's note of its options, which is not compared.

    Raises:
        NotShared: it has captions, data of a camera, or fields.
    """
    if frame.interlaced_frame:
        raise NotShared
    if first is not None and _data(frame, _SAME_IN_ALL) != _data(first, _SAME_IN_ALL):
        raise NotShared
    if any(not any(note in data for note in ignored) for _, data in _data(frame, _PER_PICTURE)):
        raise NotShared


def _data(frame: Any, names: frozenset[str]) -> list[tuple[str, bytes]]:
    return sorted((data.type.name, bytes(data)) for data in side_data_of(frame) if data.type.name in names)


def strict_frames(
    ffmpeg: str, media: Media, path: Path, stream: int, frames: range, wanted: range
) -> Generator[VideoFrame, None, None]:
    """Decode frames of a film strictly; yield those of `wanted`, a part of them, with their pts in the source's ticks.

    Raises:
        NotShared: the decoder reports anything.
    """
    assert media.video is not None
    times = media.video.timestamps.array
    try:
        with piped_tool(_argv(ffmpeg, media, path, stream, frames)) as tool:
            for frame in stoppable(_read(tool, media.video.time_base)):
                if int(times[wanted.start]) <= (frame.pts or 0) <= int(times[wanted.stop - 1]):
                    yield frame
            if tool.log() != (0, ""):
                raise NotShared
    except (ToolFailed, av.FFmpegError) as error:
        raise NotShared from error


def _argv(ffmpeg: str, media: Media, path: Path, stream: int, frames: range) -> list[str]:
    assert media.video is not None
    start, end = (_before(media, media.video.timestamps.array, index) for index in (frames.start, frames.stop))
    span = ["-ss", f"{max(start, 0):.6f}", "-to", f"{end:.6f}"]
    # With its own times, and not turned upright.
    argv = [ffmpeg, "-nostdin", "-v", "error", "-xerror", "-noautorotate", "-copyts", *span, "-i", f"file:{path}"]
    argv += ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-enc_time_base", "demux"]
    return [*argv, "-c:v", "rawvideo", "-avoid_negative_ts", "disabled", "-write_index", "0", "-f", "nut", "pipe:1"]


def _before(media: Media, times: Ints, index: int) -> float:
    """Return the middle between a frame and the one before it, in seconds from the film's start."""
    assert media.video is not None
    index = min(index, len(times))
    before = int(times[index - 1]) if index else int(times[0]) - 1
    after = int(times[index]) if index < len(times) else before + max(media.video.timestamps.last_duration, 1)
    return float(Fraction(before + after, 2) * media.video.time_base - media.start_s)


def _read(tool: PipedTool, time_base: Fraction) -> Iterator[VideoFrame]:
    with av.open(f"pipe:{tool.descriptor}", format="nut") as container:
        stream = container.streams.video[0]
        ticks = Fraction(stream.time_base or 0) / time_base
        for frame in container.decode(stream):
            time = (frame.pts if frame.pts is not None else -1) * ticks
            if time.denominator != 1:
                raise NotShared
            frame.pts = time.numerator
            yield frame
