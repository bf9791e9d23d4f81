"""Read edits from files of their own, and find the subtitles, transcript or timeline that edits refer to.

The edits of an EDL, a timeline, markers, subtitles or a table look as if they were written in the job. Each keeps its
line in the list, and its relative paths start from the folder of the list. Problems go to `Problems`, skipped entries
to `ReadLists.notes`; a film that cannot be read raises InputMediaError.

For edits that name a cue, a text or a marker, a job names the files as `cues` and `timeline`. Otherwise a sidecar file
next to a local film is used, as players do for subtitles: `film.srt`, `film.en.vtt`, `film.edl`. Otherwise the film's
embedded subtitles are read when it is cut, and the subtitles of a web page are downloaded with it. A film that cannot
be read raises InputMediaError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import PresetError, Problem, React1Error, list_available, shorten
from ..interchange.classify import ClassifiedEntry, ClassifiedList, choose_clock, classify_entries, place_entry
from ..interchange.entries import Entry, ListFile, Listing
from ..interchange.film import ClockMapper, Film, NotOnFilm, film_from_url, read_film
from ..interchange.readers import CUES, TIMELINES, read_listing
from ..located_yaml.explain import is_url, make_paths_absolute, validate
from ..located_yaml.located import Located, Location, Problems, from_plain


def add_sidecars(
    inputs: Mapping[str, Located], explicit: Mapping[str, Located], edits: str, lists: ReadLists, problems: Problems
) -> dict[str, Located]:
    """Return the changed inputs: `cues`, and `edits` with in and out for each marker; `edits` is that input's name."""
    entries = inputs[edits].entries
    updates: dict[str, Located] = {}
    if any(_at_member(entry, "cue") or _at_member(entry, "text") for entry in entries):
        updates |= _with_cues(inputs, explicit, problems)
    if any(_at_member(entry, "marker") for entry in entries):
        updates |= _with_markers(inputs, edits, lists, problems)
    return updates


def _at_member(edit: Located, key: str) -> Located | None:
    at = edit.members.get("at")
    return at.members.get(key) if at is not None else None


def _with_cues(
    inputs: Mapping[str, Located], explicit: Mapping[str, Located], problems: Problems
) -> dict[str, Located]:
    cues, source = inputs.get("cues"), inputs.get("source")
    if cues is None or cues.value is not None or source is None or not isinstance(source.value, str):
        return {}
    if is_url(source.value):
        subtitles = inputs.get("subtitles")
        if subtitles is None or "subtitles" in explicit:
            return {}
        return {"subtitles": subtitles.with_value(True)}
    path = _sidecar_of(source, CUES, "cues", problems)
    return {"cues": cues.with_value(str(path))} if path is not None else {}


def _sidecar_of(source: Located, suffixes: tuple[str, ...], name: str, problems: Problems) -> Path | None:
    try:
        return sidecar_file(Path(str(source.value)), suffixes, name)
    except PresetError as error:
        problems.add(source, error.problems[0].message)
        return None


def sidecar_file(film: Path, suffixes: tuple[str, ...], name: str) -> Path | None:
    """Find a file with the film's name next to it, also with a language in its name; `name` is the input that it sets.

    Raises:
        PresetError: there are several.
    """
    try:
        files = sorted(path for path in film.parent.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    except OSError:
        return None  # the error is reported when the film is read
    matches = [path for path in files if path.stem == film.stem]
    matches = matches or [path for path in files if _has_language_suffix(path, film)]
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches)
        raise PresetError(
            f"{len(matches)} files beside {film.name} could be `{name}`: {names}; set `{name}` to one of them"
        )
    return matches[0] if matches else None


def _has_language_suffix(path: Path, film: Path) -> bool:
    stem, dot, language = path.stem.rpartition(".")
    return bool(dot) and stem == film.stem and 2 <= len(language) <= 8


