"""Decode the pictures of media files. The one frame reader, except for code that needs packets.

`decode_frames` reads a stream in showing order,
from its start or from a keyframe. `exact_frames` and `images` give frames by their index, exactly, or raise. Frames
come one at a time, so memory stays at a few frames.

`reformat` scales frames and converts their pixel formats, with one converter per thread and kind of conversion. A
frame's own `reformat` sets up swscale for each frame, with threads for every core: for small pictures that takes longer
than the conversion. The pixels are the same.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ...core.cancellation import stoppable
from ...core.errors import InputMediaError, ToolFailed
from ...core.side_by_side import thread_count
from ...core.times import clock_text, frames_text
from ...core.values import VideoStream
from ..nal_units import has_start_codes, refreshes_gradually
from .color import full_color
from .film_readers import media_error, open_reader

_MAX_CONVERTERS = 16
"""Converters per thread; each holds filters and a few lines of pictures."""


class _Converters(threading.local):
    """The converters of one thread, the least recently used first."""

    def __init__(self) -> None:
        self.by_conversion: OrderedDict[tuple[Any, ...], VideoReformatter] = OrderedDict()


_converters = _Converters()


def reformat(
    frame: Any, width: int | None = None, height: int | None = None, pix_fmt: str | None = None, **options: Any
) -> Any:
    """Return a frame in another size or pixel format, as `frame.reformat` does; the frame itself if nothing changes.

    Args:
        frame: an `av.VideoFrame`.
        width: in pixels; None keeps it.
        height: in pixels; None keeps it.
        pix_fmt: ffmpeg's name; None keeps it.
        options: `interpolation`, `src_colorspace` and others of `av.video.reformatter.VideoReformatter.reformat`.
    """
    if width is height is None and pix_fmt and _differ_in_alpha(frame.format.name, pix_fmt):
        return _copy_planes(frame, pix_fmt)
    converters = _converters.by_conversion
    conversion = (frame.width, frame.height, frame.format.name, width, height, pix_fmt, *sorted(options.items()))
    converter = converters.pop(conversion, None) or VideoReformatter()
    converters[conversion] = converter
    if len(converters) > _MAX_CONVERTERS:
        converters.popitem(last=False)
    return converter.reformat(frame, width, height, pix_fmt, threads=1, **options)


def _differ_in_alpha(first: str, second: str) -> bool:
    """Return whether two formats of planar red, green and blue differ in nothing but alpha."""
    return first != second and first.replace("gbrap", "gbrp") == second.replace("gbrap", "gbrp")


def _copy_planes(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """Return the planes of a frame without its alpha, or with one that is opaque.

    The library's own conversion gives other colors above eight bits.
    """
    copy = VideoFrame(frame.width, frame.height, pix_fmt)
    copy.pts = frame.pts
    if frame.time_base is not None:
        copy.time_base = frame.time_base
    for number, target in enumerate(copy.planes):
        rows = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        if number == len(frame.planes):
            top = (1 << copy.format.components[0].bits) - 1
            rows.view(np.uint16 if top > 255 else np.uint8)[:] = top
            continue
        source = frame.planes[number]
        own = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
        width = min(target.line_size, source.line_size)
        rows[: target.height, :width] = own[: target.height, :width]
    return copy


def visible_rows(frame: VideoFrame) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of each plane, `(height, bytes of a row)`, without the padding, whose contents are undefined."""
    parts = frame.format.components
    for number, plane in enumerate(frame.planes):
        in_plane = [part.bits for part in parts if part.plane == number]
        bits = max(1, len(in_plane)) * (16 if max(in_plane, default=8) > 8 else 8)
        if len(frame.planes) == 1:  # packed: a pixel may have fewer samples than there are components
            bits = frame.format.padded_bits_per_pixel
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        yield rows[:, : (plane.width * bits + 7) // 8]


ENCODE_AGAIN = "ffmpeg -i film -c:v libx264 -crf 12 -c:a copy film.mkv"
"""What helps if a film's packets do not fit its pictures; for messages."""
COPY_FIRST = "copy the film into .mkv or .mov first (ffmpeg -fflags +genpts -i film -c copy film.mkv)"
"""What helps if only its container is at fault."""
LARGE_PX = 4_000_000
"""Pictures above this size are decoded by at most four threads, not by one per core: each holds pictures, at 4K with
ten bits 30 MB of them."""
_ATTEMPTS = (("AUTO", True), ("AUTO", False), ("SLICE", False))
"""(threads, whether to seek): some containers cannot be sought in, and frame threads lose good frames after a
damaged one; each attempt continues where the one before it stopped."""

_LEAN_ON_ALL = frozenset({"smc"})
"""Codecs whose keyframes use colors that the frames before them have left in the decoder."""


def main_video_stream(container: Any) -> Any:
    """Return the stream that a player shows: the default one if it is marked, else the first; never a cover."""
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & cover]
    marked = [s for s in streams if s.disposition & av.stream.Disposition.default]
    return next(iter(marked or streams), None)


