"""Build a turnover from a finished film and its takes: a clip with handles, timecode and reel for each segment.

The files of a turnover in a folder: clips and timelines, all of one version.

The version is the first one that is free or already contains exactly this turnover, so that nothing is overwritten and
the same turnover is not delivered twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count, groupby
from pathlib import Path, PurePath
from typing import Any, Literal

import ffmpeg

from ...core.errors import InputMediaError, ToolFailed
from ...core.file import File
from ...core.nodes.node import NodeContext
from ...core.times import Moment, timecode_of_day
from ...core.values import Media, Segment, Take, Turnover, TurnoverClip, VideoStream
from ...media.frames.color import full_color, is_rgb
from ...media.frames.decode import exact_frames
from ...media.probe import probe_path, require_video
from ...media.timing.clock import timecode_clock
from ...media.timing.edit_spans import handle_frames
from ...media.tools.ffmpeg import ffmpeg_path
from ...media.transcode import add_orientation
from ...media.trim import container_time_s, select_frames, write_tracks
from ...splicing.container import is_mp4
from ...splicing.encoders import EncoderSettings, choose_encoder, color_options
from ...splicing.pictures.fields import field_order
from .layout import REQUEST_FIELDS, build_layout, clip_name, portable_name, timeline_name, unique_name
from .originals import read_reel
from .timeline_writers import format_edl, format_fcpxml, format_otio, require_opentimelineio

_KINDS = {
    "avid": ("edl",),
    "final-cut": ("fcpxml",),
    "premiere": ("otio", "edl"),
    "resolve": ("otio", "fcpxml", "edl"),
}
"""The formats that each editing system reads best."""


def format_timelines(turnover: Turnover, folder: Path, version: int) -> dict[str, str]:
    """Format every timeline of a turnover: file name → text."""
    layout = build_layout(turnover, folder, version)
    texts: dict[str, str] = {}
    for dialect in turnover.dialects:
        for kind in _KINDS[dialect]:
            name = timeline_name(turnover.title, dialect, kind, version)
            if kind == "otio":
                texts[name] = format_otio(layout)
            else:
                texts[name] = format_edl(layout, dialect) if kind == "edl" else format_fcpxml(layout, dialect)
    return texts


def next_version(turnover: Turnover, folder: Path, is_same: Callable[[File, Path], bool]) -> int:
    """Return the version of a turnover in a folder; `is_same` checks whether a path has the content of a file."""
    return next(version for version in count(1) if _is_free(turnover, folder, version, is_same))


def clip_targets(turnover: Turnover, folder: Path, version: int) -> Iterator[tuple[File, Path]]:
    """Yield every clip with its target path."""
    for clip in turnover.clips:
        yield clip.file, folder / clip_name(clip, version)


def _is_free(turnover: Turnover, folder: Path, version: int, is_same: Callable[[File, Path], bool]) -> bool:
    for file, target in clip_targets(turnover, folder, version):
        if os.path.lexists(target) and not is_same(file, target):
            return False
    for name, text in format_timelines(turnover, folder, version).items():
        target = folder / name
        if os.path.lexists(target) and not _has_text(target, text):
            return False
    return True


def _has_text(target: Path, text: str) -> bool:
    try:
        return target.is_file() and target.read_bytes() == text.encode()
    except OSError:  # an unreadable file is not ours
        return False


VARIABLE_RATE = (
    "the film's frame rate varies, which timecode cannot count, so a timeline would drift; "
    "convert it to a constant rate first, or leave out the timeline step"
)


def build_turnover(
    context: NodeContext,
    film: Media,
    takes: Sequence[Take],
    *,
    source_path: str,
    codec: ClipCodec,
    handles: Moment,
    dialects: tuple[str, ...],
    reel: str,
) -> Turnover:
    """Cut one clip per edit, and collect the data of the timelines; the segments of one edit become one clip.

    Raises:
        InputMediaError: the film's rate varies.
        MissingExtra: opentimelineio is not installed.
    """
    require_opentimelineio()
    check_countable(film)
    used = sorted((take for take in takes if take.status == "done"), key=lambda take: take.segment.start_frame)
    source = used[0].segment.source if used else film
    title = portable_name(PurePath(source_path).stem)
    reel = reel or read_reel(context.path(source.file)) or title
    edits = [list(parts) for _, parts in groupby(used, key=lambda take: take.segment.edit_span)]
    clips: list[TurnoverClip] = []
    for done, parts in enumerate(edits):
        context.progress(done / len(edits))
        name = unique_name(_name(parts[0].segment, len(parts), title), [clip.name for clip in clips])
        clips.append(_clip(context, film, parts, name, codec, handles, reel))
    return Turnover(
        title=title, source=source, source_path=source_path, reel=reel, dialects=dialects, clips=tuple(clips)
    )


def check_countable(film: Media) -> None:
    """Refuse a film of variable frame rate, which timecode cannot count.

    Raises:
        InputMediaError: its frame rate varies.
    """
    if not require_video(film).constant_rate:
        raise InputMediaError(VARIABLE_RATE)


def _clip(
    context: NodeContext, film: Media, parts: Sequence[Take], name: str, codec: ClipCodec, handles: Moment, reel: str
) -> TurnoverClip:
    first, (start, end) = parts[0], parts[0].segment.edit_span
    handle = handle_frames(film, handles)
    head, tail = min(handle, start), min(handle, require_video(film).frame_count - end)
    rate, drop, label = timecode_clock(first.segment.source)
    timecode = str(timecode_of_day(label + start - head, rate, drop=drop))
    file = cut_clip(context, film, (start - head, end + tail), codec, timecode, reel)
    request = {name: first.request[name] for name in REQUEST_FIELDS if name in first.request}
    return TurnoverClip(
        name=name,
        file=file,
        start_frame=start,
        end_frame=end,
        head_frames=head,
        tail_frames=tail,
        changes_sound=first.segment.edit.changes_sound,
        about={
            **request,
            "provider": first.provider,
            "request_id": " ".join(part.request_id for part in parts).strip(),
            "cost_usd": round(sum(part.cost_usd for part in parts), 6),
        },
    )


def _name(segment: Segment, parts: int, title: str) -> str:
    """Return the edit's name, or a name from the film and the segment if the edit has none."""
    if segment.edit.name:
        return segment.edit.name
    edit_name = segment.name.rpartition("-")[0] if parts > 1 else segment.name
    return f"{title}_{edit_name}"


