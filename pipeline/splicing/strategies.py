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
from . import encoders, smart_render, streamed_writer
from .container import is_boxed, not_written_anew, picture_place, suffix_of
from .feasibility import indexed, touched_frames
from .mp4.rewrite import NewSamples, carry, rewrite
from .mp4.sample_times import Grid, read_grid
from .mp4.writer import new_samples
from .not_applicable import Unsuited
from .packet_index import Index
from .pictures import frames, hdr
from .pictures.fields import fields, repeats_fields
from .pictures.frames import Insert
from .programs import Program, programs
from .reencode import encode
from .reencode import new_samples as samples_of
from .remux import remux_argv, told_of
from .verification.picture_diff import Likeness, around, figures_of
from .verification.strict_decode import WHOLE, stretches

NOT_BOXED = "only MP4 and MOV can be edited in place"


@dataclass(frozen=True)
class Job:
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
        return picture_place(self.media)

    @property
    def suffix(self) -> str:
        """What the film's files are called at their end."""
        return suffix_of(self.media)

    @cached_property
    def programs(self) -> list[Program]:
        """Ask once which programs the film has: transport streams have them."""
        transport = self.media.container.split(",")[0] == "mpegts"
        return programs(self.context, self.ffmpeg, self.source) if transport else []


@dataclass(frozen=True)
class Made:
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
    strict: tuple[range, ...] = WHOLE
    """The shown frames that are to be decoded strictly."""


def _grid(job: Job) -> Grid:
    if not is_boxed(job.media):
        raise Unsuited(f"{job.suffix} files have no sample tables")
    return read_grid(job.source, job.video.timestamps.array, job.place)


def exact_way(job: Job) -> Made:
    """Encode only the edits and their partial GOPs, and copy every other packet."""
    index = indexed(job.source, job.media)
    planned = smart_render.plan(job.source, job.video, index, job.inserts)
    encoded = sum(one.end - one.first for one in planned.windows)
    pieces = smart_render.coded(job.source, job.video, index, planned, job.context.temp_path, _share(job, encoded))
    made = job.context.temp_path("film" + job.suffix)
    if index.grid.track is not None:
        pictures = new_samples(job.source, index, planned.coder, pieces)
        figures = carry(job.source, made, [*pictures, *job.sound], in_place=job.in_place)
    else:
        _streamed(job, made, index, planned, pieces)
        figures = {"in_place": False, "in_place_reason": NOT_BOXED} if job.in_place else {}
    return _checked(job, made, index, planned, encoded, figures)


def _streamed(
    job: Job, made: Path, index: Index, planned: smart_render.Plan, pieces: Sequence[smart_render.Piece]
) -> None:
    pictures = job.context.temp_path("pictures" + job.suffix)
    try:
        streamed_writer.write(job.source, pictures, job.video, index, planned.coder, pieces)
    except Unsuited:
        if pictures.suffix == ".mov":
            raise
        # Not every codec that a container may hold can be written into it alone; a MOV takes nearly all.
        pictures = job.context.temp_path("pictures.mov")
        streamed_writer.write(job.source, pictures, job.video, index, planned.coder, pieces)
    _mux(job, pictures, made, same_codec=True)


def _mux(job: Job, pictures: Path, made: Path, *, same_codec: bool) -> None:
    """Put pictures beside all the film's other streams."""
    told = told_of(job.source, job.video.index, tagged=same_codec)
    try:
        job.context.run_tool(remux_argv(job.ffmpeg, job.source, pictures, made, job.media, told, job.programs))
    except ToolFailed as error:
        raise Unsuited(f"{job.suffix} files do not take the film's streams anew: {error.message}") from error


def _checked(
    job: Job, made: Path, index: Index, planned: smart_render.Plan, encoded: int, written: dict[str, Any]
) -> Made:
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
        **figures_of(found, interlaced=job.video.interlaced),
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
    with_sound, strict = bool(job.sound) and grid.track is not None, stretches(grid, windows)
    return Made(made, "exact", encoded, notes, untouched, fault, metrics=figures, sounded=with_sound, strict=strict)


