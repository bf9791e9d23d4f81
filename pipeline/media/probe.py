"""Read what a media file holds, exactly: every packet of the picture counts, nothing is estimated.

The start timecode, the label of the first shown frame, is read from the picture's or a timecode track's tags, or from
the first frame. Transport and program streams have it in the pictures only. MPEG-2 encoders that know no timecode write
00:00:00:00, so a picture's timecode counts only if it is another.

Source: ISO/IEC 14496-12 for the display matrix; RFC 6386, 9.1 for hidden VP8 frames; ISO/IEC 13818-2, 6.3.8 for the
timecode of an MPEG-2 group of pictures; SMPTE ST 12-1 binary groups, as H.264 and HEVC carry them in an SEI.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..core.errors import InputMediaError
from ..core.file import File
from ..core.times import Timecode, nominal_rate
from ..core.values import AudioStream, Media, OtherStream, Timestamps, VideoStream
from .frames import color
from .frames.decode import ENCODE_AGAIN, decode_frames, main_video_stream, require_complete
from .frames.film_readers import open_media
from .mpeg_headers import parse_gop_timecode
from .nal_units import FieldPairs
from .timing.frame_rate import detect_rate
from .timing.indexed_times import read_indexed_times

_ORDER_FRAMES = 48
"""How many pictures are decoded to see in which order they are shown."""
VIEWS = "STEREO3D"
"""The side data of a frame that says how its two views are packed."""
WITHOUT_STEREO_MODE = (
    "mkvpropedit film.mkv --edit track:v1 --delete stereo-mode, or ffmpeg -i film.mkv -map 0 -c copy film.mp4"
)
"""Takes out of a Matroska file how the two views of its pictures are packed; for messages."""
_WEAVE = "ffmpeg -i film -vf weave=first_field=top -c:v libx264 -flags +ildct+ilme -crf 12 -c:a copy film.mkv"


def probe(path: Path, file: File, name: str = "") -> Media:
    """Read the streams, clocks, colours and every frame time of a file.

    Args:
        path: where the content is.
        file: the content's name in the store, for the result.
        name: what to call it in errors; the path's own name by default.

    Raises:
        InputMediaError: it is not media, is empty, cut short or a folder, cannot be read, or has no picture or audio.
    """
    name = name or path.name
    with open_media(path, name) as container:
        main = main_video_stream(container)
        audio_streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if main is None and not audio_streams:
            raise InputMediaError(f"{name} has neither picture nor sound")
        require_complete(path, [s for s in (main, *audio_streams) if s is not None], name)
        video, first = None, None
        if main is not None:
            *shown, ascending = _frame_times(path, container, main, name)
            first = _first_frame(container, main)
            if main.codec_context.has_b_frames and (ascending or main.codec_context.name == "mpeg4"):
                _require_shown_order(path, main, name)
            _require_frames(main, first, name)
            video = _video_stream(main, first, (shown[0], shown[1]), name)
        start_s = Fraction(container.start_time or 0, av.time_base)
        return Media(
            file=file,
            container=container.format.name,
            start_s=start_s,
            duration_s=_duration_s(container, video, start_s),
            video=video,
            audio=tuple(_audio_stream(stream) for stream in audio_streams),
            others=tuple(_other_stream(s) for s in container.streams if s not in audio_streams and s is not main),
            start_timecode=start_timecode(container, main, first),
        )


def probe_path(path: Path, name: str = "") -> Media:
    """Probe a file that is not in the store; its digest in the result is all zeros."""
    return probe(path, File(digest="0" * 64, suffix=path.suffix.lower(), size_bytes=path.stat().st_size), name)


def require_video(media: Media, name: str = "") -> VideoStream:
    """Return the video stream.

    Raises:
        InputMediaError: there is none.
    """
    if media.video is None:
        raise InputMediaError(f"{name or 'the source'} has no video: only {len(media.audio)} sound track(s)")
    return media.video


_LOST_PROPERTIES = (
    "sample_aspect",
    "rotation_deg",
    "mirrored",
    "interlaced",
    "rate",
    "constant_rate",
    "color_range",
    "color_primaries",
    "color_transfer",
    "color_space",
)


def restore_properties(video: VideoStream, source: VideoStream) -> VideoStream:
    """Return a stream with what its container may have lost of its source: shape, rotation, color, the exact rate."""
    return video.model_copy(update={name: getattr(source, name) for name in _LOST_PROPERTIES})


def _video_stream(stream: Any, frame: Any, shown: tuple[Any, int], name: str) -> VideoStream:
    times, last_duration = shown
    context = stream.codec_context
    time_base = Fraction(stream.time_base)
    rate, constant = detect_rate(times, time_base, last_duration)
    pix_fmt = frame.format.name if frame is not None else context.pix_fmt
    if pix_fmt is None:
        raise InputMediaError(f"{name}: no frame of its {context.name} picture can be decoded")
    rotation_deg, mirrored = _orientation(frame)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=context.profile or "",
        width_px=frame.width if frame is not None else context.width,
        height_px=frame.height if frame is not None else context.height,
        pix_fmt=pix_fmt,
        bit_depth=av.VideoFormat(pix_fmt, 16, 16).components[0].bits,
        time_base=time_base,
        rate=rate,
        constant_rate=constant,
        timestamps=Timestamps.of(times, last_duration),
        sample_aspect=Fraction(stream.sample_aspect_ratio or 0) or Fraction(1),
        rotation_deg=rotation_deg,
        mirrored=mirrored,
        color_range=_tag_name(color.RANGES, context.color_range, frame, "color_range"),
        color_primaries=_tag_name(color.PRIMARIES, context.color_primaries, frame, "color_primaries"),
        color_transfer=_tag_name(color.TRANSFERS, context.color_trc, frame, "color_trc"),
        color_space=_matrix_name(context, frame, pix_fmt),
        interlaced=bool(frame is not None and frame.interlaced_frame),
        bit_rate=context.bit_rate or 0,
    )


def _tag_name(names: dict[int, str], of_stream: int, frame: Any, field: str) -> str:
    of_frame = int(getattr(frame, field, 0) or 0)
    return names.get(int(of_stream)) or names.get(of_frame, "")


def _matrix_name(context: Any, frame: Any, pix_fmt: str) -> str:
    name = _tag_name(color.SPACES, context.colorspace, frame, "colorspace")
    return "" if name == "gbr" and pix_fmt.startswith(("yuv", "nv", "p0", "gray")) else name


def _frame_times(path: Path, container: Any, stream: Any, name: str) -> tuple[Any, int, bool]:
    """Return the times of all frames that are shown, ascending, and how long the last one is shown, in ticks.

    The third value tells whether the packets' times ascend, too, as they do where no picture is reordered.
    """
    indexed = read_indexed_times(path, stream)
    shown, last_duration = (
        (indexed.shown, indexed.last_duration) if indexed is not None else _packet_times(container, stream, name)
    )
    steps = np.diff(shown)
    ascending = bool((steps > 0).all())
    array = shown if ascending else np.unique(shown)
    typical = int(np.median(np.diff(array))) if len(array) > 1 else _nominal_ticks(stream)
    is_plausible = last_duration * 2 > typical  # some Matroska files say 1 ms
    return array, last_duration if is_plausible else typical, ascending


def _packet_times(container: Any, stream: Any, name: str) -> tuple[Any, int]:
    """Return the times of all frames that are shown, in decoding order, and the duration of the last one's packet."""
    times: list[int] = []
    last, last_duration = None, 0
    fields, may_hide = FieldPairs(stream), stream.codec_context.name == "vp8"
    has_fields = fields.possible
    with contextlib.suppress(av.FFmpegError):  # a damaged end: what can be read counts
        for packet in container.demux(stream):
            if has_fields and packet.size and fields.is_second(packet):
                continue
            pts = packet.pts
            if pts is None or packet.is_discard or (may_hide and _is_hidden(packet)):
                continue
            if not times and packet.has_sidedata("encryption_info"):
                raise InputMediaError(f"{name} is encrypted; remove its protection before it is edited")
            times.append(pts)
            if last is None or pts > last:
                last, last_duration = pts, packet.duration or 0
    if not times:
        raise InputMediaError(f"{name} has a {stream.codec_context.name} picture stream without a single frame")
    return np.array(times, np.int64), last_duration


