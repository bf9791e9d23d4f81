"""`react1 edits` and `react1 conform-check`: what an editing system lists, and whether a clip it returns still fits."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....core.errors import InputMediaError, PresetError, Problem
from ...messages import err, out, out_json, report_failures
from ...options import AsJson, StartTc

if TYPE_CHECKING:
    from ....core.values import Media
    from ....interchange.classify import ClassifiedEntry, ClassifiedList
    from ....interchange.entries import Span

EXAMPLES = (
    "react1 edits cut.edl --source film.mov",
    "react1 edits markers.csv --source film.mov --rate 23.976",
)


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="EDL, OTIO, FCPXML, CSV, TSV, SRT, VTT or JSON.")],
    source: Annotated[Path | None, typer.Option("--source", metavar="FILM", help="The film of the list.")] = None,
    start_tc: StartTc = None,
    clock: Annotated[
        str, typer.Option("--clock", metavar="auto|source|record", help="The list's clock that the film uses.")
    ] = "auto",
    clip: Annotated[str | None, typer.Option("--clip", metavar="NAME", help="The film's clip or reel name.")] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="FPS", help="Frames per second of the list's timecode.")
    ] = None,
    by_folder: Annotated[
        bool, typer.Option("--by-folder", help="Match clips by folder and name, not by name only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the edits in a list, the ignored entries, and the entries that cannot be edited, with reasons."""
    from ....interchange.classify import classify_entries
    from ....interchange.film import read_film
    from ....interchange.readers import read_listing

    with report_failures(as_json):
        options = _list_options(file, clock, clip, rate, "folder" if by_folder else "name")
        film = read_film(source, start_tc or "", options.rate) if source is not None else None
        if start_tc and film is None:
            raise PresetError("--start-tc needs a film; give --source FILM")
        listing = read_listing(file, str(file), options.rate or (film.rate if film else None))
        classified = classify_entries(listing, film, options)
        problems = _find_problems(classified, file)
        if as_json:
            out_json(_to_json(classified, file))
        else:
            for line in _table_lines(classified, file):
                out(line)
        for text in classified.notes:
            err(text)
        if problems:
            raise PresetError(problems)


def _list_options(file: Path, clock: str, clip: str | None, rate: str | None, match: str) -> Any:
    """Return the options as a job would set them."""
    from ....interchange.entries import ListFile
    from ....located_yaml.explain import validate
    from ....located_yaml.located import Location, Problems, from_plain

    fields = {"file": str(file), "clock": clock, "clip": clip, "rate": rate, "match": match}
    problems = Problems()
    location = Location("", Path())
    row_problems = validate(
        ListFile, from_plain({key: value for key, value in fields.items() if value is not None}, location), problems
    )
    invalid_options = [Problem(f"--{problem.path}: {problem.message}") for problem in problems]
    if invalid_options:
        raise PresetError(invalid_options)
    return row_problems


def _find_problems(classified: ClassifiedList, file: Path) -> list[Any]:
    """Return the problems with edits: in their texts, in their values, and overlaps, as a job would report them."""
    from ....config.inputs import check_edits
    from ....core.edits.edit import Edit
    from ....located_yaml.explain import validate
    from ....located_yaml.located import Located, Location, Problems, from_plain

    problems = [_problem(row, file, row.reason) for row in classified.with_state("wrong")]
    edits = []
    for row in classified.edits:
        row_problems = Problems()
        location = Location(str(file), Path(), row.entry.line, 1)
        edits.append(from_plain({"in": str(row.start), "out": str(row.end), **row.fields}, location))
        validate(Edit, edits[-1], row_problems)
        problems += [Problem(problem.message, problem.path, str(file), row.entry.line, 1) for problem in row_problems]
    overlaps = Problems()
    check_edits(Located(tuple(edits), Location(str(file), Path())), overlaps)
    return [*problems, *overlaps]


def _problem(row: ClassifiedEntry, file: Path, message: str) -> Any:
    return Problem(f"{row.entry.kind} {row.entry.name}: {message}", file=str(file), line=row.entry.line, column=1)


