"""Put takes back into a film: choose the way, take it, check the result, or take the next best way.

Takes   a source and its conformed takes, perhaps with new lines of dialogue.
Gives   `Film`: a checked file, its figures and what the user should hear.
Raises  ToolFailed where no way gives a result that passes the checks; BadInput where the source has no frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import BadInput, ToolFailed
from ..file import File
from ..kinds import Media, Segment, Take
from ..node import Room
from . import pcm, sound, verify
from .boxes import Unsuited
from .frames import Insert
from .likeness import INTERLACING, likeness
from .lines import Line, joined
from .remux import stream_indices
from .ways import Job, Made, boxed_way, exact_way, remuxed_way


@dataclass(frozen=True)
class Film:
    """A finished film in the room's own folder, not yet kept."""

    path: Path
    figures: dict[str, Any]
    said: tuple[str, ...]


def splice(room: Room, ffmpeg: str, media: Media, takes: Sequence[Take]) -> Film:
    """Replace the pictures of the takes' spans; every other stream is carried over.

    The takes (at least one) are conformed: each file holds one frame per source frame of its span and handles.
    """
    if media.video is None:
        raise BadInput("the source has no picture to splice into")
    job = Job(
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
    for way in (exact_way, boxed_way, remuxed_way):
        try:
            made = _with_lines(job, way(job))
        except Unsuited as unsuited:
            reasons.append(str(unsuited))
            continue
        checked = verify.compare(
            before, verify.read(made.path, media.video.index), new_sound=bool(made.lines), untouched=made.untouched
        )
        fault = checked.fault or made.fault or _strict_fault(job, made.path)
        if not fault and made.untouched is None:
            made, fault = _with_likeness(job, made)
        if not fault:
            return _finished(job, made, checked, reasons)
        reasons.append(fault)
    raise ToolFailed(f"no way of splicing gave a film that passed its checks: {'; '.join(reasons)}")


def _insert(room: Room, take: Take) -> Insert:
    segment = take.segment
    return Insert(segment.start_frame, segment.end_frame, room.path(take.media.file), segment.head_frames)


def _with_lines(job: Job, made: Made) -> Made:
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


def _finished(job: Job, made: Made, checked: verify.Checked, reasons: Sequence[str]) -> Film:
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


def _with_likeness(job: Job, made: Made) -> tuple[Made, str]:
    """Measure pictures that were all coded anew: their packets tell nothing of what they show."""
    found = likeness(job.source, made.path, job.video.index, job.inserts)
    figures = {**made.figures, "pictures_alike": not found.fault, "least_psnr_db": round(found.least_db, 1)}
    if job.video.interlaced:
        figures["field_order_equal"] = not found.fault and INTERLACING not in found.lost
    notes = [f"{name} could not be carried over" for name in found.lost]
    return replace(made, figures=figures, notes=(*made.notes, *notes)), found.fault


def _strict_fault(job: Job, made: Path) -> str:
    assert job.media.video is not None
    index, span = job.media.video.index, job.span()
    found = verify.strict_errors(job.room.call, job.ffmpeg, made, index, span)
    if not found:
        return ""
    known = set(verify.strict_errors(job.room.call, job.ffmpeg, job.source, index, span))
    fresh = [line for line in found if line not in known]
    return f"a strict decode says: {fresh[0]}" if fresh else ""