def _require_shown_order(path: Path, stream: Any, name: str) -> None:
    """Decode the first pictures of a film that reorders them, but may not store their times.

    The packets' times ascend then, or a reader guesses them: MPEG-4 Part 2 may pack two pictures into a packet.

    Raises:
        InputMediaError: they are not shown in the order of their times, which are those of decoding.
    """
    times: list[int] = []
    with contextlib.suppress(InputMediaError), contextlib.closing(decode_frames(path, stream.index)) as frames:
        times = [frame.pts for frame in itertools.islice(frames, _ORDER_FRAMES) if frame.pts is not None]
    if times != sorted(times):
        raise InputMediaError(
            f"{name} stores no times of its own for its reordered pictures (B-frames), only when each is decoded, so "
            f"frames cannot be told apart by time; nothing is damaged. Encode it again first ({ENCODE_AGAIN})"
        )


def _require_frames(stream: Any, frame: Any, name: str) -> None:
    """Check that each decoded picture is a frame, and that ffmpeg's filters take it.

    A decoder of HEVC gives each field of a field sequence as a picture of half the height, and marks only those as
    interlaced (ITU-T H.265, E.3.1: field_seq_flag). Filters refuse a picture that says twice how its views are packed.

    Raises:
        InputMediaError: they are fields, or say it twice.
    """
    if frame is not None and sum(data.type.name == VIEWS for data in frame.side_data) > 1:
        raise InputMediaError(
            f"{name} says twice how its two views are packed, in the container (StereoMode) and inside the pictures, "
            f"which ffmpeg does not take; leave it out of the container first ({WITHOUT_STEREO_MODE})"
        )
    if frame is not None and frame.interlaced_frame and stream.codec_context.name == "hevc":
        raise InputMediaError(
            f"{name} is HEVC in field pictures: each picture is one field of {frame.width}x{frame.height}, half a "
            f"frame, and no encoder here writes those. Weave them into frames first ({_WEAVE}; write "
            "first_field=bottom if motion jerks)"
        )


