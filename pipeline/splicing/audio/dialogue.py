"""The new lines of a film's edits: where each lies on the dialogue track, how loud, and by which way it gets there.

Takes   a film whose pictures are done, and the takes' edits.
Gives   the film with its lines, or the same where no edit has one; what was done stands in its figures and notes.
Raises  ToolFailed where no muxer takes the new track; BadInput where a line was not fetched or holds no sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputMediaError, ToolFailed
from ...core.file import File
from ...core.values import Segment
from ...media.probe import probe
from ..container import is_mp4
from ..mp4.rewrite import rewrite
from ..not_applicable import NotApplicable
from ..remux import stream_indices
from ..strategies import SpliceJob, UncheckedFilm
from . import mp4_packets as sound
from . import pcm_in_place, reencode_track
from . import stream_packets as sound_streamed
from .border_checks import LONGEST_S, read_samples, sound_checks
from .lines import Line, Sound, joined
from .loudness_match import AROUND_S, Heard, Level, leveled
from .params import SoundParams


@dataclass(frozen=True)
class Planned:
    """The lines that a film gets, before any way of making it is tried."""

    lines: tuple[Line, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def plan(job: SpliceJob, params: SoundParams) -> Planned:
    """Place the edits' new lines, and choose how loud they stand; the same for every way of splicing."""
    runs = _runs([take.segment for take in job.takes if take.segment.edit.changes_sound])
    if runs and not job.media.audio:
        dropped = len({run[0].edit_span for run in runs})
        note = f"the film has no sound track: {dropped} new line{'s were' if dropped > 1 else ' was'} left out"
        return Planned(metrics={"lines_dropped": dropped}, notes=(note,))
    edits = {run[0].edit_span: run[0] for run in runs}
    levels = {span: _level(job, segment, params) for span, segment in edits.items()}
    lines = joined([_line(job, run, levels[run[0].edit_span], params) for run in runs])
    rows = [level.metrics for level in levels.values()]
    figures = {"sound_gain_db": max((row["gain_db"] for row in rows), key=abs), "sound_levels": rows} if rows else {}
    return Planned(tuple(lines), figures, tuple(note for level in levels.values() for note in level.notes))


def sounded(job: SpliceJob, planned: Planned) -> SpliceJob:
    """Code the lines' packets beforehand where they can go into the film together with its pictures."""
    if not planned.lines or not is_mp4(job.media):
        return job
    with suppress(NotApplicable):
        packets = sound.new_packets(job.source, job.media, planned.lines, job.context.temp_path("line.bin"))
        return replace(job, sound=tuple(packets))
    return job


def with_lines(job: SpliceJob, made: UncheckedFilm, planned: Planned) -> UncheckedFilm:
    """Put the edits' new lines onto the dialogue track, where they are not there yet."""
    made = replace(made, notes=(*made.notes, *planned.notes), metrics={**made.metrics, **planned.metrics})
    if not planned.lines:
        return made
    try:
        path, count = _packets(job, made, planned.lines)
        told: dict[str, Any] = {"sound_way": "packets", "sound_packets": count}
    except NotApplicable as unsuited:
        path = job.context.temp_path("film" + job.suffix)
        _whole_track(job, made.path, path, planned.lines)
        told = {"sound_way": "whole-track"}
        note = f"the dialogue track was encoded again as a whole: {unsuited}"
        made = replace(made, notes=(*made.notes, note))
    told |= sound_checks(job.context, path, job.source, job.media, planned.lines)
    return replace(made, path=path, lines=len(planned.lines), metrics={**made.metrics, **told})


def _packets(job: SpliceJob, given: UncheckedFilm, lines: Sequence[Line]) -> tuple[Path, int]:
    """Replace only what the lines touch; give the film and how many packets that are."""
    film, made = given.path, job.context.temp_path("film" + job.suffix)
    if given.sounded:
        return film, sum(one.end - one.first for one in job.sound)
    if job.media.audio[0].codec.startswith("pcm_"):
        return film, pcm_in_place.replace_samples(film, job.media, lines)
    if is_mp4(job.media):
        packets = sound.new_packets(film, job.media, lines, job.context.temp_path("line.bin"))
        rewrite(film, made, packets)
        return made, sum(one.end - one.first for one in packets)
    track = job.context.temp_path("track" + sound_streamed.track_suffix(job.media))
    count = sound_streamed.replace_packets(film, track, job.media, lines)
    _muxed(job, film, track, made, copied=True)
    sound_streamed.require_same(track, made)
    return made, count


