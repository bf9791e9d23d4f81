"""What a film's container decides: the suffix of its files, whether it is an MP4, and whether it can be remuxed.

Tools choose a muxer by the suffix, so a file with a wrong suffix, or without one, gets the usual one of its container.

Transport streams have programs, with numbers, names and streams. When ffmpeg copies a transport stream it puts all
streams into one program, unless the programs are given as options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.cancellation import stoppable
from ..core.nodes.node import NodeContext
from ..core.values import Media
from ..media.frames.decode import COPY_FIRST, ENCODE_AGAIN
from ..media.frames.film_readers import open_input

_PROGRAM = re.compile(r"^  Program (\d+)")
_STREAM = re.compile(r"^  Stream #0:(\d+)")
_TAG = re.compile(r"^      (service_name|service_provider)\s*: (.*)$")
_END = re.compile(r"^  No Program|^Output #|^Stream mapping:")


@dataclass(frozen=True)
class Program:
    """One program."""

    number: int
    name: str
    provider: str
    streams: tuple[int, ...]


def read_programs(context: NodeContext, ffmpeg: str, path: Path) -> list[Program]:
    """List the programs of a transport stream with ffmpeg; nothing is decoded."""
    options = ["-v", "info", "-i", f"file:{path}", "-map", "0:0", "-c", "copy", "-t", "0", "-f", "null", "-"]
    return parse_programs(context.run_tool([ffmpeg, "-hide_banner", "-nostdin", *options]))


def parse_programs(log: str) -> list[Program]:
    """Parse the programs from ffmpeg's log of an input file."""
    programs: list[Program] = []
    number, tags, streams = None, dict[str, str](), list[int]()
    for line in [*log.splitlines(), "Output #0"]:
        header, stream, tag = _PROGRAM.match(line), _STREAM.match(line), _TAG.match(line)
        if (header or _END.match(line)) and number is not None:
            name, provider = tags.get("service_name", ""), tags.get("service_provider", "")
            programs.append(Program(number, name, provider, tuple(streams)))
            number = None
        if header:
            number, tags, streams = int(header[1]), {}, []
        elif number is not None and tag and not streams:
            tags[tag[1]] = tag[2].strip()
        elif number is not None and stream:
            streams.append(int(stream[1]))
        elif _END.match(line) and programs:
            break
    return programs


def program_options(programs: Sequence[Program], output_index: Mapping[int, int]) -> dict[str, str]:
    """Return ffmpeg's muxer options for the programs; `output_index` maps source streams to output streams.

    ffmpeg ignores what follows the colon of `program`; it keeps several options apart, and in order.
    """
    options = {}
    for place, program in enumerate(programs):
        fields = [f"title={_escape(program.name)}"] if program.name else []
        streams = (f"st={output_index[index]}" for index in program.streams if index in output_index)
        fields += [f"program_num={program.number}", *streams]
        options[f"program:{place:04}"] = ":".join(fields)
        if program.provider:
            options[f"metadata:p:{place}"] = f"service_provider={program.provider}"
    return options


_PROGRAM_MAP = re.compile(rb"\x47[\x40-\x5f].[\x10-\x1f]\x00\x02(.{182})", re.DOTALL)
_DOLBY_VISION_DESCRIPTOR = re.compile(rb"\xb0[\x05\x07]\x01\x00")
_HEAD_BYTES = 1 << 20


def maps_dolby_vision(path: Path) -> bool:
    """Return whether a program map of a transport stream describes Dolby Vision, which ffmpeg's muxer does not write.

    Source: ISO/IEC 13818-1, 2.4.3.2 and 2.4.4.9; Dolby Vision Streams Within the MPEG-2 Transport Stream Format.
    """
    with path.open("rb") as stream:
        maps = _PROGRAM_MAP.finditer(stream.read(_HEAD_BYTES))
    return any(_DOLBY_VISION_DESCRIPTOR.search(item[1]) for item in maps)


_SYNC, _PACKET_BYTES, _STAMP_BYTES = 0x47, 188, 4
_PACKETS_AT_ONCE = 1 << 16
_SERVICE_PID, _NULL_PID = 0x0011, 0x1FFF
_NULL_PACKET = bytes([_SYNC, _NULL_PID >> 8, _NULL_PID & 0xFF, 0x10]).ljust(_PACKET_BYTES, b"\xff")


