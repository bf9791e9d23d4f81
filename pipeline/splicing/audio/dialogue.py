"""New lines of a film's edits: where each is on the dialogue track, how loud, and how it gets there.

PCM audio of an MP4 or MOV is written in place: every other byte of the film stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet

from ...core.errors import InputMediaError, ToolFailed
from ...core.file import File
from ...core.nodes.node import NodeContext
from ...core.values import AudioStream, Media, Segment, Take
from ...media.audio.samples import audio_frame, resampled
from ...media.frames.film_readers import open_input
from ...media.mp4.boxes import read_moov
from ...media.not_applicable import NotApplicable
from ...media.probe import probe, require_video
from ..container import as_numbered_in, is_mp4
from ..job import SpliceJob, UncheckedFilm
from ..mp4.rewrite import rewrite
from ..remux import restore_description, stream_choices, write_covers
from ..splice_params import SoundParams
from . import mp4_packets, reencode_track, stream_packets
from .border_checks import MAX_MEASURED_S, check_borders, read_samples
from .lines import DialogueLine, Sound, link_lines, mix_into
from .loudness_match import AROUND_S, LevelInputs, LineLevel, choose_level


@dataclass(frozen=True)
class LinePlan:
    """The lines that a film gets, whichever splicing strategy is used."""

    lines: tuple[DialogueLine, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def plan_lines(job: SpliceJob, params: SoundParams) -> LinePlan:
    """Plan the position and level of the edits' new lines.

    Raises:
        InputMediaError: a line was not fetched, or has no sound.
    """
    runs = _group_parts([take.segment for take in job.takes if take.segment.edit.changes_sound])
    if runs and not job.media.audio:
        dropped = len({run[0].edit_span for run in runs})
        note = f"the film has no sound track: {dropped} new line{'s were' if dropped > 1 else ' was'} left out"
        return LinePlan(metrics={"lines_dropped": dropped}, notes=(note,))
    edits = {run[0].edit_span: run[0] for run in runs}
    levels = {span: _level(job, segment, params) for span, segment in edits.items()}
    lines = link_lines([_part_line(job, run, levels[run[0].edit_span], params) for run in runs])
    rows = [level.metrics for level in levels.values()]
    metrics = {"sound_gain_db": max((row["gain_db"] for row in rows), key=abs), "sound_levels": rows} if rows else {}
    return LinePlan(tuple(lines), metrics, tuple(note for level in levels.values() for note in level.notes))


def sound_with_lines(
    context: NodeContext, ffmpeg: str, media: Media, takes: Sequence[Take], frames: tuple[int, int], params: SoundParams
) -> Sound:
    """Return the dialogue track in the source frames [start, end) as a film with these takes has it, without the film.

    Raises:
        InputMediaError: a line was not fetched, or has no sound.
    """
    job = _sound_job(context, ffmpeg, media, takes)
    low, high = (_sample_at(job, frame) for frame in frames)
    track, audio = _own_samples(job, low, high), media.audio[0]
    for line in plan_lines(job, params).lines:
        mix_into(track, low, line, audio.sample_rate_hz, audio.layout)
    return track


def line_alone(
    context: NodeContext, ffmpeg: str, media: Media, takes: Sequence[Take], frames: tuple[int, int]
) -> Sound:
    """Return the takes' new lines in the source frames [start, end) at their own level, and silence around them.

    Raises:
        InputMediaError: a line was not fetched, or has no sound.
    """
    job = _sound_job(context, ffmpeg, media, takes)
    low, high = (_sample_at(job, frame) for frame in frames)
    audio = media.audio[0]
    track = np.zeros((audio.channels, high - low), np.float32)
    for run in _group_parts([take.segment for take in takes if take.segment.edit.audio]):
        mix_into(track, low, _edit_line(job, run[0], SoundParams()), audio.sample_rate_hz, audio.layout)
    return track


def _sound_job(context: NodeContext, ffmpeg: str, media: Media, takes: Sequence[Take]) -> SpliceJob:
    return SpliceJob(context, ffmpeg, media, require_video(media), context.path(media.file), (), tuple(takes))


def encode_lines_early(job: SpliceJob, plan: LinePlan) -> SpliceJob:
    """Encode the lines' packets beforehand if they can be written together with the pictures."""
    if not plan.lines or not is_mp4(job.media):
        return job
    with suppress(NotApplicable):
        packets = mp4_packets.encode_packets(job.source, job.media, plan.lines, job.context.temp_path("line.bin"))
        return replace(job, audio_samples=tuple(packets))
    return job