def require_complete(path: Path, streams: list[Any], name: str) -> None:
    """Raise InputMediaError for a file whose index names bytes behind its end: an interrupted download or copy."""
    size = path.stat().st_size
    entries = [entry for s in streams for entry in (getattr(s, "index_entries", None) or ())[-1:]]
    needed = max((entry.pos + entry.size for entry in entries), default=0)
    if needed > size:
        raise InputMediaError(f"{name} is cut short: it needs {needed} bytes and has {size}; copy or download it again")


def decode_frames(
    path: Path,
    stream_index: int | None = None,
    *,
    options: Mapping[str, str] | None = None,
    start_pts: int | None = None,
) -> Generator[VideoFrame, None, None]:
    """Decode one picture stream in showing order, from the keyframe at or before `start_pts`.

    Args:
        path: the file.
        stream_index: among all streams; the first picture stream by default.
        options: of ffmpeg's demuxer.
        start_pts: in ticks of the stream; frames that are shown before it come, too.

    Raises:
        InputMediaError: the picture is damaged.
    """
    with open_packets(path, stream_index, "AUTO", start_pts, options) as (_, packets):
        try:
            for packet in packets:
                yield from packet.decode()
        except av.FFmpegError as error:
            raise media_error(error, "the picture is damaged and cannot be decoded to its end") from error


def exact_frames(path: Path, video: VideoStream, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Any]]:
    """Yield (index, `av.VideoFrame`) for exactly the frames [start, end), as coded: no turn, no colour conversion.

    Raises:
        InputMediaError: a frame is missing or damaged; the message names it, and its time on the player's clock.
    """
    end = video.frame_count if end is None else end
    if not 0 <= start <= end <= video.frame_count:
        raise InputMediaError(f"{frames_text(start, end)} were asked for; the film has {video.frame_count}")
    index, start_s, errors = start, Fraction(0), list[str]()
    for threads, seek in _ATTEMPTS:
        if index == end:
            return
        due = video.timestamps.array[index:end].tolist()
        with open_packets(path, video.index, threads, due[0] if seek else None) as (container, packets):
            start_s = Fraction(container.start_time or 0, av.time_base)
            for frame in _due(_tolerant(packets, errors), due):
                yield index, frame
                index += 1
    if index == end:
        return
    at = clock_text(max(int(video.timestamps.array[index]) * video.time_base - start_s, Fraction(0)))
    if errors:
        raise InputMediaError(f"frame {index} of the film (at {at}) is damaged and cannot be decoded: {errors[-1]}")
    raise InputMediaError(
        f"frame {index} of the film (at {at}) cannot be decoded: a packet has this time, but no picture comes at it. "
        "Nothing is damaged: the file begins between keyframes, or its times do not fit its pictures; encode it again "
        f"first ({ENCODE_AGAIN})"
    )