def _with_markers(
    inputs: Mapping[str, Located], edits: str, lists: ReadLists, problems: Problems
) -> dict[str, Located]:
    """Replace each marker by its in and out points."""
    tree = inputs[edits]
    first_marker = next(marker for entry in tree.entries if (marker := _at_member(entry, "marker")))
    before = len(problems)
    timeline = _timeline_value(inputs, problems)
    if timeline is None:
        if len(problems) == before:
            problems.add(first_marker, "no timeline with markers: set `timeline` to an EDL, OTIO or FCPXML file")
        return {}
    options = validate(ListFile, timeline, problems)
    film = probe_film(inputs, options, problems) if isinstance(options, ListFile) else None
    if not isinstance(options, ListFile) or len(problems) > before:
        return {}
    name = Path(str(options.file)).name
    try:
        listing = read_listing(Path(str(options.file)), name, options.rate or (film.rate if film else None))
        clock, notes = choose_clock(listing, film, options) if film is not None else ("", ())
    except React1Error as error:
        report_error(error, timeline, name, problems)
        return {}
    lists.files.append(Path(str(options.file)))
    lists.notes += [f"{name}: {text}" for text in notes]
    mapper = ClockMapper(film, listing, clock, options.rate) if film is not None else None

    def resolve(edit: Located) -> Located:
        marker = _at_member(edit, "marker")
        if marker is None or not isinstance(marker.value, str):
            return edit
        try:
            entry = _find_marker(listing, marker.value)
            start, end = place_entry(entry, film, options, mapper, clock)
        except NotOnFilm as error:
            problems.add(marker, f"{name}: {error}")
            return Located(None, edit.location, edit.path, invalid=True)
        members = {key: value for key, value in edit.members.items() if key != "at"}
        span = {"in": start, "out": end}
        times = {key: from_plain(str(time), marker.location, marker.path) for key, time in span.items()}
        return edit.with_value({**members, **times})

    return {edits: tree.with_value(tuple(resolve(entry) for entry in tree.entries))}


def _timeline_value(inputs: Mapping[str, Located], problems: Problems) -> Located | None:
    """Return the job's timeline, else the sidecar of the film."""
    timeline, source = inputs.get("timeline"), inputs.get("source")
    if timeline is not None and timeline.value is not None:
        return timeline
    if source is None or not isinstance(source.value, str) or is_url(source.value):
        return None
    path = _sidecar_of(source, TIMELINES, "timeline", problems)
    return from_plain({"file": str(path)}, source.location, ("timeline",)) if path is not None else None


