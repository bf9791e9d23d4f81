"""Put takes back into a film: choose the way, take it, check the result, or take the next best way.

Takes   a source, the takes' frames as `Insert`s, and perhaps new sound.
Gives   `Film`: a checked file, its figures and what the user should hear.
Raises  ToolFailed where no way gives a result that passes the checks; BadInput where the source has no frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from ..errors import BadInput, ToolFailed
from ..file import File
from ..kinds import Media, Take, VideoStream
from ..node import Room
from . import encoders, exact, frames, hdr, sound, verify
from .boxes import Unsuited
from .frames import Insert
from .grid import Grid, read_grid
from .lines import Line
from .reencode import encode, new_samples
from .remux import remux_argv, stream_indices
from .surgery import rewrite

_BOXED = (".mp4", ".mov", ".m4v", ".3gp", ".qt")
_WHOLE_DECODE_S = 180
_SEAM_FRAMES = 24


@dataclass(frozen=True)
class Film:
    """A finished film in the room's own folder, not yet kept."""

    path: Path
    figures: dict[str, Any]
    said: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    room: Room
    ffmpeg: str
    media: Media
    video: VideoStream
    source: Path
    inserts: tuple[Insert, ...]
    takes: tuple[Take, ...]

    @property
    def place(self) -> int:
        """The picture's place among the file's picture tracks."""
        return sum(other.kind == "video" and other.index < self.video.index for other in self.media.others)

    def span(self) -> list[str]:
        """Spell the part of the film that is decoded strictly: all of it, unless it is long."""
        if self.media.duration_s <= _WHOLE_DECODE_S:
            return []
        times = self.video.timestamps.array
        first, last = min(i.start for i in self.inserts), max(i.end for i in self.inserts)
        start = float(times[max(first - 300, 0)] * self.video.time_base - self.media.start_s)
        end = float(times[min(last + 300, len(times) - 1)] * self.video.time_base - self.media.start_s)
        return ["-ss", f"{max(start, 0):.6f}", "-to", f"{end:.6f}"]


def splice(room: Room, ffmpeg: str, media: Media, takes: Sequence[Take]) -> Film:
    """Replace the pictures of the takes' spans; every other stream is carried over.

    The takes (at least one) are conformed: each file holds one frame per source frame of its span and handles.
    """
    if media.video is None:
        raise BadInput("the source has no picture to splice into")
    job = _Job(
        room,
        ffmpeg,
        media,
        media.video,
        room.path(media.file),
        tuple(_insert(room, take) for take in takes),
        tuple(takes),
    )
    before = verify.read(job.source, media.video.index)
    reasons: list[str] = []
    for way in (_exact, _boxed, _remuxed):
        try:
            made = _with_lines(job, way(job))
        except Unsuited as unsuited:
            reasons.append(str(unsuited))
            continue
        checked = verify.compare(
            before, verify.read(made.path, media.video.index), new_sound=bool(made.lines), untouched=made.untouched
        )
        fault = checked.fault or made.fault or _strict_fault(job, made.path)
        if not fault:
            return _finished(job, made, checked, reasons)
        reasons.append(fault)
    raise ToolFailed(f"no way of splicing gave a film that passed its checks: {'; '.join(reasons)}")


@dataclass(frozen=True)
class _Made:
    """What one way gave, before it is checked."""

    path: Path
    way: str
    encoded: int
    notes: tuple[str, ...] = ()
    untouched: Callable[[int], bool] | None = None
    fault: str = ""
    lines: int = 0
    """How many lines of dialogue are new."""
    figures: dict[str, Any] = field(default_factory=dict)


def _insert(room: Room, take: Take) -> Insert:
    segment = take.segment
    return Insert(segment.start_frame, segment.end_frame, room.path(take.media.file), segment.head_frames)