def add_lines(job: SpliceJob, film: UncheckedFilm, plan: LinePlan) -> UncheckedFilm:
    """Add the edits' new lines to the dialogue track, unless they were written with the pictures.

    Raises:
        InputMediaError: no muxer takes the new track.
    """
    film = replace(film, notes=(*film.notes, *plan.notes), metrics={**film.metrics, **plan.metrics})
    if not plan.lines:
        return film
    source, job = job, replace(job, media=as_numbered_in(job.media, film.path))
    try:
        path, count = _replace_packets(job, film, plan.lines)
        metrics: dict[str, Any] = {"sound_way": "packets", "sound_packets": count}
    except NotApplicable as reason:
        path = job.context.temp_path("film" + job.suffix)
        _reencode_track(job, film.path, path, plan.lines)
        metrics = {"sound_way": "whole-track"}
        note = f"the complete dialogue track was re-encoded: {reason}"
        film = replace(film, notes=(*film.notes, note))
    if path != film.path:
        film.path.unlink()
    metrics |= check_borders(job.context, path, job.source, source.media, plan.lines)
    seams = film.seams if path == film.path else ()
    return replace(film, path=path, new_lines=len(plan.lines), metrics={**film.metrics, **metrics}, seams=seams)


def _replace_packets(job: SpliceJob, film: UncheckedFilm, lines: Sequence[DialogueLine]) -> tuple[Path, int]:
    """Replace only the packets that the lines change; return the film and how many there are."""
    path, target = film.path, job.context.temp_path("film" + job.suffix)
    if film.has_new_audio:
        return path, sum(group.end - group.first for group in job.audio_samples)
    if job.media.audio[0].codec.startswith("pcm_") and is_mp4(job.media):
        return path, overwrite_samples(path, job.media, lines)
    if is_mp4(job.media):
        packets = mp4_packets.encode_packets(path, job.media, lines, job.context.temp_path("line.bin"))
        rewrite(path, target, packets)
        return target, sum(group.end - group.first for group in packets)
    track = job.context.temp_path("track" + stream_packets.track_suffix(job.media))
    count = stream_packets.replace_packets(path, track, job.media, lines)
    _mux(job, path, track, target, copied=True)
    stream_packets.require_equal_packets(track, target)
    return target, count


def _reencode_track(job: SpliceJob, film: Path, target: Path, lines: Sequence[DialogueLine]) -> None:
    """Re-encode the complete dialogue track."""
    track = job.context.temp_path("track.nut")
    reencode_track.write_track(film, track, job.media, lines)
    _mux(job, film, track, target, copied=False)


def _mux(job: SpliceJob, film: Path, track: Path, target: Path, *, copied: bool) -> None:
    """Mux a track with the film's other streams; data that the muxer refuses is dropped, which the checks report."""
    covers = write_covers(film, job.context.temp_path) if job.suffix == ".mkv" else {}
    argv = partial(reencode_track.build_mux_command, job.ffmpeg, film, track, target, job.media, copied=copied)
    for streams in stream_choices(job.media, covers):
        with suppress(ToolFailed):
            job.context.run_tool(argv(streams, job.programs, tuple(covers.values())))
            restore_description(job, target)
            return
    if copied:
        raise NotApplicable("the muxer refuses to copy the sound's packets")
    raise reencode_track.no_encoder(job.media.audio[0].codec)