def _is_hidden(packet: Any) -> bool:
    """Check whether a VP8 packet marks its frame as decoded and not shown."""
    return packet.size > 0 and not bytes(packet)[0] >> 4 & 1


def _nominal_ticks(stream: Any) -> int:
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    return max(1, round(1 / (Fraction(rate) * Fraction(stream.time_base))))


def _first_frame(container: Any, stream: Any) -> Any:
    """Decode one frame, for what only frames carry; None if none of the first packets can be decoded."""
    with contextlib.suppress(av.FFmpegError):
        container.seek(0, backward=True, any_frame=False)
    for count, packet in enumerate(container.demux(stream)):
        with contextlib.suppress(av.FFmpegError):
            for frame in packet.decode():
                return frame
        if count > 250:
            break
    return None


def _orientation(frame: Any) -> tuple[int, bool]:
    """Return (clockwise rotation in degrees, whether mirrored before) from a frame's display matrix."""
    if frame is None:
        return 0, False
    side = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    if side is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=9i", bytes(side))[:5]
    mirrored = a * d - b * c < 0
    sign = -1 if mirrored else 1
    turn = math.degrees(math.atan2(sign * b, sign * a))
    return round(turn / 90) * 90 % 360, mirrored


def _audio_stream(stream: Any) -> AudioStream:
    base = Fraction(stream.time_base)
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate_hz=context.sample_rate or 0,
        channels=context.channels or 0,
        layout=context.layout.name if context.layout else "",
        start_s=(stream.start_time or 0) * base,
        duration_s=(stream.duration or 0) * base,
        language=_language(stream),
        title=stream.metadata.get("title", ""),
        default=bool(stream.disposition & av.stream.Disposition.default),
    )


def _language(stream: Any) -> str:
    language = stream.metadata.get("language", "")
    return "" if language == "und" else language


def _other_stream(stream: Any) -> OtherStream:
    context = stream.codec_context
    codec = context.name if context is not None else ""
    return OtherStream(index=stream.index, kind=str(stream.type), codec=codec, language=_language(stream))


def _duration_s(container: Any, video: VideoStream | None, start_s: Fraction) -> Fraction:
    if container.duration:
        return Fraction(container.duration, av.time_base)
    ends = [(s.start_time or 0) * s.time_base + s.duration * s.time_base for s in container.streams if s.duration]
    if video is not None:
        ends.append(video.timestamps.end * video.time_base)
    return max(ends, default=start_s) - start_s


def start_timecode(container: Any, main: Any, frame: Any) -> str:
    """Return the timecode of the first frame: of the picture, a timecode track, the file or the frame itself; or ''."""
    sources = [*([main] if main is not None else []), *container.streams, container]
    tagged = (value for source in sources for key, value in source.metadata.items() if key.lower() == "timecode")
    return next((str(value) for value in tagged if value), "") or _timecode_of_frame(frame, main)


def _timecode_of_frame(frame: Any, main: Any) -> str:
    if frame is None:
        return ""
    side_data = {side.type.name: bytes(side) for side in frame.side_data}
    rate = Fraction(main.guessed_rate or main.average_rate or 25)
    if len(binary := side_data.get("S12M_TIMECODE", b"")) >= 8 and struct.unpack("=I", binary[:4])[0]:
        return _nonzero_timecode(parse_s12m_timecode(struct.unpack("=I", binary[4:8])[0], rate))
    if len(binary := side_data.get("GOP_TIMECODE", b"")) >= 8:
        return _nonzero_timecode(parse_gop_timecode(struct.unpack("=q", binary[:8])[0]))
    return ""


def parse_s12m_timecode(code: int, rate: Fraction) -> Timecode:
    """Parse the 32 bits of SMPTE ST 12-1; above 30 frames/s they count pairs of frames, and a field bit selects one."""
    frames = _bcd(code >> 24 & 0x3F)
    if nominal_rate(rate) > 30:
        frames = 2 * frames + (code >> (7 if rate == 50 else 23) & 1)
    hours, minutes, seconds = _bcd(code & 0x3F), _bcd(code >> 8 & 0x7F), _bcd(code >> 16 & 0x7F)
    return Timecode(hours, minutes, seconds, frames, drop=bool(code >> 30 & 1))


def _bcd(coded: int) -> int:
    return (coded >> 4) * 10 + (coded & 0xF)


def _nonzero_timecode(timecode: Timecode) -> str:
    return (
        str(timecode) if (timecode.hours, timecode.minutes, timecode.seconds, timecode.frames) != (0, 0, 0, 0) else ""
    )