def _whole_track(job: SpliceJob, film: Path, made: Path, lines: Sequence[Line]) -> None:
    """Code the dialogue track anew."""
    track = job.context.temp_path("track.nut")
    reencode_track.whole_track(film, track, job.media, lines)
    _muxed(job, film, track, made, copied=False)


def _muxed(job: SpliceJob, film: Path, track: Path, made: Path, *, copied: bool) -> None:
    """Put a track beside the other streams; data that the muxer refuses beside it is left out, which the checks say."""
    indices, data = stream_indices(job.media), {other.index for other in job.media.others if other.kind == "data"}
    for kept in (indices, [index for index in indices if index not in data]):
        with suppress(ToolFailed):
            job.context.run_tool(
                reencode_track.track_argv(job.ffmpeg, film, track, made, job.media, kept, job.programs, copied=copied)
            )
            return
    if copied:
        raise NotApplicable("the muxer does not take the sound packet by packet")
    raise ToolFailed(
        f"the new line cannot be put into the film's {job.media.audio[0].codec} sound: "
        "convert that track to AAC or PCM first, or leave it as it is with `audio_mix: keep`"
    )


def _runs(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Put the parts of one edit together where they abut, so that its line runs through them without a joint."""
    runs: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda one: one.start_frame):
        last = runs[-1][-1] if runs else None
        if last and last.edit_span == segment.edit_span and last.end_frame == segment.start_frame:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _line(job: SpliceJob, run: Sequence[Segment], level: Level, params: SoundParams) -> Line:
    """Place the line of an edit, or what of it belongs to these parts of the edit."""
    begins, start, end = (_sample(job, frame) for frame in (run[0].edit_span[0], run[0].start_frame, run[-1].end_frame))
    skip = start - begins
    dips = None if level.dips is None else level.dips[skip : skip + end - start]
    return replace(_whole_line(job, run[0], params), start=start, end=end, skip=skip, gain=level.gain, dips=dips)


def _whole_line(job: SpliceJob, segment: Segment, params: SoundParams) -> Line:
    """Place the line of a whole edit, of which the segment may be one part."""
    file = segment.edit.audio
    if not isinstance(file, File):
        raise InputMediaError(f"the new line of {segment.name} is an address that was not fetched: {file}")
    path = job.context.path(file)
    if not probe(path, file, f"the audio of segment {segment.name}").audio:
        raise InputMediaError(f"the audio of segment {segment.name} holds no sound track")
    start, end = (_sample(job, frame) for frame in segment.edit_span)
    over = segment.edit.audio_mix == "mix"
    return Line(start, end, path, over=over, fade_ms=params.fade_ms, name=segment.edit.name or segment.name)


def _level(job: SpliceJob, segment: Segment, params: SoundParams) -> Level:
    """Choose how loud an edit's line stands: once for all its parts, whichever of them have a take."""
    line, audio = _whole_line(job, segment, params), job.media.audio[0]
    match = params.match == "loudness"
    if not match and not line.over:
        return Level(metrics={"name": line.name, "gain_db": 0.0})
    heard = Heard(
        line.heard(audio.sample_rate_hz, audio.layout, 0, line.end - line.start),
        _own(job, line.start, line.end) if line.over else np.zeros((audio.channels, 0), np.float32),
        np.concatenate(list(_around(job, line)), axis=1) if match else np.zeros((audio.channels, 0), np.float32),
        audio.sample_rate_hz,
        audio.layout,
    )
    return leveled(job.context, line.name, heard, over=line.over, match=match)


def _around(job: SpliceJob, line: Line) -> Iterator[Sound]:
    """Read the film's own sound in and around a line; of a long one the first and last minute."""
    rate_hz = job.media.audio[0].sample_rate_hz
    low, high, longest = line.start - AROUND_S * rate_hz, line.end + AROUND_S * rate_hz, LONGEST_S * rate_hz
    if high - low <= 2 * longest:
        yield _own(job, low, high)
    else:
        yield _own(job, low, low + longest)
        yield _own(job, high - longest, high)


def _own(job: SpliceJob, low: int, high: int) -> Sound:
    audio = job.media.audio[0]
    return read_samples(job.source, audio.index, audio.sample_rate_hz, low, high)


def _sample(job: SpliceJob, frame: int) -> int:
    """Give the sample of the dialogue track that plays when a frame begins; the frame count gives the end."""
    times = job.video.timestamps
    tick = times.end if frame >= times.count else int(times.array[frame])
    return round(tick * job.video.time_base * job.media.audio[0].sample_rate_hz)