def drop_services(path: Path) -> None:
    """Turn the packets of a transport stream that name its programs into null packets, in place.

    ffmpeg's muxer always writes them, also for a film that has none. Source: ISO/IEC 13818-1, 2.4.3.3 (null packets);
    ETSI EN 300 468, 5.1.3 (the PID of the service description).
    """
    with path.open("rb") as stream:
        stamp = 0 if stream.read(1) == bytes([_SYNC]) else _STAMP_BYTES
    size = _PACKET_BYTES + stamp
    count = path.stat().st_size // size
    if not count:
        return
    packets = np.memmap(path, np.uint8, "r+", shape=(count, size))
    for start in stoppable(range(0, count, _PACKETS_AT_ONCE)):
        block = packets[start : start + _PACKETS_AT_ONCE]
        header = block[:, stamp : stamp + 3].astype(np.uint16)
        is_service = (header[:, 0] == _SYNC) & ((header[:, 1] << 8 | header[:, 2]) & _NULL_PID == _SERVICE_PID)
        block[is_service, stamp:] = np.frombuffer(_NULL_PACKET, np.uint8)
    packets.flush()


def _escape(text: str) -> str:
    return re.sub(r"([\\':])", r"\\\1", text)


_SUFFIXES = {
    "mov": (".mp4", ".mov", ".m4v", ".3gp", ".3g2", ".f4v"),
    "matroska": (".mkv", ".webm"),
    "mpegts": (".ts", ".m2ts", ".mts", ".m2t"),
    "mpeg": (".mpg", ".mpeg", ".vob"),
    "avi": (".avi",),
    "asf": (".wmv", ".asf"),
    "ogg": (".ogv", ".ogg"),
    "flv": (".flv",),
    "mxf": (".mxf",),
    "nut": (".nut",),
}
"""By the first of ffmpeg's names of a format; the first suffix is the usual one."""
TRANSPORT_SUFFIXES, PROGRAM_SUFFIXES = _SUFFIXES["mpegts"], _SUFFIXES["mpeg"]
_INEXACT_TIMES = frozenset({".avi", ".wmv", ".asf", ".ogv", ".ogg", ".gif"})
"""Muxers that count frames, round their times, or do not take the pictures of any encoder here."""
_OWN_CODEC_ONLY = frozenset({".mxf"})
"""Muxers that do not take the pictures of the encoder that replaces one that is not there."""
_COPIED_ONLY = frozenset({"dv", "rm", "yuv4mpegpipe"})
"""Formats of ffmpeg whose muxers take no pictures of an encoder here, or not at the film's times."""
_WEB_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})
_QUICKTIME_CODECS = frozenset({"prores", "mjpeg", "dnxhd", "cfhd", "qtrle", "rawvideo", "v210", "ffv1"})


def container_suffix(media: Media) -> str:
    """Return a suffix by which tools recognise the film's container, such as `.mp4`."""
    suffix, known = media.file.suffix, _SUFFIXES.get(_format_name(media))
    if known is None:
        return suffix or ".mkv"
    return suffix if suffix in known else _usual_suffix(media, known[0])


def _format_name(media: Media) -> str:
    return media.container.split(",")[0]


def is_mp4(media: Media) -> bool:
    """Return whether the film is an MP4 or a MOV, whatever its name."""
    return _format_name(media) == "mov"


def _usual_suffix(media: Media, first: str) -> str:
    codecs = {track.codec for track in media.audio} | ({media.video.codec} if media.video is not None else set())
    if first == ".mkv" and codecs <= _WEB_CODECS:
        return ".webm"
    if first == ".mp4" and (codecs & _QUICKTIME_CODECS or any(codec.startswith("pcm_") for codec in codecs)):
        return ".mov"
    return first


def clock_wraps(media: Media) -> bool:
    """Return whether a transport stream's 33-bit clock restarts within the film.

    Readers then give negative times before the restart, which no muxer here can write.
    """
    video = media.video
    return _format_name(media) == "mpegts" and video is not None and int(video.timestamps.array[0]) < 0


_OTHER_CLOCK_TICKS, _OTHER_CLOCK_MOST_S = 2, Fraction(1, 500)
_TIMED_IN_AVI = frozenset({"ac3", "adpcm_ima_wav", "adpcm_ms", "mp2", "mp3"})
"""Sound that the muxer for AVI puts at its times when packets are copied, besides PCM."""
_MATROSKA_TICK_S = Fraction(1, 1000)


def other_clock_tolerance_s(tick_s: Fraction) -> Fraction:
    """Return by how much sound may be off, in seconds, on another clock than its own, whose tick lasts `tick_s`.

    AVI may count the bytes of MP3, or its packets, which last too long to be off by any.
    """
    return min(_OTHER_CLOCK_TICKS * tick_s, _OTHER_CLOCK_MOST_S)