def _find_marker(listing: Listing, name: str) -> Entry:
    """Return the only marker with a name, or with that text.

    Raises:
        NotOnFilm: there is no such marker, or more than one; the message lists them with their times.
    """
    markers = [entry for entry in listing.entries if entry.kind in ("marker", "row")]
    wanted = name.casefold().strip()
    matches = [entry for entry in markers if entry.name.casefold() == wanted]
    matches = matches or [entry for entry in markers if wanted in (text.casefold().strip() for text in entry.texts)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        times = ", ".join(f"{entry.point or entry.span}" for entry in matches[:5])
        raise NotOnFilm(f"{len(matches)} markers are called {name!r}: at {times}; rename one, or write in and out")
    names = list(dict.fromkeys(shorten(f"{entry.name} ({entry.point or entry.span})") for entry in markers))[:12]
    raise NotOnFilm(f"no marker {shorten(name)!r}; {list_available(name, names)}")


@dataclass
class ReadLists:
    """The lists that were read, and notes about them."""

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Messages for the user: the skipped entries, with reasons."""


def names_a_file(tree: Located) -> bool:
    """Return whether a value names a file of edits instead of listing edits."""
    return isinstance(tree.value, (str, Mapping))


def read_edits(tree: Located, inputs: Mapping[str, Located], lists: ReadLists, problems: Problems) -> Located:
    """Return the edits in the file that a value names."""
    invalid = Located(None, tree.location, tree.path, invalid=True)
    before = len(problems)
    options = parse_list_file(tree, problems)
    film = probe_film(inputs, options, problems) if options is not None else None
    if options is None or len(problems) > before:
        return invalid
    path, name = Path(str(options.file)), written_name(str(options.file), tree)
    try:
        listing = read_listing(path, name, options.rate or (film.rate if film else None))
        classified = classify_entries(listing, film, options)
    except React1Error as error:
        report_error(error, tree, name, problems)
        return invalid
    lists.files.append(path)
    lists.notes += [f"{name}: {text}" for text in classified.notes]
    return _located_edits(classified, Location(name, path.parent), tree, lists, problems)


def parse_list_file(tree: Located, problems: Problems) -> ListFile | None:
    """Parse a path, or a mapping with `file`; the path becomes absolute."""
    if isinstance(tree.value, str):
        tree = tree.with_value({"file": tree})
    if "file" not in tree.members and {"in", "at"} & tree.members.keys():
        problems.add(tree, "expected a list of edits, and this is one edit; put it in brackets, or `- ` before it")
        return None
    list_file = validate(ListFile, make_paths_absolute(tree, ListFile, problems), problems)
    if not isinstance(list_file, ListFile):
        return None
    if is_url(str(list_file.file)):
        problems.add(tree.members["file"], "a list of edits must be a local file; download it first")
        return None
    return list_file


def probe_film(inputs: Mapping[str, Located], options: ListFile, problems: Problems) -> Film | None:
    """Probe the film of the job; return None if the job names none yet."""
    source, start = inputs.get("source"), inputs.get("start_tc")
    if source is None or not isinstance(source.value, str):
        return None
    start_tc = str(start.value) if start is not None and start.value is not None else ""
    try:
        if is_url(source.value):
            return film_from_url(source.value, start_tc, options.rate)
        return read_film(Path(source.value), start_tc, options.rate)
    except PresetError as error:
        problems.add(start or source, error.problems[0].message)
        return None


def written_name(path: str, tree: Located) -> str:
    """Return a file name as the user wrote it."""
    written = tree.members["file"].value if "file" in tree.members else tree.value
    return str(written if isinstance(written, str) else path)


def report_error(error: React1Error, tree: Located, name: str, problems: Problems) -> None:
    """Report a file that cannot be read, at the line of the error or where the file is named."""
    for problem in error.problems if isinstance(error, PresetError) else (Problem(str(error)),):
        if problem.line:
            location = Location(problem.file, tree.location.folder, problem.line, problem.column)
            problems.begin_file(problem.file)
            problems.add_at(location, (), problem.message)
        else:
            problems.add(tree, f"{name}: {problem.message}")


def _located_edits(
    classified: ClassifiedList, location: Location, tree: Located, lists: ReadLists, problems: Problems
) -> Located:
    problems.begin_file(location.file)
    for row in classified.with_state("wrong"):
        problems.add_at(_row_location(row, location), (), f"{row.entry.kind} {row.entry.name}: {row.reason}")
    left_out = [
        f"{_row_prefix(row, location)}{row.entry.kind} {row.entry.name} is skipped: {row.reason}"
        for row in classified.with_state("refused")
    ]
    if not classified.edits and not classified.with_state("wrong"):
        problems.add(tree, _no_edits_message(classified, location.file, left_out))
    lists.notes += left_out
    edits = []
    for index, row in enumerate(classified.edits):
        fields = {"in": str(row.start), "out": str(row.end), **row.fields}
        edits.append(from_plain(fields, _row_location(row, location), (*(tree.path or ("edits",)), str(index))))
    return Located(tuple(edits), tree.location, tree.path)


def _row_location(row: ClassifiedEntry, location: Location) -> Location:
    return Location(location.file, location.folder, row.entry.line, 1 if row.entry.line else 0)


def _row_prefix(row: ClassifiedEntry, location: Location) -> str:
    return f"{location.file}:{row.entry.line}: " if row.entry.line else f"{location.file}: "


def _no_edits_message(classified: ClassifiedList, name: str, left_out: list[str]) -> str:
    if left_out:
        return f"no edit in {name} can be used: {'; '.join(left_out[:4])}"
    count = len(classified.entries)
    near_misses = [row.reason for row in classified.entries if "did you mean" in row.reason][:1]
    hint = f" ({near_misses[0]})" if near_misses else ""
    return f"none of the {count} entries in {name} has an edit, such as the text `react1: angry 0.8`{hint}"