def images(
    path: Path, video: VideoStream, start: int = 0, end: int | None = None, *, upright: bool = True
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index, picture) for the frames [start, end); `(height, width, 3) uint8 RGB`, turned as it is shown."""
    for index, frame in exact_frames(path, video, start, end):
        picture = rgb(frame, video)
        yield index, turn_upright(picture, video) if upright else picture


def rgb(frame: Any, video: VideoStream) -> NDArray[np.uint8]:
    """Convert a frame as coded to `(height, width, 3) uint8 RGB`, full range, by the matrix that the film means."""
    space, range_ = rgb_conversion(video)
    converted = reformat(frame, pix_fmt="rgb24", src_colorspace=space, src_color_range=range_, dst_color_range=2)
    picture: NDArray[np.uint8] = converted.to_ndarray()
    return picture


def rgb_conversion(video: VideoStream) -> tuple[int, int]:
    """Return the matrix and the range that a film means, as swscale numbers them."""
    color = full_color(video)
    space = {"smpte170m": 5, "bt470bg": 5, "fcc": 4, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 9}.get(color.space, 1)
    return space, 2 if color.range == "pc" else 1


def turn_upright(picture: NDArray[Any], video: VideoStream) -> NDArray[Any]:
    """Mirror and turn a picture as coded, `(height, width, …)`, to how it is shown."""
    shown = picture[:, ::-1] if video.mirrored else picture
    return np.ascontiguousarray(np.rot90(shown, -(video.rotation_deg // 90)))


def turn_coded(picture: NDArray[Any], video: VideoStream) -> NDArray[Any]:
    """Undo `turn_upright`."""
    turned = np.rot90(picture, video.rotation_deg // 90)
    return np.ascontiguousarray(turned[:, ::-1] if video.mirrored else turned)


def _due(frames: Iterator[Any], due: list[int]) -> Iterator[VideoFrame]:
    """Yield the frames shown at these times, in order, up to the first that is missing."""
    count = 0
    for frame in frames:
        if frame.pts < due[count]:
            continue
        if frame.pts > due[count]:
            return
        yield frame
        count += 1
        if count == len(due):
            return


def _tolerant(packets: Iterator[Any], errors: list[str]) -> Iterator[Any]:
    """Decode, skipping what is damaged, which is noted in `errors`: the caller knows which frames are due."""
    for packet in packets:
        try:
            yield from (frame for frame in packet.decode() if frame.pts is not None)
        except av.FFmpegError as error:
            if isinstance(failure := media_error(error, ""), ToolFailed):
                raise failure from error
            errors.append(error.strerror or "invalid data")


@contextlib.contextmanager
def open_packets(
    path: Path,
    stream_index: int | None,
    threads: str,
    start_pts: int | None,
    options: Mapping[str, str] | None = None,
) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open a file; yield its container and one stream's packets, from the keyframe at or before `start_pts`.

    If there is none, or without `start_pts`, they come from the first packet. To read that one the file is opened
    anew: no seek leads to a first packet that is not marked as a keyframe, and readers of transport streams lose the
    first packet if they were elsewhere before.
    """
    for position in (start_pts, None):
        with open_reader(path, threads, options, may_share=position is not None) as container:
            stream = container.streams[stream_index] if stream_index is not None else container.streams.video[0]
            if not stream.codec_context.is_open:
                stream.thread_type = threads
                if stream.codec_context.width * stream.codec_context.height > LARGE_PX:
                    stream.codec_context.thread_count = thread_count()
            packets = container.demux(stream) if position is None else packets_from(container, stream, position)
            if packets is not None:
                yield container, stoppable(packets)
                return


def packets_from(container: Any, stream: Any, start_pts: int) -> Iterator[Any] | None:
    """Return packets from the last keyframe that is shown no later than `start_pts`, or None if no seek leads there.

    A reader seeks by decode times, so it may land on a keyframe that is decoded before, but shown after; in transport
    streams it may land anywhere. What is marked as a keyframe, but only begins a gradual refresh, is none.
    """
    if stream.codec_context.name in _LEAN_ON_ALL:
        return None
    _read_palette(container, stream)
    target, step = start_pts, max(1, round(1 / stream.time_base))
    first = min(stream.start_time or 0, 0)
    while True:
        try:
            container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:  # a film of a picture or two in a transport stream has no place to seek to
            return None
        packets = container.demux(stream)
        key = _keyframe(packets, start_pts, stream.codec_context)
        if key is not None:
            return itertools.chain([key], packets)
        if target <= first:
            return None
        target, step = max(target - step, first), step * 2


def _read_palette(container: Any, stream: Any) -> None:
    """Decode the first packet of a film with palettes, if nothing was decoded yet.

    AVI and MOV give a palette with the first packet that is read, and a decoder keeps it over seeks. One that has never
    seen it gives black pictures.
    """
    context = stream.codec_context
    if context.is_open or context.format is None or not context.format.has_palette:
        return
    with contextlib.suppress(av.FFmpegError):
        for packet in container.demux(stream):
            packet.decode()
            return


def _keyframe(packets: Iterator[Any], start_pts: int, context: Any) -> Any:
    """Return the next keyframe's packet, if it is shown no later than `start_pts`."""
    annexb = has_start_codes(bytes(context.extradata or b"")) if context.name == "h264" else None
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None and packet.pts <= start_pts:
            if annexb is None or not refreshes_gradually(packet, annexb=annexb):
                return packet
        elif packet.dts is not None and packet.dts > start_pts:
            return None
    return None
