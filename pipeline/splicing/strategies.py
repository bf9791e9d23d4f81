"""The ways of putting takes into a film, the best first; film.py takes the first whose result passes its checks.

Takes   a `Job`.
Gives   `Made`: a film that is not checked yet, and what is to be said of it.
Raises  Unsuited with the reason where a way cannot be taken; BadInput where the source cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from ..core.errors import InputMediaError, ToolFailed
from ..core.node import NodeContext
from ..core.values import Media, Take, VideoStream
from ..media.decode import decode_frames
from . import encoders, smart_render, streamed_writer
from .codecs import hdr
from .container import container_suffix, is_mp4, remux_refusal, video_track_number
from .feasibility import index_film, touched_frames
from .mp4.rewrite import NewSamples, rewrite, write_film
from .mp4.sample_times import FrameGrid, read_frame_grid
from .not_applicable import NotApplicable
from .packet_index import PacketIndex
from .pictures import frames
from .pictures.fields import field_order, has_repeated_fields
from .pictures.frames import Insert
from .programs import Program, read_programs
from .reencode import encode
from .reencode import place_in_slots as samples_of
from .remux import picture_options, remux_argv
from .smart_render import place_in_slots
from .verification.picture_diff import PictureDiff, compare_around, diff_metrics
from .verification.strict_decode import ALL_FRAMES, ranges_to_decode

ONLY_MP4_IN_PLACE = "only MP4 and MOV can be edited in place"


@dataclass(frozen=True)
class SpliceJob:
    """What every way needs."""

    context: NodeContext
    ffmpeg: str
    media: Media
    video: VideoStream
    source: Path
    inserts: tuple[Insert, ...]
    takes: tuple[Take, ...]
    in_place: bool = False
    """Whether a copy of the film is to be edited where it lies, rather than written anew."""
    sound: tuple[NewSamples, ...] = ()
    """New packets of the dialogue track that go in together with the pictures."""
    finer: bool = False
    """Whether a whole picture is coded finer than usual, since it did not look alike."""

    @property
    def place(self) -> int:
        """The picture's place among the file's picture tracks."""
        return video_track_number(self.media)

    @property
    def suffix(self) -> str:
        """What the film's files are called at their end."""
        return container_suffix(self.media)

    @cached_property
    def programs(self) -> list[Program]:
        """Ask once which programs the film has: transport streams have them."""
        transport = self.media.container.split(",")[0] == "mpegts"
        return read_programs(self.context, self.ffmpeg, self.source) if transport else []


@dataclass(frozen=True)
class UncheckedFilm:
    """What one way gave, before it is checked."""

    path: Path
    way: str
    encoded: int
    notes: tuple[str, ...] = ()
    untouched: Callable[[int], bool] | None = None
    fault: str = ""
    lines: int = 0
    """How many lines of dialogue are new."""
    metrics: dict[str, Any] = field(default_factory=dict)
    sounded: bool = False
    """Whether the new packets of the dialogue track are in it."""
    strict: tuple[range, ...] = ALL_FRAMES
    """The shown frames that are to be decoded strictly."""


def _grid(job: SpliceJob) -> FrameGrid:
    if not is_mp4(job.media):
        raise NotApplicable(f"{job.suffix} files have no sample tables")
    return read_frame_grid(job.source, job.video.timestamps.array, job.place)


def smart_render(job: SpliceJob) -> UncheckedFilm:
    """Encode only the edits and their partial GOPs, and copy every other packet."""
    index = index_film(job.source, job.media)
    planned = smart_render.plan_render(job.source, job.video, index, job.inserts)
    encoded = sum(one.end - one.first for one in planned.windows)
    pieces = smart_render.encode_ranges(job.source, job.video, index, planned, job.context.temp_path, _share(job, encoded))
    made = job.context.temp_path("film" + job.suffix)
    if index.grid.track is not None:
        pictures = place_in_slots(job.source, index, planned.coder, pieces)
        figures = write_film(job.source, made, [*pictures, *job.sound], in_place=job.in_place)
    else:
        _streamed(job, made, index, planned, pieces)
        figures = {"in_place": False, "in_place_reason": ONLY_MP4_IN_PLACE} if job.in_place else {}
    return _checked(job, made, index, planned, encoded, figures)


def _streamed(
    job: SpliceJob, made: Path, index: PacketIndex, planned: smart_render.RenderPlan, pieces: Sequence[smart_render.EncodedRange]
) -> None:
    pictures = job.context.temp_path("pictures" + job.suffix)
    try:
        streamed_writer.write_packets(job.source, pictures, job.video, index, planned.coder, pieces)
    except NotApplicable:
        if pictures.suffix == ".mov":
            raise
        # Not every codec that a container may hold can be written into it alone; a MOV takes nearly all.
        pictures = job.context.temp_path("pictures.mov")
        streamed_writer.write_packets(job.source, pictures, job.video, index, planned.coder, pieces)
    _mux(job, pictures, made, same_codec=True)


def _mux(job: SpliceJob, pictures: Path, made: Path, *, same_codec: bool) -> None:
    """Put pictures beside all the film's other streams."""
    told = picture_options(job.source, job.video.index, tagged=same_codec)
    try:
        job.context.run_tool(remux_argv(job.ffmpeg, job.source, pictures, made, job.media, told, job.programs))
    except ToolFailed as error:
        raise NotApplicable(f"{job.suffix} files do not take the film's streams anew: {error.message}") from error