def _with_lines(job: _Job, made: _Made) -> _Made:
    """Put the edits' new lines onto the dialogue track."""
    takes = [take for take in job.takes if take.segment.edit.replaces_sound]
    if not takes:
        return made
    if not job.media.audio:
        return replace(made, notes=(*made.notes, "the film has no sound track: the new line was left out"))
    lines = [_line(job, take) for take in takes]
    path = job.room.new("film" + job.media.file.suffix)
    try:
        count = sound.replace_packets(made.path, path, job.media, lines, job.room.new("line.aac"))
        figures = {**made.figures, "sound_way": "packets", "sound_packets": count}
        return replace(made, path=path, lines=len(lines), figures=figures)
    except Unsuited as unsuited:
        track = job.room.new("track.nut")
        sound.whole_track(made.path, track, job.media, lines)
        argv = sound.track_argv(job.ffmpeg, made.path, track, path, job.media, stream_indices(job.media))
        job.room.call(argv)
        note = f"the dialogue track was encoded again as a whole: {unsuited}"
        figures = {**made.figures, "sound_way": "whole-track"}
        return replace(made, path=path, lines=len(lines), notes=(*made.notes, note), figures=figures)


def _line(job: _Job, take: Take) -> Line:
    segment, times, base = take.segment, job.video.timestamps, job.video.time_base
    file = segment.edit.audio
    if not isinstance(file, File):
        raise BadInput(f"the new line of {segment.name} is an address that was not fetched: {file}")
    end = times.end if segment.end_frame >= times.count else int(times.array[segment.end_frame])
    rate = job.media.audio[0].sample_rate_hz
    start = round(int(times.array[segment.start_frame]) * base * rate)
    return Line(start, round(end * base * rate), job.room.path(file))


def _finished(job: _Job, made: _Made, checked: verify.Checked, reasons: Sequence[str]) -> Film:
    reason = reasons[0] if reasons else ""
    figures = {
        "way": made.way,
        "reason": reason,
        "copied_packets": checked.figures["packets"] - made.encoded,
        "encoded_packets": made.encoded,
        **made.figures,
        **checked.figures,
        "frames": job.video.frame_count,
        "strict_decode": True,
    }
    said = list(made.notes)
    if made.way == "reencoded-picture":
        said.insert(0, f"the whole picture stream was encoded again, visually lossless: {reason}")
    if checked.lost:
        said.append("could not be carried over: " + ", ".join(checked.lost))
    return Film(made.path, figures, tuple(said))


def _strict_fault(job: _Job, made: Path) -> str:
    assert job.media.video is not None
    index, span = job.media.video.index, job.span()
    found = verify.strict_errors(job.room.call, job.ffmpeg, made, index, span)
    if not found:
        return ""
    known = set(verify.strict_errors(job.room.call, job.ffmpeg, job.source, index, span))
    fresh = [line for line in found if line not in known]
    return f"a strict decode says: {fresh[0]}" if fresh else ""


def _grid(job: _Job) -> Grid:
    if job.media.file.suffix not in _BOXED:
        raise Unsuited(f"{job.media.file.suffix} files have no sample tables")
    return read_grid(job.source, job.video.timestamps.array, job.place)


def _exact(job: _Job) -> _Made:
    """Encode only the edits and their partial GOPs, and copy every other packet."""
    grid = _grid(job)
    made = exact.splice(job.source, job.video, grid, job.inserts, job.room.new, _share(job, job.video.frame_count))
    spans = [
        (int(grid.shown[one.first]) + grid.shift, int(grid.shown[one.end - 1]) + grid.shift) for one in made.windows
    ]

    def touched(pts: int) -> bool:
        return any(first <= pts <= last for first, last in spans)

    encoded = sum(one.end - one.first for one in made.windows)
    edited = sum(one.end - one.start for one in job.inserts)
    return _Made(
        made.path,
        "exact",
        encoded,
        untouched=lambda pts: not touched(pts),
        fault=_seam_fault(job, made.path, spans, touched),
        figures={"twin": made.twin, "windows": len(made.windows), "border_packets": encoded - edited},
    )


