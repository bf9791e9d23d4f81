"""Cut a span out of a film losslessly, by copying packets where that is exact, else by encoding.

The result holds exactly the frames of the span as coded, on the source's time base from 0, and every audio track of the
span as PCM, each exactly as long as the picture.

Packets are copied out of an MP4 or MOV, if decoding can begin before the span: the file is as small as the film's. They
begin with an IDR picture in H.264, with a random access picture in HEVC, anywhere in codecs without references, and an
edit list hides what is shown before the first frame and after the last. Readers that decode the file get the frames of
the span alone, as coded, since nothing refers to what is left out.

Source: ISO/IEC 14496-12 8.6.6 (edit lists); ITU-T H.264 7.4.1.2.4 (an IDR picture ends all references); ITU-T H.265
table 7-1 and 8.3.2 (what follows a random access picture refers to nothing before it, but for its skipped leading
pictures, RASL).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np

from ..core.cancellation import stoppable
from ..core.errors import InputMediaError, ToolFailed
from ..core.file import File
from ..core.nodes.node import NodeContext
from ..core.times import frames_text
from ..core.values import Media, VideoStream
from .audio import samples as sound
from .clip_writer import lossless_encoder, require_lossless, track_timescale
from .frames import decode
from .frames.decode import reformat, visible_rows
from .frames.film_readers import open_media
from .frames.random_access import OpenFilm
from .mp4.boxes import read_top_boxes
from .nal_units import hevc_picture_type, split_units
from .not_applicable import NotApplicable, refused_as
from .probe import probe_path, require_video, restore_properties
from .tools.ffmpeg import ffmpeg_path

_SUFFIXES = (".mp4", ".mov", ".m4v")
_IDR = 5
_HEVC_RASL, _HEVC_RANDOM_ACCESS = range(8, 10), range(16, 22)
_WITHOUT_REFERENCES = frozenset({"dnxhd", "mjpeg", "prores"})
"""Compressed ones: what is not compressed takes more bytes as it is than in FFV1."""
_MOST_HIDDEN = 300
"""Packets before the span; with more, what is saved in bytes is paid in decoding."""
_FINEST_TICKS = (1 << 31) - 1


def copy_span(
    path: Path, source: Media, span: tuple[int, int], tracks: Sequence[Path], target: Path, timescale: int
) -> bool:
    """Write the frames [start, end) of a film, and its sound, to a MOV; return whether that is possible.

    Args:
        path: the film.
        source: its probe.
        span: the frames.
        tracks: the sound, already cut, one WAV per track.
        target: the new file.
        timescale: ticks per second of its picture.
    """
    video = source.video
    starts = _STARTS.get(video.codec) if video is not None else None
    if video is None or starts is None or path.suffix.lower() not in _SUFFIXES:
        return False
    times = video.timestamps.array
    first, last = int(times[span[0]]), int(times[span[1] - 1])
    try:
        with refused_as("its packets are not copied"), open_media(path) as container:
            stream = container.streams[video.index]
            located = _locate_packets(container, stream, starts, first, last)
            if located is None:
                return False
            packets = _packets_of_span(container, stream, first, *located)
            if video.codec == "hevc":
                packets = _without_skipped(packets)
            movie_ticks = _write(stream, packets, first, tracks, target, timescale)
    except NotApplicable:
        return False
    end = int(times[span[1]]) if span[1] < len(times) else video.timestamps.end
    shown = (end - first) * video.time_base
    return _end_edit(target, round(shown * movie_ticks)) if movie_ticks else False


def _locate_packets(
    container: Any, stream: Any, starts: Callable[[bytes], bool], first: int, last: int
) -> tuple[int, int] | None:
    """Return the dts of the last start of decoding up to `first`, and how many packets from there those to `last` need.

    None if decoding cannot begin there.
    """
    begin_pts = begin_dts = count = needed = 0
    for packet in _packets_near(container, stream, first):
        if packet.is_keyframe and packet.pts <= first:
            count = needed = 0
        if not count:
            if not (packet.is_keyframe and starts(bytes(packet))):
                return None
            begin_pts, begin_dts = packet.pts, packet.dts
        count += 1
        if first <= packet.pts <= last:
            needed = count
        if not needed and count > _MOST_HIDDEN:
            return None
        if packet.dts > last:
            break
    return (begin_dts, needed) if needed and begin_pts <= first else None


def _packets_of_span(container: Any, stream: Any, first: int, begin_dts: int, count: int) -> Iterator[Any]:
    """Yield `count` packets from that with `begin_dts` on; a span may be too large to keep."""
    packets = _packets_near(container, stream, first)
    yield from itertools.islice(itertools.dropwhile(lambda packet: packet.dts != begin_dts, packets), count)


def _packets_near(container: Any, stream: Any, first: int) -> Iterator[Any]:
    """Yield packets from a keyframe before `first` on."""
    container.seek(first, stream=stream, backward=True)
    for packet in stoppable(container.demux(stream)):
        if packet.pts is not None and packet.dts is not None and packet.size:
            yield packet


def _is_idr(packet: bytes) -> bool:
    return any(unit and unit[0] & 31 == _IDR for unit in split_units(packet, annexb=False))


def _is_hevc_random_access(packet: bytes) -> bool:
    return hevc_picture_type(packet, annexb=False) in _HEVC_RANDOM_ACCESS


_STARTS: dict[str, Callable[[bytes], bool]] = {
    "h264": _is_idr,
    "hevc": _is_hevc_random_access,
    **dict.fromkeys(_WITHOUT_REFERENCES, lambda _: True),
}
"""By codec, whether decoding can begin with a keyframe's packet."""


