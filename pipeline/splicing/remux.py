"""Mux new pictures or sound with all other streams of a film, with ffmpeg and without re-encoding.

For containers that are not rewritten box by box: Matroska, WebM, MPEG-TS, MPEG-PS. Stream order, tags,
chapters, dispositions, colors and attachments come from the source; times are copied.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg as ffmpeg_args
from av.stream import Disposition

from ..core.values import Media, VideoStream
from ..media.frames.film_readers import open_input
from .container import PROGRAM_SUFFIXES, TRANSPORT_SUFFIXES, Program, drop_services, program_options
from .job import SpliceJob
from .matroska import MATROSKA_SUFFIXES, keep_description

_UNSPECIFIED = (0, 2)
"""Reserved or unspecified in H.273; as a matrix, 0 is RGB, which a re-encoded film may no longer be."""
_MP4_SUFFIXES = (".mp4", ".mov", ".m4v")
_FILE_TYPE = ("major_brand", "minor_version", "compatible_brands")
"""What a reader gives as tags of an MP4, and is none: its muxer writes its own file type."""
_OP_ATOM = ".0d010201.10"
_PACK_START = b"\0\0\1\xba"
_CLOCK_LEAD_S, _MOST_PRELOAD_S = 0.7, 0.5
"""The defaults of ffmpeg: how long before its decode time a packet is sent at most, and the first one."""
_FIRST_PACKETS = 100
"""Among which those of every stream with the first decode times are."""
_NO_STREAM = "9999?"
"""An optional stream that does not exist: the film stays the first input even if only its tags are used."""


def remux_argv(
    ffmpeg: str,
    source: Path,
    pictures: Path,
    output: Path,
    media: Media,
    copied: Sequence[int],
    options: Mapping[str, str],
    programs: Sequence[Program] = (),
    tags: Sequence[str] = (),
    covers: Sequence[Cover] = (),
) -> list[str]:
    """Build the ffmpeg command that replaces a film's picture, and copies its other streams among `copied`.

    `options` describe the picture as the source's container does, by ffmpeg's names; `tags` (`NAME=value`) replace its
    tags, an empty value removes one.
    """
    assert media.video is not None
    index = media.video.index
    picture = ffmpeg_args.input(f"file:{pictures}", **_rotation_options(media.video))["v:0"]
    more = {f"{key}:{copied.index(index)}": value for key, value in options.items()}
    if output.suffix in _MP4_SUFFIXES:
        more["video_track_timescale"] = str(media.video.time_base.denominator)
    argv = replace_streams_argv(ffmpeg, source, {index: picture}, output, copied, programs, more, covers)
    place = argv.index(f"file:{output}")
    words = [word for tag in tags for word in (f"-metadata:s:{copied.index(index)}", tag)]
    return argv[:place] + words + argv[place:]


@dataclass(frozen=True)
class Cover:
    """A picture that is attached to a film."""

    path: Path
    tags: dict[str, str]


def write_covers(film: Path, temp_path: Callable[[str], Path]) -> dict[int, Cover]:
    """Write the pictures that are attached to a film to files; return them by their streams' indices."""
    with open_input(film) as container:
        streams = [stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic]
        covers: dict[int, Cover] = {}
        # They come first, once each.
        for packet in container.demux(streams) if streams else ():
            if packet.size and packet.stream_index not in covers:
                path = temp_path("cover")
                path.write_bytes(bytes(packet))
                covers[packet.stream_index] = Cover(path, dict(container.streams[packet.stream_index].metadata))
            if len(covers) == len(streams):
                break
    return covers


def restore_description(job: SpliceJob, output: Path) -> None:
    """Restore what ffmpeg's muxers write differently from the film, in place."""
    if job.suffix in MATROSKA_SUFFIXES:
        keep_description(job.source, output)
    if job.suffix in TRANSPORT_SUFFIXES and not any(program.name or program.provider for program in job.programs):
        drop_services(output)


