"""What lies on the timeline besides edits: spoken lines, and markers of the film and of an editing system."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...config.edit_lists import sidecar_file
from ...core.errors import React1Error
from ...core.times import Frames, Moment, Seconds, Timecode, timecode_to_frames
from ...core.values import Media
from ...interchange.classify import choose_clock, is_clip_of_film
from ...interchange.entries import OUTSIDE_CLIP, Entry, ListFile, Span
from ...interchange.film import ClockMapper, NotOnFilm, read_film
from ...interchange.limits import file_error
from ...interchange.readers import CUES, TIMELINES, read_listing
from ...interchange.text.subtitles import read_embedded_cues
from ...media.frames.film_readers import open_media
from ...media.timing.clock import frame_at
from ..answers.film_answers import Cue, Marker


def spoken_lines(film: Path, listed: Path | None) -> list[Cue]:
    """Return the spoken lines in seconds: of the job's list, of a subtitle file beside the film, or of its stream.

    Raises:
        PresetError: several files beside the film could have them, or the file cannot be read, or the job's has none.
        MissingExtra: what reads it is not installed.
    """
    entries: tuple[Any, ...] = ()
    file = listed or sidecar_file(film, CUES, "cues")
    if file is not None:
        entries = tuple(read_listing(file, file.name).entries)
    else:
        with suppress(React1Error):
            entries = read_embedded_cues(film)
    rows = []
    for entry in entries:
        span = entry.source or entry.record
        if entry.kind == "cue" and span is not None and span.end is not None:
            times = [float(getattr(moment, "value", 0)) for moment in (span.start, span.end)]
            rows.append(Cue(start_s=times[0], end_s=times[1], text=" ".join(entry.texts) or entry.name))
    if listed is not None and not rows:
        raise file_error(listed.name, "has no spoken lines")
    return rows


def markers(film: Path, media: Media, timeline: ListFile | None, start_tc: str = "") -> list[Marker]:
    """Return the markers of the job's timeline, or of the one beside the film, by frame.

    Args:
        film: the film's path.
        media: its probe, with the timecode of the first frame that the job says.
        timeline: the job's timeline, with its full path.
        start_tc: the timecode of the first frame, if the job says one.

    Raises:
        PresetError: several files beside the film could be its timeline, or it cannot be read, or the job's has no
            marker in the film.
        MissingExtra: what reads it is not installed.
    """
    options = timeline
    if options is None and (sidecar := sidecar_file(film, TIMELINES, "timeline")) is not None:
        options = ListFile(file=str(sidecar))
    if options is None:
        return []
    file = Path(str(options.file))
    known_film = read_film(film, start_tc, options.rate)
    listing = read_listing(file, file.name, options.rate or known_film.rate)
    clock, _ = choose_clock(listing, known_film, options)
    mapper = ClockMapper(known_film, listing, clock)
    rows = []
    for entry in listing.entries:
        span = entry.record if clock == "record" else entry.source
        if entry.kind != "marker" or entry.unusable == OUTSIDE_CLIP:
            continue
        if clock == "source" and not is_clip_of_film(entry.clip, known_film, options):
            continue
        if span is not None:
            with suppress(React1Error, NotOnFilm, ValueError):
                start, _ = mapper.place(entry, Span(span.start, frames=1))
                frame = frame_at(media, start) + _frames_into_clip(entry, listing.rate or known_film.rate)
                rows.append(Marker(frame=frame, text=" ".join(entry.texts) or entry.name))
    if timeline is not None and not rows:
        raise file_error(file.name, "has no marker in this film")
    return sorted(rows, key=lambda marker: marker.frame)


def _frames_into_clip(entry: Entry, rate: Fraction | None) -> int:
    """Return how far a marker without a length lies behind the first frame of its clip."""
    if entry.point is None or entry.record is None or rate is None:
        return 0
    point, start = (_count(moment, rate) for moment in (entry.point, entry.record.start))
    return max(0, point - start)


def _count(moment: Moment, rate: Fraction) -> int:
    if isinstance(moment, Timecode):
        return timecode_to_frames(moment, rate)
    return moment.count if isinstance(moment, Frames) else round(moment.value * rate)


def chapters(film: Path, media: Media) -> list[Marker]:
    """Return the chapters of a film."""
    rows = []
    with suppress(React1Error), open_media(film) as container:
        for chapter in container.chapters():
            start_s = chapter["start"] * Fraction(chapter["time_base"])
            title = dict(chapter.get("metadata") or {}).get("title", "")
            with suppress(React1Error):
                rows.append(Marker(frame=frame_at(media, Seconds(start_s)), text=str(title) or "chapter"))
    return rows