def _table_lines(classified: ClassifiedList, file: Path) -> list[str]:
    listing = classified.listing
    title = f", {listing.title!r}" if listing.title else ""
    clock = f", times of its {classified.clock} clock" if classified.clock else ""
    count = f"{len(classified.edits)} of {len(classified.entries)} entries are edits"
    lines = [f"{file}: {listing.format}{title}{clock}: {count}"]
    for row in classified.entries:
        entry = row.entry
        when = f"{row.start}–{row.end}" if row.start is not None else _clock_times(entry.source, entry.record)
        fields_text = " ".join(f"{key}={value}" for key, value in row.fields.items())
        fields_part = f"  {fields_text}" if fields_text else ""
        reason_part = f": {row.reason}" if row.reason else ""
        clip = f"  [{entry.clip}]" if entry.clip is not None else ""
        label = f"{entry.line or '':>5} {row.state:<8}{entry.kind:<7}{entry.name[:40]:<12}"
        lines.append(f"{label} {when}{clip}{fields_part}{reason_part}")
    lines += [f"{number:>5} not read  {text}" for number, text in listing.unread]
    return lines


def _clock_times(source: Span | None, record: Span | None) -> str:
    fields_text = [f"{name} {span}" for name, span in (("source", source), ("record", record)) if span is not None]
    return ", ".join(fields_text) or "no time"


def _to_json(classified: ClassifiedList, file: Path) -> dict[str, Any]:
    listing = classified.listing
    return {
        "file": str(file),
        "format": listing.format,
        "title": listing.title,
        "rate": str(listing.rate) if listing.rate else None,
        "start": str(listing.start) if listing.start else None,
        "clock": classified.clock or None,
        "entries": [_entry_to_json(row) for row in classified.entries],
        "not_read": [{"line": number, "text": text} for number, text in listing.unread],
        "said": list(classified.notes),
    }


def _entry_to_json(row: ClassifiedEntry) -> dict[str, Any]:
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
        "source": _span_to_json(entry.source),
        "record": _span_to_json(entry.record),
        "point": str(entry.point) if entry.point is not None else None,
        "clip": {"name": clip.name, "reel": clip.reel, "path": clip.path} if clip is not None else None,
        "texts": list(entry.texts),
    }


def _span_to_json(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    end = str(span.end) if span.end is not None else None
    return {"in": str(span.start), "out": end, "frames": span.frames or None}


CONFORM_CHECK_EXAMPLES = (
    "react1 conform-check graded.mov --clip line3_react1_v001.mov",
    "react1 conform-check graded.mov --film film.mov",
)
_VERSIONED = re.compile(r".+_react1_v\d{3}")


def conform_check(
    returned: Annotated[Path, typer.Argument(metavar="RETURNED", help="The returned clip.")],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="CLIP", help="The clip that was delivered (default: found by name)."),
    ] = None,
    film: Annotated[
        Path | None, typer.Option("--film", metavar="FILM", help="The film; the position comes from the timecode.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a returned clip with its segment: frames, rate, timecode, size, pictures, lag."""
    with report_failures(as_json):
        from ....core.times import frames_text
        from ....interchange.turnover.check_returned import check_returned, entire_clip, place_on_film

        if clip and film:
            raise PresetError("--clip and --film are mutually exclusive")
        probed = _probe(returned)
        reference = film or clip or _find_original_clip(returned)
        span = place_on_film(film, _probe(film), probed) if film else entire_clip(reference, _probe(reference))
        findings = check_returned(returned, probed, span, returned.name)
        fits = all(finding.fits for finding in findings)
        if as_json:
            out_json({"fits": fits, "against": str(reference), "findings": [asdict(finding) for finding in findings]})
        else:
            out(f"{returned.name} against {frames_text(span.first, span.end)} of {reference.name}")
            for finding in findings:
                shown = f"{finding.found}" if finding.fits else f"{finding.found}, not {finding.wanted}"
                out(f"  {'ok  ' if finding.fits else 'FAIL'}  {finding.name:<9} {shown}")
        if not fits:
            raise typer.Exit(InputMediaError.exit_status)


def _probe(path: Path) -> Media:
    from ....media.probe import probe_path

    if not path.is_file():
        raise InputMediaError(f"{path} is not a file; give a clip")
    return probe_path(path)


def _find_original_clip(returned: Path) -> Path:
    """Find the delivered clip by the name of the returned one, in its folder or the one above."""
    if match := _VERSIONED.match(returned.stem):
        folders = (returned.parent, returned.absolute().parent.parent)
        for candidate in (folder / f"{match[0]}{suffix}" for folder in folders for suffix in (".mov", ".mp4")):
            if candidate.is_file() and not candidate.samefile(returned):
                return candidate
    raise PresetError(f"no delivered clip found for {returned}; give --clip CLIP or --film FILM")