def replace_streams_argv(
    ffmpeg: str,
    film: Path,
    new: Mapping[int, Any],
    output: Path,
    copied: Sequence[int],
    programs: Sequence[Program],
    more: Mapping[str, str],
    covers: Sequence[Cover] = (),
) -> list[str]:
    """Build the ffmpeg command that copies the `copied` streams of a film, with `new` ones in their places.

    Args:
        ffmpeg: the executable.
        film: the source of tags, chapters and copied streams.
        new: ffmpeg-python streams by the index of the stream that they replace.
        output: the file to write.
        copied: stream indices of the film, in the order of the output.
        programs: of a transport stream.
        more: options of the output.
        covers: to attach; the muxer for Matroska would make tracks of their streams.
    """
    source = ffmpeg_args.input(f"file:{film}")
    streams = [new[index] if index in new else source[str(index)] for index in copied]
    options = {
        "c": "copy",
        "copyinkf": None,  # GStreamer marks no packet of sound as a keyframe
        "fflags": "+bitexact",
        "map_metadata": "0",
        "map_chapters": "0",
        **{f"map_metadata:s:{place}": f"0:s:{index}" for place, index in enumerate(copied)},
        **program_options(programs, {index: place for place, index in enumerate(copied)}),
        **_muxer_options(film, output.suffix),
        **_format_options(film, output.suffix),
        **more,
    }
    command = ffmpeg_args.output(source[_NO_STREAM], *streams, f"file:{output}", **options)
    command = command.global_args("-nostdin", "-v", "error", "-copyts", "-copy_unknown").overwrite_output()
    argv: list[str] = command.compile(cmd=ffmpeg)
    words = (
        [word for name in _FILE_TYPE for word in ("-metadata", f"{name}=")] if output.suffix in _MP4_SUFFIXES else []
    )
    for place, cover in enumerate(covers, len(copied)):
        words += ["-attach", f"file:{cover.path}"]
        words += [word for tag in cover.tags.items() for word in (f"-metadata:s:{place}", "=".join(tag))]
    end = argv.index(f"file:{output}")
    return argv[:end] + words + argv[end:]


def _format_options(film: Path, suffix: str) -> dict[str, str]:
    """Return the muxer by which an MXF keeps its operational pattern, and a program stream its version of MPEG.

    ffmpeg chooses by the suffix: OP1a for `.mxf`, and not OP-Atom, which Avid has; MPEG-1 for `.mpg`, a Super Video CD
    for `.vob`. Source: SMPTE ST 390 (the label of OP-Atom); ISO/IEC 13818-1, 2.5.3.4 (the first pack).
    """
    if suffix == ".mxf":
        with open_input(film) as container:
            pattern = container.metadata.get("operational_pattern_ul", "")
        return {"f": "mxf_opatom"} if _OP_ATOM in pattern else {}
    if suffix not in PROGRAM_SUFFIXES:
        return {}
    with film.open("rb") as stream:
        head = stream.read(5)
    if head[:4] != _PACK_START:
        return {}
    return {"f": "vob" if head[4] >> 6 == 1 else "mpeg"}


def _rotation_options(video: VideoStream) -> dict[str, str | None]:
    """Return how pictures are displayed; ffmpeg counts rotation counterclockwise, and flips after it."""
    if video.mirrored:
        return {"display_rotation": str(video.rotation_deg), "display_hflip": None}
    return {"display_rotation": str(-video.rotation_deg)} if video.rotation_deg else {}