def copy_refusal(media: Media) -> str:
    """Return why no muxer here puts copied packets at the film's times, or ""."""
    if clock_wraps(media):
        return "the transport stream clock wraps around"
    if _format_name(media) not in _SUFFIXES:
        return f"{container_suffix(media)} files cannot be spliced packet by packet"
    others = [track.codec for track in media.audio if not track.codec.startswith("pcm_")]
    untimed = next((codec for codec in others if codec not in _TIMED_IN_AVI), "")
    if media.container == "avi" and untimed:
        return f"the muxer for AVI does not keep the times of {untimed} sound"
    if _has_other_clock(media):
        return "the muxer for Matroska counts milliseconds, the film's clock does not"
    return _CUT_PCM if _has_cut_pcm(media) else ""


_CUT_PCM = "the muxer for program streams cuts linear PCM into other packets"


def _has_cut_pcm(media: Media) -> bool:
    return media.container == "mpeg" and any(track.codec == "pcm_dvd" for track in media.audio)


def _has_other_clock(media: Media) -> bool:
    is_matroska = _format_name(media) == "matroska"
    return is_matroska and media.video is not None and media.video.time_base != _MATROSKA_TICK_S


def _has_finer_times(media: Media) -> bool:
    """Return whether a Matroska film has, or its sound may have, times between milliseconds."""
    if not _has_other_clock(media):
        return False
    assert media.video is not None
    ticks = _MATROSKA_TICK_S / media.video.time_base
    off = media.video.timestamps.array * ticks.denominator % ticks.numerator
    return bool(off.any()) or (ticks > 1 and bool(media.audio))


def remux_refusal(media: Media, new_codec: str = "") -> str:
    """Return why new pictures cannot be muxed into the film's container at their times, or "".

    `new_codec` is their codec, if it is not the film's.
    """
    suffix = container_suffix(media)
    if clock_wraps(media):
        reason = "a transport stream clock that wraps around cannot be written"
    elif _has_finer_times(media):
        reason = "the muxer for Matroska counts milliseconds, and the film has times between these"
    elif _has_cut_pcm(media):
        reason = _CUT_PCM
    elif _format_name(media) in _COPIED_ONLY:
        reason = f"no muxer for {suffix} files takes pictures that are encoded again"
    elif suffix in _INEXACT_TIMES:
        reason = f"{suffix} files cannot hold re-encoded pictures at their exact times"
    elif suffix == ".mxf" and not new_codec and media.video is not None and media.video.codec == "h264":
        reason = "the muxer for MXF does not take H.264 that is encoded again"
    elif new_codec and suffix in _OWN_CODEC_ONLY:
        reason = f"{suffix} files cannot hold the {new_codec} that its pictures would become"
    else:
        return ""
    if media.video is not None and media.video.codec == "gif":  # no other container takes it
        return f"{reason}; encode it again first ({ENCODE_AGAIN})"
    return f"{reason}; {COPY_FIRST}"


def as_numbered_in(media: Media, path: Path) -> Media:
    """Return a film's streams with the indices that they have in another file, which has those of each kind in order.

    Muxers may order kinds otherwise, and leave out data.
    """
    video = media.video
    assert video is not None
    remaining: dict[str, list[int]] = {}
    with open_input(path) as container:
        for stream in container.streams:
            remaining.setdefault(str(stream.type), []).append(stream.index)
    streams = [(video.index, "video"), *((track.index, "audio") for track in media.audio)]
    streams += [(other.index, other.kind) for other in media.others]
    numbers = {index: remaining[kind].pop(0) for index, kind in sorted(streams) if remaining.get(kind)}
    return media.model_copy(
        update={
            "video": video.model_copy(update={"index": numbers[video.index]}),
            "audio": tuple(track.model_copy(update={"index": numbers[track.index]}) for track in media.audio),
            "others": tuple(
                other.model_copy(update={"index": numbers[other.index]})
                for other in media.others
                if other.index in numbers
            ),
        }
    )


def matching_video_index(source: Path, index: int, output: Path) -> int:
    """Return the stream index in `output` of the picture that has `index` in `source`; muxers may reorder streams."""
    number = _pictures(source).index(index)
    return _pictures(output)[number]


def _pictures(path: Path) -> tuple[int, ...]:
    """Return the indices of a film's picture streams; a film that is written to meanwhile is read again."""
    state = path.stat()
    return _read_pictures(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _read_pictures(path: Path, size_bytes: int, changed_ns: int) -> tuple[int, ...]:
    with open_input(path) as container:
        return tuple(stream.index for stream in container.streams.video)
