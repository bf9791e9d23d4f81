"""`react1 edits`: what is read from a list of edits, a timeline, subtitles or a transcript."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..messages import err, out, out_json, report_failures
from ..options import AsJson, StartTc

if TYPE_CHECKING:
    from ...interchange.classify import ClassifiedEntry, ClassifiedList
    from ...interchange.entries import Span

NAME = "edits"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="EDL, OTIO, FCPXML, CSV, TSV, SRT, VTT or JSON.")],
    source: Annotated[Path | None, typer.Option("--source", metavar="FILM", help="The film that it is for.")] = None,
    start_tc: StartTc = None,
    clock: Annotated[
        str, typer.Option("--clock", metavar="auto|source|record", help="Which of its clocks the film shows.")
    ] = "auto",
    clip: Annotated[
        str | None, typer.Option("--clip", metavar="NAME", help="The clip or reel that the film is.")
    ] = None,
    rate: Annotated[str | None, typer.Option("--rate", metavar="FPS", help="Frames per second of its labels.")] = None,
    by_folder: Annotated[
        bool, typer.Option("--by-folder", help="Match a clip's folder, too, not its name alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what is read: edits, what is ignored, and what cannot be edited with the reason."""
    from ...core.errors import PresetError
    from ...interchange.classify import classify_entries
    from ...interchange.film import read_film
    from ...interchange.readers import read_listing

    with report_failures(as_json):
        asked = _asked(file, clock, clip, rate, "folder" if by_folder else "name")
        film = read_film(source, start_tc or "", asked.rate) if source is not None else None
        if start_tc and film is None:
            raise PresetError("--start-tc tells of a film; name it with --source")
        listing = read_listing(file, str(file), asked.rate or (film.rate if film else None))
        reading = classify_entries(listing, film, asked)
        mistakes = _mistakes(reading, file)
        if as_json:
            out_json(_object(reading, file))
        else:
            for line in _table(reading, file):
                out(line)
        for text in reading.notes:
            err(text)
        if mistakes:
            raise PresetError(mistakes)


def _asked(file: Path, clock: str, clip: str | None, rate: str | None, match: str) -> Any:
    """Make what a job would say of the file."""
    from ...core.errors import PresetError, Problem
    from ...interchange.list_options import ListFile
    from ...located_yaml.explain import validate
    from ...located_yaml.located import Location, Problems, from_plain

    said = {"file": str(file), "clock": clock, "clip": clip, "rate": rate, "match": match}
    problems = Problems()
    place = Location("", Path())
    found = validate(
        ListFile, from_plain({key: value for key, value in said.items() if value is not None}, place), problems
    )
    wrong = [Problem(f"--{one.path}: {one.message}") for one in problems]
    if wrong:
        raise PresetError(wrong)
    return found


def _mistakes(reading: ClassifiedList, file: Path) -> list[Any]:
    """Find the edits that cannot be read, in their texts and in their values."""
    from ...core.edit import Edit
    from ...core.errors import Problem
    from ...located_yaml.explain import validate
    from ...located_yaml.located import Location, Problems, from_plain

    problems = [_problem(row, file, row.reason) for row in reading.with_state("wrong")]
    for row in reading.edits:
        found = Problems()
        place = Location(str(file), Path(), row.entry.line, 1)
        validate(Edit, from_plain({"in": str(row.start), "out": str(row.end), **row.fields}, place), found)
        problems += [Problem(one.message, one.path, str(file), row.entry.line, 1) for one in found]
    return problems


def _problem(row: ClassifiedEntry, file: Path, message: str) -> Any:
    from ...core.errors import Problem

    return Problem(f"{row.entry.kind} {row.entry.name}: {message}", file=str(file), line=row.entry.line, column=1)


def _table(reading: ClassifiedList, file: Path) -> list[str]:
    listing = reading.listing
    title = f", {listing.title!r}" if listing.title else ""
    clock = f", times of its {reading.clock} clock" if reading.clock else ""
    lines = [
        f"{file}: {listing.format}{title}{clock}: {len(reading.edits)} of {len(reading.entries)} entries are edits"
    ]
    for row in reading.entries:
        entry = row.entry
        when = f"{row.start}–{row.end}" if row.start is not None else _both(entry.source, entry.record)
        told = " ".join(f"{key}={value}" for key, value in row.fields.items())
        what = f"  {told}" if told else ""
        why = f": {row.reason}" if row.reason else ""
        clip = f"  [{entry.clip}]" if entry.clip is not None else ""
        lines.append(
            f"{entry.line or '':>5} {row.state:<8}{entry.kind:<7}{entry.name[:40]:<12} {when}{clip}{what}{why}"
        )
    lines += [f"{number:>5} not read  {text}" for number, text in listing.unread]
    return lines


def _both(source: Span | None, record: Span | None) -> str:
    told = [f"{name} {span}" for name, span in (("source", source), ("record", record)) if span is not None]
    return ", ".join(told) or "no time"


def _object(reading: ClassifiedList, file: Path) -> dict[str, Any]:
    listing = reading.listing
    return {
        "file": str(file),
        "format": listing.format,
        "title": listing.title,
        "rate": str(listing.rate) if listing.rate else None,
        "start": str(listing.start) if listing.start else None,
        "clock": reading.clock or None,
        "entries": [_entry(row) for row in reading.entries],
        "not_read": [{"line": number, "text": text} for number, text in listing.unread],
        "said": list(reading.notes),
    }


def _entry(row: ClassifiedEntry) -> dict[str, Any]:
    entry = row.entry
    clip = entry.clip
    return {
        "state": row.state,
        "why": row.reason or None,
        "kind": entry.kind,
        "name": entry.name,
        "line": entry.line or None,
        "in": str(row.start) if row.start is not None else None,
        "out": str(row.end) if row.end is not None else None,
        "edit": row.fields or None,
        "source": _times(entry.source),
        "record": _times(entry.record),
        "point": str(entry.point) if entry.point is not None else None,
        "clip": {"name": clip.name, "reel": clip.reel, "path": clip.path} if clip is not None else None,
        "texts": list(entry.texts),
    }


def _times(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    end = str(span.end) if span.end is not None else None
    return {"in": str(span.start), "out": end, "frames": span.frames or None}