def picture_options(path: Path, index: int, *, same_codec: bool = False, loses_rgb: bool = False) -> dict[str, str]:
    """Return a picture stream's flags and colors from its container; the bitstream may say otherwise, or nothing.

    With `same_codec` an HEVC tag that ffmpeg would not choose by itself is kept. If red, green and blue become luma and
    chroma (`loses_rgb`), the range is that of the new pictures.
    """
    with open_input(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, av.VideoStream)
        flags, context = stream.disposition, stream.codec_context
        options = {"tag": "hvc1"} if same_codec and context.codec_tag == "hvc1" else {}
        if stream.average_rate and container.format.name.startswith("matroska"):
            options["r"] = str(stream.average_rate)  # players take the duration of a frame from it
        if stream.sample_aspect_ratio and context.width and context.height:
            options["aspect"] = str(Fraction(context.width, context.height) * Fraction(stream.sample_aspect_ratio))
        options |= {"disposition": "+".join(flag.name for flag in Disposition if flag in flags and flag.name) or "0"}
        if context.color_range and not loses_rgb:
            options["color_range"] = str(int(context.color_range))
        for key in ("color_primaries", "color_trc", "colorspace"):
            value = int(getattr(context, key))
            if value not in _UNSPECIFIED:
                options[key] = str(value)
        return options


def stale_tags(source: Path, pictures: Path, video: VideoStream) -> list[str]:
    """Return the picture's tags of a Matroska file that no longer hold, as `NAME=value`, put right.

    These are the statistics that muxers leave there, and the mark of an alpha channel, which new pictures do not have.
    """
    with open_input(source) as container:
        names = list(container.streams[video.index].metadata)
    kinds = {name: name.partition("-")[0] for name in names if name.partition("-")[0] in ("BPS", "NUMBER_OF_BYTES")}
    tags = ["alpha_mode="] if "alpha_mode" in names else []
    if not kinds:
        return tags
    with open_input(pictures) as container:
        size_bytes = sum(packet.size for packet in container.demux(video=0))
    stamps = video.timestamps
    duration_s = (stamps.end - int(stamps.array[0])) * video.time_base
    values = {"BPS": round(size_bytes * 8 / duration_s), "NUMBER_OF_BYTES": size_bytes}
    return [*tags, *(f"{name}={values[kind]}" for name, kind in kinds.items())]


def stream_choices(media: Media, covers: Container[int] = ()) -> tuple[list[int], list[int]]:
    """Return the indices of a film's streams in order: of all, and for muxers that refuse data, of all but these.

    Streams of `covers`, which are attached again, are left out.
    """
    streams = [media.video, *media.audio, *media.others]
    indices = sorted(stream.index for stream in streams if stream is not None and stream.index not in covers)
    data = {other.index for other in media.others if other.kind == "data"}
    return indices, [index for index in indices if index not in data]


def _muxer_options(film: Path, suffix: str) -> dict[str, str]:
    """Return the options with which a muxer keeps times as they are."""
    options = {"avoid_negative_ts": "disabled"}
    if suffix in (*TRANSPORT_SUFFIXES, *PROGRAM_SUFFIXES):
        lead_s = _clock_lead_s(film)
        options |= {"muxdelay": f"{lead_s:.3f}", "muxpreload": f"{min(lead_s, _MOST_PRELOAD_S):.3f}"}
    if suffix in TRANSPORT_SUFFIXES:
        # A sound packet with others in front has no time of its own, but one that readers round.
        options |= {"mpegts_copyts": "1", "pes_payload_size": "0"}
    if suffix in _MP4_SUFFIXES:
        options["movflags"] = "use_metadata_tags"
    return options


def _clock_lead_s(film: Path) -> float:
    """Return by how much packets are sent before they are decoded: as ffmpeg does it, but not before the clock's zero.

    Without a lead, packets would arrive at a receiver after the time at which it needs them. Source: ISO/IEC 13818-1,
    2.4.2 and 2.5.2 (the system target decoders: a packet is complete at its decode time, and at most 1 s old).
    """
    with open_input(film) as container:
        packets = itertools.islice(container.demux(), _FIRST_PACKETS)
        times = [packet.dts * packet.time_base for packet in packets if packet.dts is not None]
    return min(_CLOCK_LEAD_S, max(0.0, float(min(times, default=0))))
