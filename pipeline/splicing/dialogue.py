"""The new lines of a film's edits: where each lies on the dialogue track, and by which way it gets there.

Takes   a film whose pictures are done, and the takes' edits.
Gives   the film with its lines, or the same where no edit has one; what was done stands in its figures and notes.
Raises  ToolFailed where no muxer takes the new track; BadInput where a line was not fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import BadInput, ToolFailed
from ..file import File
from ..kinds import Segment
from . import pcm, sound
from .boxes import Unsuited
from .lines import Line, joined
from .remux import stream_indices
from .ways import Job, Made


def with_lines(job: Job, made: Made) -> Made:
    """Put the edits' new lines onto the dialogue track."""
    runs = _runs([take.segment for take in job.takes if take.segment.edit.replaces_sound])
    if not runs:
        return made
    if not job.media.audio:
        dropped = len({run[0].edit_span for run in runs})
        note = f"the film has no sound track: {dropped} new line{'s were' if dropped > 1 else ' was'} left out"
        return replace(made, notes=(*made.notes, note), figures={**made.figures, "lines_dropped": dropped})
    lines = joined([_line(job, run) for run in runs])
    path = job.room.new("film" + job.suffix)
    try:
        if job.media.audio[0].codec.startswith("pcm_"):
            count = pcm.replace_samples(made.path, path, job.media, lines)
        else:
            count = sound.replace_packets(made.path, path, job.media, lines, job.room.new("line.aac"))
        figures = {**made.figures, "sound_way": "packets", "sound_packets": count}
        return replace(made, path=path, lines=len(lines), figures=figures)
    except Unsuited as unsuited:
        _whole_track(job, made.path, path, lines)
        note = f"the dialogue track was encoded again as a whole: {unsuited}"
        figures = {**made.figures, "sound_way": "whole-track"}
        return replace(made, path=path, lines=len(lines), notes=(*made.notes, note), figures=figures)


def _whole_track(job: Job, film: Path, made: Path, lines: Sequence[Line]) -> None:
    """Code the dialogue track anew; data that the muxer refuses beside it is left out, which the checks say."""
    track, indices = job.room.new("track.nut"), stream_indices(job.media)
    sound.whole_track(film, track, job.media, lines)
    data = {other.index for other in job.media.others if other.kind == "data"}
    for kept in (indices, [index for index in indices if index not in data]):
        with suppress(ToolFailed):
            job.room.call(sound.track_argv(job.ffmpeg, film, track, made, job.media, kept))
            return
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


def _line(job: Job, run: Sequence[Segment]) -> Line:
    """Place the line of an edit, or what of it belongs to these parts of the edit."""
    file = run[0].edit.audio
    if not isinstance(file, File):
        raise BadInput(f"the new line of {run[0].name} is an address that was not fetched: {file}")
    begins, start, end = (_sample(job, frame) for frame in (run[0].edit_span[0], run[0].start_frame, run[-1].end_frame))
    return Line(start, end, job.room.path(file), start - begins)


def _sample(job: Job, frame: int) -> int:
    """Give the sample of the dialogue track that plays when a frame begins; the frame count gives the end."""
    times = job.video.timestamps
    tick = times.end if frame >= times.count else int(times.array[frame])
    return round(tick * job.video.time_base * job.media.audio[0].sample_rate_hz)