def _group_parts(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Group abutting parts of one edit, so that its line runs through them without a joint."""
    runs: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda segment: segment.start_frame):
        last = runs[-1][-1] if runs else None
        if last and last.edit_span == segment.edit_span and last.end_frame == segment.start_frame:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _part_line(job: SpliceJob, run: Sequence[Segment], level: LineLevel, params: SoundParams) -> DialogueLine:
    """Return the line of an edit, or the stretch of it that belongs to these parts of the edit."""
    begins, start, end = (
        _sample_at(job, frame) for frame in (run[0].edit_span[0], run[0].start_frame, run[-1].end_frame)
    )
    skip = start - begins
    dips = None if level.dips is None else level.dips[skip : skip + end - start]
    return replace(
        _edit_line(job, run[0], params),
        start=start,
        end=end,
        skip=skip,
        gain=level.gain,
        dips=dips,
        held_db=level.held_db,
    )


def _edit_line(job: SpliceJob, segment: Segment, params: SoundParams) -> DialogueLine:
    """Return the line of a complete edit, of which the segment may be one part."""
    file = segment.edit.audio
    if not isinstance(file, File):
        raise InputMediaError(f"the new line of {segment.name} is a URL that was not fetched: {file}")
    path = job.context.path(file)
    if not probe(path, file, f"the audio of segment {segment.name}").audio:
        raise InputMediaError(f"the audio of segment {segment.name} has no sound track")
    start, end = (_sample_at(job, frame) for frame in segment.edit_span)
    is_mixed = segment.edit.audio_mix == "mix"
    return DialogueLine(
        start,
        end,
        path,
        is_mixed=is_mixed,
        wanted_db=segment.edit.audio_gain or 0.0,
        fade_ms=params.fade_ms,
        name=segment.edit.name or segment.name,
    )


def _level(job: SpliceJob, segment: Segment, params: SoundParams) -> LineLevel:
    """Choose how loud an edit's line is: once for all its parts, whichever of them have a take."""
    line, audio = _edit_line(job, segment, params), job.media.audio[0]
    match = params.match == "loudness"
    if not match and not line.is_mixed and not line.wanted_db:
        return LineLevel(metrics={"name": line.name, "gain_db": 0.0})
    inputs = LevelInputs(
        line.render(audio.sample_rate_hz, audio.layout, 0, line.end - line.start),
        _own_samples(job, line.start, line.end) if line.is_mixed else np.zeros((audio.channels, 0), np.float32),
        np.concatenate(list(_around(job, line)), axis=1) if match else np.zeros((audio.channels, 0), np.float32),
        audio.sample_rate_hz,
        audio.layout,
    )
    return choose_level(job.context, line.name, inputs, is_mixed=line.is_mixed, match=match, wanted_db=line.wanted_db)


def _around(job: SpliceJob, line: DialogueLine) -> Iterator[Sound]:
    """Yield the film's own sound in and around a line; of a long one the first and last minute."""
    rate_hz = job.media.audio[0].sample_rate_hz
    low, high, longest = line.start - AROUND_S * rate_hz, line.end + AROUND_S * rate_hz, MAX_MEASURED_S * rate_hz
    if high - low <= 2 * longest:
        yield _own_samples(job, low, high)
    else:
        yield _own_samples(job, low, low + longest)
        yield _own_samples(job, high - longest, high)


def _own_samples(job: SpliceJob, low: int, high: int) -> Sound:
    audio = job.media.audio[0]
    return read_samples(job.source, audio.index, audio.sample_rate_hz, low, high)


def _sample_at(job: SpliceJob, frame: int) -> int:
    """Return the sample of the dialogue track that plays when a frame begins; `frame_count` gives the end."""
    times = job.video.timestamps
    tick = times.end if frame >= times.count else int(times.array[frame])
    return round(tick * job.video.time_base * job.media.audio[0].sample_rate_hz)


def overwrite_samples(film: Path, media: Media, lines: Sequence[DialogueLine]) -> int:
    """Write the lines, in samples of the shown clock, into a film; return how many packets they change.

    Raises:
        NotApplicable: before anything is written: the samples cannot be found in the file, or are in several pieces.
    """
    audio = media.audio[0]
    mp4_packets.find_sound(film, read_moov(film)[1], audio)
    with film.open("r+b") as stream:
        candidates = (
            _patch(stream, packet, at, line, audio) for line in lines for packet, at in _packets(film, audio, line)
        )
        patches = [patch for patch in candidates if patch is not None]
        for offset, data in patches:
            stream.seek(offset)
            stream.write(data)
    return len(patches)


def _packets(film: Path, audio: AudioStream, line: DialogueLine) -> Iterator[tuple[Packet[av.AudioStream], int]]:
    """Yield the packets that a line changes, and the sample of the shown clock at which each begins."""
    with open_input(film) as container:
        stream = container.streams[audio.index]
        assert isinstance(stream, av.AudioStream)
        ticks = Fraction(stream.time_base or Fraction(1, audio.sample_rate_hz)) * audio.sample_rate_hz
        container.seek(int(line.start / ticks), stream=stream)
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None:
                continue
            at = round(packet.pts * ticks)
            if at >= line.end:
                return
            if at + packet.size > line.start:
                yield packet, at


def _patch(
    source: BinaryIO, packet: Packet[av.AudioStream], at: int, line: DialogueLine, audio: AudioStream
) -> tuple[int, bytes] | None:
    """Return the file offset and bytes of a line's part of a packet; None if it has none."""
    frames = packet.decode()
    source.seek(packet.pos or 0)
    if len(frames) != 1 or source.read(packet.size) != bytes(packet) or packet.size % frames[0].samples:
        raise NotApplicable("the samples of the sound cannot be found in the file")
    (frame,) = frames
    low, high = max(line.start - at, 0), min(line.end - at, frame.samples)
    if low >= high:
        return None
    new = _encode(frame, at, line, audio)
    if len(new) != packet.size:
        raise NotApplicable(f"{audio.codec} sound is encoded to another length")
    width = packet.size // frame.samples
    return (packet.pos or 0) + low * width, new[low * width : high * width]


def _encode(frame: av.AudioFrame, at: int, line: DialogueLine, audio: AudioStream) -> bytes:
    """Mix a line into one decoded packet and encode it as the track is."""
    to_floats = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz)
    (part,) = resampled(to_floats, frame)
    mix_into(part, at, line, audio.sample_rate_hz, audio.layout)
    encoder = CodecContext.create(audio.codec, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = audio.sample_rate_hz, audio.layout, frame.format
    mixed = audio_frame(part, audio.layout, audio.sample_rate_hz)
    fitted = av.AudioResampler(format=frame.format.name, layout=audio.layout, rate=audio.sample_rate_hz).resample(mixed)
    packets = [packet for part in [*fitted, None] for packet in encoder.encode(part)]
    return b"".join(bytes(packet) for packet in packets)
