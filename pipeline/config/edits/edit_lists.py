"""Read edits from a file of their own: an EDL, a timeline, markers, subtitles or a table.

The edits look as if they were written in the job. Each keeps its line in the list, and its relative paths start from
the folder of the list. Problems go to `Problems`, skipped entries to `ReadLists.notes`; a film that cannot be read
raises InputMediaError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import PresetError, Problem, React1Error
from ...interchange.classify import ClassifiedEntry, ClassifiedList, classify_entries
from ...interchange.entries import ListFile
from ...interchange.film import Film, film_from_url, read_film
from ...interchange.readers import read_listing
from ...located_yaml.explain import validate
from ...located_yaml.located import Located, Location, Problems, from_plain
from ...located_yaml.model_walk import is_url, make_paths_absolute


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