ClipCodec = Literal["prores", "source"]
_PCM_CODEC = "pcm_s24le"


def cut_clip(
    context: NodeContext, film: Media, span: tuple[int, int], codec: ClipCodec, timecode: str, reel: str
) -> File:
    """Write the frames [first, end) of a film as an upright clip with every audio track.

    Args:
        context: where the clip is written.
        film: the finished film.
        span: the frames [first, end).
        codec: `prores` for a MOV with ProRes 422 HQ or 4444 and PCM; `source` for the film's own codec.
        timecode: the label of the first frame.
        reel: the reel name.

    Raises:
        ToolFailed: ffmpeg fails, or writes another number of frames.
    """
    video, path = require_video(film), context.path(film.file)
    boxed = codec == "source" and is_mp4(film) and film.file.suffix == ".mp4"
    output = context.temp_path("clip.mp4" if boxed else "clip.mov")
    tracks = write_tracks(context, path, film, *span)
    ((_, first),) = exact_frames(path, video, span[0], span[0] + 1)
    choice = _prores(video) if codec == "prores" else choose_encoder(video, 0, output.suffix, field_order(first))
    duration_s = float(container_time_s(video, span[1]) - container_time_s(video, span[0]))
    for seek in (True, False):  # some files cannot seek; decoding from the start is slow but always correct
        picture = select_frames(path, film, span, seek=seek)
        context.run_tool(_argv(picture, film, choice, tracks, output, timecode, reel), duration_s=duration_s)
        count = require_video(probe_path(output)).frame_count
        if count == span[1] - span[0]:
            return context.store(output)
    raise ToolFailed(f"ffmpeg wrote {count} frames of the clip, not {span[1] - span[0]}")


def _prores(video: VideoStream) -> EncoderSettings:
    full_chroma = "444" in video.pix_fmt or video.pix_fmt.startswith(("gbr", "rgb"))
    pix_fmt, profile = ("yuv444p10le", "4") if full_chroma else ("yuv422p10le", "3")
    flags = {"flags": "+ildct+ilme"} if video.interlaced else {}
    return EncoderSettings("prores_ks", pix_fmt, {"profile:v": profile, "vendor": "apl0", **flags})


def _in_video_levels(picture: Any, video: VideoStream) -> Any:
    """Convert to limited range, and what is in red, green and blue by the matrix of bt709."""
    scale = {"in_range": "full", "out_range": "limited"} if full_color(video).range == "pc" else {}
    if is_rgb(video.pix_fmt):
        scale["out_color_matrix"] = "bt709"
    if video.interlaced:
        scale["interl"] = "1"  # else the chroma of the two fields is mixed
    return picture.filter("scale", flags="lanczos+accurate_rnd+full_chroma_int", **scale)


def _argv(
    picture: Any, film: Media, choice: EncoderSettings, tracks: list[Path], output: Path, timecode: str, reel: str
) -> list[str]:
    video = require_video(film)
    if choice.encoder == "prores_ks":
        picture = _in_video_levels(picture, video)
    picture = add_orientation(picture.filter("format", choice.pix_fmt), video)
    # Matroska rounds timestamps to milliseconds, so an editing system would see another rate.
    picture = picture.filter("setpts", f"N/({video.rate}*TB)")
    if video.rotation_deg or video.mirrored:
        picture = picture.filter("sidedata", mode="delete", type="DISPLAYMATRIX")
    tags = color_options(video, choice.pix_fmt)
    if choice.encoder == "prores_ks":
        tags["color_range"] = "tv"
    options: dict[str, Any] = {
        "c:v": choice.encoder,
        **choice.options,
        **tags,
        "pix_fmt": choice.pix_fmt,
        "threads": "4",
        "c:a": _PCM_CODEC if output.suffix == ".mov" else "aac",
        "fps_mode": "passthrough",
        "enc_time_base:v": f"{1 / video.rate}",  # video only: it would coarsen the audio timestamps, too
        "video_track_timescale": str(video.rate.numerator if video.rate.denominator > 1 else int(video.rate) * 100),
        "timecode": timecode,
        "metadata:s:v:0": f"reel_name={reel}",
        "map_metadata": "-1",
        "movflags": "+faststart+write_colr",
        "fflags": "+bitexact",
        "flags:a": "+bitexact",
    }
    if choice.bit_rate:
        options["b:v"] = str(choice.bit_rate)
    if output.suffix == ".mp4":
        options["b:a"] = "320k"
    for index, track in enumerate(film.audio):
        track_tags = {"language": track.language, "title": track.title}
        if tagged := [f"{name}={value}" for name, value in track_tags.items() if value]:
            options[f"metadata:s:a:{index}"] = tagged
    audio = [ffmpeg.input(f"file:{track}")["a:0"] for track in tracks]
    argv: list[str] = (
        ffmpeg.output(picture, *audio, f"file:{output}", **options).overwrite_output().compile(cmd=ffmpeg_path())
    )
    return argv