def _seam_fault(job: _Job, made: Path, spans: Sequence[tuple[int, int]], touched: Callable[[int], bool]) -> str:
    """Decode around every window in both films; the frames outside must be the same pictures."""
    times = job.video.timestamps.array
    for first, last in spans:
        start = max(int(np.searchsorted(times, first)) - _SEAM_FRAMES, 0)
        end = min(int(np.searchsorted(times, last)) + _SEAM_FRAMES, len(times) - 1)
        stop = int(times[end]) + (end == len(times) - 1)
        fault = verify.pictures_differ(job.source, made, job.video.index, int(times[start]), stop, touched)
        if fault:
            return fault
    return ""


def _boxed(job: _Job) -> _Made:
    """Encode all stored pictures and put them into the source's own boxes (MP4 and MOV)."""
    grid = _grid(job)
    choice, lost = _choice(job, grid.reorder)
    coded = job.room.new("pictures" + (".mov" if job.media.file.suffix in (".mov", ".qt") else ".mp4"))
    count = encode(_stored(job, grid), coded, job.video, choice, _share(job, grid.samples.count))
    if count != grid.samples.count:
        raise Unsuited(f"{grid.samples.count} pictures are stored, but {count} decode")
    made = job.room.new("film" + job.media.file.suffix)
    rewrite(job.source, made, [new_samples(grid, coded)])
    return _Made(made, "reencoded-picture", count, (*_codec_notes(job, choice), *lost))


def _stored(job: _Job, grid: Grid) -> Iterator[tuple[VideoFrame, int]]:
    """Give every stored picture, the shown ones of the spans replaced, numbered in showing order."""
    plates = frames.decoded(job.source, job.video.index, options=frames.AS_STORED)
    for shown, frame in frames.merged(plates, job.inserts, -grid.hidden):
        yield frame, shown + grid.hidden


def _remuxed(job: _Job) -> _Made:
    """Encode all shown pictures and mux them beside the other streams."""
    suffix = job.media.file.suffix
    choice, lost = _choice(job, 0)
    times = job.video.timestamps.array
    coded = job.room.new("pictures.nut")

    def shown() -> Iterator[tuple[VideoFrame, int]]:
        for index, frame in frames.merged(frames.decoded(job.source, job.video.index), job.inserts):
            if index >= len(times):
                raise Unsuited(f"{len(times)} frames are promised, but more decode")
            yield frame, index

    count = encode(shown(), coded, job.video, choice, _share(job, len(times)), times)
    if count != len(times):
        raise Unsuited(f"{len(times)} frames are promised, but {count} decode")
    made = job.room.new("film" + suffix)
    job.room.call(remux_argv(job.ffmpeg, job.source, coded, made, job.media))
    return _Made(made, "reencoded-picture", count, (*_codec_notes(job, choice), *lost))


def _choice(job: _Job, reorder: int) -> tuple[encoders.Choice, tuple[str, ...]]:
    """Choose an encoder that carries the source's static HDR description; say what of it is lost."""
    choice = encoders.choose(job.video, reorder, job.media.file.suffix)
    with closing(frames.decoded(job.source, job.video.index)) as plates:
        first = next(plates, None)
    if first is None:
        raise BadInput("the picture stream gives no frames")
    lost = tuple(f"{name} could not be carried over" for name in hdr.dropped(first))
    return hdr.with_static(choice, first), lost


def _codec_notes(job: _Job, choice: encoders.Choice) -> tuple[str, ...]:
    notes = []
    if not choice.same_codec:
        notes.append(f"{job.video.codec} has no encoder here: the pictures are now {choice.encoder}")
    if choice.pix_fmt != job.video.pix_fmt:
        notes.append(f"the pixel format changed from {job.video.pix_fmt} to {choice.pix_fmt}")
    return tuple(notes)


def _share(job: _Job, total: int) -> Any:
    def each(count: int) -> None:
        if count % 8 == 0:
            job.room.progress(min(count / max(total, 1), 1) * 0.9)

    return each