def _around(job: Job, made: Path, windows: Sequence[range]) -> list[Likeness]:
    times = job.video.timestamps.array
    return [
        around(job.source, made, job.video.index, job.inserts, times, windows, place) for place in range(len(windows))
    ]


def boxed_way(job: Job) -> Made:
    """Encode all stored pictures and put them into the source's own boxes (MP4 and MOV)."""
    grid = _grid(job)
    choice, lost = _choice(job, grid.reorder)
    coded = job.context.temp_path("pictures" + (".mov" if job.suffix == ".mov" else ".mp4"))
    count = encode(_stored(job, grid), coded, job.video, choice, _share(job, grid.samples.count))
    if count != grid.samples.count:
        raise Unsuited(f"{grid.samples.count} pictures are stored, but {count} decode")
    made = job.context.temp_path("film" + job.suffix)
    rewrite(job.source, made, [samples_of(grid, coded), *job.sound])
    notes = (*_codec_notes(job, choice), *lost)
    return Made(made, "reencoded-picture", count, notes, sounded=bool(job.sound))


def _stored(job: Job, grid: Grid) -> Iterator[tuple[VideoFrame, int]]:
    """Give every stored picture, the shown ones of the spans replaced, numbered in showing order."""
    plates = frames.decoded(job.source, job.video.index, options=frames.AS_STORED)
    for shown, frame in frames.merged(plates, job.inserts, -grid.hidden):
        yield frame, shown + grid.hidden


def remuxed_way(job: Job) -> Made:
    """Encode all shown pictures and mux them beside the other streams."""
    refused = not_written_anew(job.media)
    if refused:
        raise Unsuited(refused)
    choice, lost = _choice(job, 0)
    times = job.video.timestamps.array
    coded = job.context.temp_path("pictures.nut")

    def shown() -> Iterator[tuple[VideoFrame, int]]:
        for index, frame in frames.merged(frames.decoded(job.source, job.video.index), job.inserts):
            if index >= len(times):
                raise Unsuited(f"{len(times)} frames are promised, but more decode")
            yield frame, index

    count = encode(shown(), coded, job.video, choice, _share(job, len(times)), times)
    if count != len(times):
        raise Unsuited(f"{len(times)} frames are promised, but {count} decode")
    made = job.context.temp_path("film" + job.suffix)
    _mux(job, coded, made, same_codec=False)
    return Made(made, "reencoded-picture", count, (*_codec_notes(job, choice), *lost))


def _choice(job: Job, reorder: int) -> tuple[encoders.Choice, tuple[str, ...]]:
    """Choose an encoder that carries the source's static HDR description; say what of it is lost."""
    with closing(frames.decoded(job.source, job.video.index)) as plates:
        first = next(plates, None)
    if first is None:
        raise InputMediaError("the picture stream gives no frames")
    choice = encoders.choose(job.video, reorder, job.suffix, fields(first), finer=job.finer)
    names = [*hdr.lost_with(choice, first)]
    if job.video.codec == "mpeg2video" and repeats_fields(job.source, job.video.index):
        names.append("what fields are shown twice (2:3 pulldown)")
    lost = tuple(f"{name} could not be carried over" for name in names)
    return hdr.with_static(choice, first), lost


def _codec_notes(job: Job, choice: encoders.Choice) -> tuple[str, ...]:
    notes = []
    if not choice.same_codec:
        notes.append(f"{job.video.codec} has no encoder here: the pictures are now {choice.encoder}")
    if choice.pix_fmt != job.video.pix_fmt:
        notes.append(f"the pixel format changed from {job.video.pix_fmt} to {choice.pix_fmt}")
    return tuple(notes)


def _share(job: Job, total: int) -> Any:
    def each(count: int) -> None:
        if count % 8 == 0:
            job.context.progress(min(count / max(total, 1), 1) * 0.9)

    return each