def _without_skipped(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield packets of HEVC without the RASL pictures of the first one, which refer to what comes before it."""
    starts = 0
    for packet in packets:
        kind = hevc_picture_type(bytes(packet), annexb=False)
        starts += kind in _HEVC_RANDOM_ACCESS
        if not (starts == 1 and kind in _HEVC_RASL):
            yield packet


def _write(
    stream: Any, packets: Iterator[Any], first: int, tracks: Sequence[Path], target: Path, timescale: int
) -> int:
    """Write the file; return the ticks per second of the movie, or 0 if no number of them is exact."""
    sounds = [av.open(str(track)) for track in tracks]
    try:
        rates = [sound.streams.audio[0].rate for sound in sounds]
        movie_ticks = math.lcm(timescale, *rates)
        if movie_ticks > _FINEST_TICKS:
            return 0
        options = {
            "fflags": "+bitexact",
            "avoid_negative_ts": "disabled",
            "movie_timescale": str(movie_ticks),
            "video_track_timescale": str(timescale),
        }
        with av.open(str(target), "w", format="mov", options=options) as out:
            picture = out.add_stream_from_template(stream, opaque=True)
            picture.time_base = stream.time_base
            copies = [out.add_stream_from_template(sound.streams.audio[0], opaque=True) for sound in sounds]
            for packet in packets:
                packet.pts -= first
                packet.dts -= first
                packet.stream = picture
                out.mux(packet)
            for sound, copy in zip(sounds, copies, strict=True):
                for packet in stoppable(sound.demux(sound.streams.audio[0])):
                    if packet.size:
                        packet.stream = copy
                        out.mux(packet)
    finally:
        for sound in sounds:
            sound.close()
    return movie_ticks


def _end_edit(target: Path, ticks: int) -> bool:
    """Let the edit of the first track, which is the picture's, last so many ticks; return whether there is one."""
    with target.open("r+b") as stream:
        index = next(box for box in read_top_boxes(stream, target.stat().st_size) if box.kind == b"moov")
        stream.seek(index.offset)
        data = stream.read(index.size_bytes)
        place = data.rfind(b"elst", 0, data.find(b"mdhd"))
        if place < 0:
            return False
        version, count = data[place + 4], int.from_bytes(data[place + 8 : place + 12], "big")
        if count != 1:
            return False
        stream.seek(index.offset + place + 12)
        stream.write(ticks.to_bytes(8 if version else 4, "big"))
    return True


_SEEK_MARGIN_S = Fraction(2)


def cut_lossless(context: NodeContext, source: Media, start: int, end: int) -> Media:
    """Write the frames [start, end) of a film and their sound to a lossless file, and check it.

    Raises:
        InputMediaError: a frame of the span is damaged, or of another size, or of a kind that cannot be stored.
        ToolFailed: ffmpeg failed, or wrote other frames.
    """
    require_lossless(source)
    path = context.path(source.file)
    video = require_video(source)
    tracks = write_tracks(context, path, source, start, end)
    target = context.temp_path("copied.mov")
    is_copied = copy_span(path, source, (start, end), tracks, target, track_timescale(video))
    if is_copied and (cut := _probe_exact(target, path, video, start, end, _decode_all)):
        return _described(cut, context.store(target), source, start, end)
    for seek in (True, False):  # some files cannot be sought in; reading from the start is slow and always right
        target = context.temp_path("span.mov")
        context.run_tool(
            build_command(path, source, (start, end), tracks, target, seek=seek),
            duration_s=float(container_time_s(video, end) - container_time_s(video, start)),
        )
        if cut := _probe_exact(target, path, video, start, end):
            return _described(cut, context.store(target), source, start, end)
    for index, frame in decode.exact_frames(path, video, start, end):  # raises with the damaged frame, if that is why
        if (frame.width, frame.height) != (video.width_px, video.height_px):
            raise InputMediaError(f"the picture changes its size at frame {index}, to {frame.width}x{frame.height}")
    raise ToolFailed(f"ffmpeg did not write exactly {frames_text(start, end)} of the film")


def build_command(
    path: Path, source: Media, span: tuple[int, int], tracks: list[Path], target: Path, *, seek: bool
) -> list[str]:
    """Build the ffmpeg command; the tracks are already cut, one WAV each."""
    picture = select_frames(path, source, span, seek=seek)
    audio = [ffmpeg.input(f"file:{track}")["a:0"] for track in tracks]
    output = ffmpeg.output(picture, *audio, f"file:{target}", **_encoder_options(require_video(source)))
    command: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return command


def select_frames(path: Path, source: Media, span: tuple[int, int], *, seek: bool) -> Any:
    """Build an input that gives exactly the frames [start, end) as coded, from time 0.

    Frames are selected by time, half-way between neighbouring frames, so that no rounding can shift them.
    """
    video = require_video(source)
    start_s, end_s = _boundary_s(video, span[0]), _boundary_s(video, span[1])
    jump_s = start_s - source.start_s - _SEEK_MARGIN_S
    options: dict[str, str | None] = {"copyts": None, "noautorotate": None}
    if seek and jump_s > 0:
        options |= {"noaccurate_seek": None, "ss": _decimal(jump_s)}
    picture = ffmpeg.input(f"file:{path}", **options)[str(video.index)]
    return picture.filter("trim", start=_decimal(start_s), end=_decimal(end_s)).filter("setpts", "PTS-STARTPTS")


def _encoder_options(video: VideoStream) -> dict[str, str]:
    encoder, options = lossless_encoder(video.pix_fmt, (video.width_px, video.height_px))
    tags = {
        "color_range": video.color_range,
        "color_primaries": video.color_primaries,
        "color_trc": video.color_transfer,
        "colorspace": "rgb" if video.color_space == "gbr" else video.color_space,
    }
    return (
        {"c:v": encoder, **options}
        | {"pix_fmt": video.pix_fmt, "fps_mode": "passthrough", "enc_time_base": f"{video.time_base}"}
        | {name: value for name, value in tags.items() if value}
        | {"c:a": "pcm_f32le", "video_track_timescale": str(track_timescale(video))}
        | {"fflags": "+bitexact", "flags:v": "+bitexact", "flags:a": "+bitexact", "map_metadata": "-1"}
    )


def write_tracks(context: NodeContext, path: Path, source: Media, start: int, end: int) -> list[Path]:
    """Write each audio track of the frames [start, end) to a WAV, as long as the picture."""
    video = require_video(source)
    start_s, end_s = container_time_s(video, start), container_time_s(video, end)
    tracks = []
    for number, track in enumerate(source.audio):
        samples, rate_hz = sound.read_span(path, track.index, start_s, end_s)
        tracks.append(sound.write_wav(context.temp_path(f"track{number}.wav"), samples, rate_hz))
    return tracks


def container_time_s(video: VideoStream, frame: int) -> Fraction:
    """Return when a frame begins on the container's clock, in seconds; `frame_count` gives the end."""
    stamps = video.timestamps
    return (stamps.end if frame >= stamps.count else int(stamps.array[frame])) * video.time_base


def _boundary_s(video: VideoStream, frame: int) -> Fraction:
    """Return the time half-way between a frame and the one before it, in seconds on the container's clock."""
    if frame == 0:
        return container_time_s(video, 0) - 1 / video.rate / 2
    if frame >= video.frame_count:
        return container_time_s(video, frame - 1) + max(
            container_time_s(video, frame) - container_time_s(video, frame - 1), 1 / video.rate
        )
    return (container_time_s(video, frame - 1) + container_time_s(video, frame)) / 2


def _decimal(seconds: Fraction) -> str:
    """Return seconds rounded up to microseconds.

    The filter rounds them to ticks, and a half tick up. Where a tick is a frame, as in MXF and AVI, a boundary is a
    half tick, and one that was rounded down would lie a frame early.
    """
    return f"{math.ceil(seconds * 1_000_000) / 1e6:.6f}"


def _decode_ends(path: Path, video: VideoStream, start: int, end: int) -> list[Any]:
    """Return the first and the last of the frames [start, end), which may be the same one."""
    film = OpenFilm(path, video)
    try:
        return [frame for index in (start, end - 1) for _, frame in film.frames(index, index + 1)]
    finally:
        film.close()


def _decode_all(path: Path, video: VideoStream, start: int, end: int) -> list[Any]:
    """Return the same, but decode all of the frames in between: of copied packets some may be damaged.

    Raises:
        InputMediaError: a frame is damaged, or of another size.
    """
    first = last = None
    for index, last in decode.exact_frames(path, video, start, end):
        first = first or last
        if (last.width, last.height) != (video.width_px, video.height_px):
            raise InputMediaError(f"the picture changes its size at frame {index}")
    return [first, last]


def _probe_exact(
    target: Path,
    path: Path,
    video: VideoStream,
    start: int,
    end: int,
    decode_target: Callable[[Path, VideoStream, int, int], list[Any]] = _decode_ends,
) -> Media | None:
    """Probe the new file; return None if its frame count, its times, its first or last frame is not the source's."""
    ticks = video.timestamps.array[start:end]
    try:
        media = probe_path(target)
        cut = require_video(media)
        if cut.frame_count != len(ticks):
            return None
        own = decode_target(target, cut, 0, cut.frame_count)
    except InputMediaError:
        return None
    expected, actual = (ticks - ticks[0]).tolist(), cut.timestamps.array.tolist()
    off_s = max(abs(a * video.time_base - b * cut.time_base) for a, b in zip(expected, actual, strict=True))
    pairs = zip(own, _decode_ends(path, video, start, end), strict=True)
    return media if off_s <= cut.time_base and all(_same_picture(*pair) for pair in pairs) else None


def _same_picture(cut: Any, source: Any) -> bool:
    """Return whether nothing of a picture was lost; an encoder may have stored it in another format."""
    if source.format.has_palette or (cut.format.is_rgb and source.format.is_rgb):
        common = "rgba64le" if source.format.components[0].bits > 8 else "rgba"
        cut, source = (reformat(frame, pix_fmt=common) for frame in (cut, source))
    elif cut.format.name.replace("yuvj", "yuv") != source.format.name.replace("yuvj", "yuv"):
        cut = reformat(cut, pix_fmt=source.format.name)
    return all(
        np.array_equal(mine, theirs) for mine, theirs in zip(visible_rows(cut), visible_rows(source), strict=True)
    )


def _described(media: Media, file: File, source: Media, start: int, end: int) -> Media:
    """Return the result as it was probed and stored; what the container cannot carry is copied from the source."""
    video, cut = require_video(source), require_video(media)
    last_s = container_time_s(video, end) - container_time_s(video, end - 1)
    stamps = cut.timestamps.model_copy(update={"last_duration": max(1, round(last_s / cut.time_base))})
    span_s = container_time_s(video, end) - container_time_s(video, start)
    tracks = tuple(
        new.model_copy(update={"language": track.language, "title": track.title, "default": track.default})
        for new, track in zip(media.audio, source.audio, strict=True)
    )
    return media.model_copy(
        update={
            "file": file,
            "video": restore_properties(cut, video).model_copy(update={"timestamps": stamps}),
            "audio": tracks,
            "duration_s": span_s,
            "start_s": Fraction(0),
        }
    )