def _checked(
    job: SpliceJob, made: Path, index: PacketIndex, planned: smart_render.RenderPlan, encoded: int, written: dict[str, Any]
) -> UncheckedFilm:
    """Decode around every window, and say which packets are not the source's."""
    grid, windows = index.grid, planned.windows
    spans = [(int(grid.shown[one.first]) + grid.shift, int(grid.shown[one.end - 1]) + grid.shift) for one in windows]
    patched = {int(grid.samples.pts[one.patched]) + grid.shift for one in windows if one.patched is not None}

    def untouched(pts: int) -> bool:
        return pts not in patched and not any(first <= pts <= last for first, last in spans)

    found = _around(job, made, [range(one.first - grid.hidden, one.end - grid.hidden) for one in windows])
    edited = touched_frames([(insert.start, insert.end) for insert in job.inserts])
    figures = {
        "twin": planned.coder.twin,
        "windows": len(windows),
        "border_packets": encoded - edited,
        "relinked_packets": len(patched),
        **diff_metrics(found, interlaced=job.video.interlaced),
        **written,
    }
    lost = sorted({*planned.lost, *(name for one in found for name in one.lost)})
    fault = next((one.fault for one in found if one.fault), "")
    notes = tuple(f"{name} could not be carried over in the edits" for name in lost)
    if written.get("index_moved"):
        notes = (
            *notes,
            "edited in place: the film's index is at its end now, and a player on the web asks for it first",
        )
    with_sound, strict = bool(job.sound) and grid.track is not None, ranges_to_decode(grid, windows)
    return UncheckedFilm(made, "exact", encoded, notes, untouched, fault, metrics=figures, sounded=with_sound, strict=strict)


def _around(job: SpliceJob, made: Path, windows: Sequence[range]) -> list[PictureDiff]:
    times = job.video.timestamps.array
    return [
        compare_around(job.source, made, job.video.index, job.inserts, times, windows, place) for place in range(len(windows))
    ]


def reencode_in_mp4(job: SpliceJob) -> UncheckedFilm:
    """Encode all stored pictures and put them into the source's own boxes (MP4 and MOV)."""
    grid = _grid(job)
    choice, lost = _choice(job, grid.reorder)
    coded = job.context.temp_path("pictures" + (".mov" if job.suffix == ".mov" else ".mp4"))
    count = encode(_stored(job, grid), coded, job.video, choice, _share(job, grid.samples.count))
    if count != grid.samples.count:
        raise NotApplicable(f"{grid.samples.count} pictures are stored, but {count} decode")
    made = job.context.temp_path("film" + job.suffix)
    rewrite(job.source, made, [samples_of(grid, coded), *job.sound])
    notes = (*_codec_notes(job, choice), *lost)
    return UncheckedFilm(made, "reencoded-picture", count, notes, sounded=bool(job.sound))


def _stored(job: SpliceJob, grid: FrameGrid) -> Iterator[tuple[VideoFrame, int]]:
    """Give every stored picture, the shown ones of the spans replaced, numbered in showing order."""
    plates = decode_frames(job.source, job.video.index, options=frames.IGNORE_EDIT_LIST)
    for shown, frame in frames.with_inserts(plates, job.inserts, -grid.hidden):
        yield frame, shown + grid.hidden


def reencode_and_remux(job: SpliceJob) -> UncheckedFilm:
    """Encode all shown pictures and mux them beside the other streams."""
    refused = remux_refusal(job.media)
    if refused:
        raise NotApplicable(refused)
    choice, lost = _choice(job, 0)
    times = job.video.timestamps.array
    coded = job.context.temp_path("pictures.nut")

    def shown() -> Iterator[tuple[VideoFrame, int]]:
        for index, frame in frames.with_inserts(decode_frames(job.source, job.video.index), job.inserts):
            if index >= len(times):
                raise NotApplicable(f"{len(times)} frames are promised, but more decode")
            yield frame, index

    count = encode(shown(), coded, job.video, choice, _share(job, len(times)), times)
    if count != len(times):
        raise NotApplicable(f"{len(times)} frames are promised, but {count} decode")
    made = job.context.temp_path("film" + job.suffix)
    _mux(job, coded, made, same_codec=False)
    return UncheckedFilm(made, "reencoded-picture", count, (*_codec_notes(job, choice), *lost))


def _choice(job: SpliceJob, reorder: int) -> tuple[encoders.EncoderSettings, tuple[str, ...]]:
    """Choose an encoder that carries the source's static HDR description; say what of it is lost."""
    with closing(decode_frames(job.source, job.video.index)) as plates:
        first = next(plates, None)
    if first is None:
        raise InputMediaError("the picture stream gives no frames")
    choice = encoders.choose_encoder(job.video, reorder, job.suffix, field_order(first), finer=job.finer)
    names = [*hdr.lost_hdr(choice, first)]
    if job.video.codec == "mpeg2video" and has_repeated_fields(job.source, job.video.index):
        names.append("what fields are shown twice (2:3 pulldown)")
    lost = tuple(f"{name} could not be carried over" for name in names)
    return hdr.with_static_hdr(choice, first), lost


def _codec_notes(job: SpliceJob, choice: encoders.EncoderSettings) -> tuple[str, ...]:
    notes = []
    if not choice.same_codec:
        notes.append(f"{job.video.codec} has no encoder here: the pictures are now {choice.encoder}")
    if choice.pix_fmt != job.video.pix_fmt:
        notes.append(f"the pixel format changed from {job.video.pix_fmt} to {choice.pix_fmt}")
    return tuple(notes)


def _share(job: SpliceJob, total: int) -> Any:
    def each(count: int) -> None:
        if count % 8 == 0:
            job.context.progress(min(count / max(total, 1), 1) * 0.9)

    return each
