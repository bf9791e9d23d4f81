"""Edits that stand in a file of their own: an EDL, a timeline, markers, a table.

Takes   the value of an input of kind `edits` that is a path, or a mapping with one (`ListFile`); the film they are for.
Gives   the edits as if they had been written in the job; each remembers its line of the file, and files that it names
        are looked for from the folder of the list.
Raises  BadInput where the film cannot be read; what is wrong else goes to `Problems`, what is left out to `Lists.said`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import PresetError, Problem, React1Error
from ..interchange.classify import Reading, Row, read_rows
from ..interchange.film import Film, look, named
from ..interchange.list_options import ListFile
from ..interchange.readers import read_listing
from ..located_yaml.explain import check
from ..located_yaml.located import Place, Problems, Tree, grown
from ..located_yaml.model_walk import absolute, is_address


@dataclass
class Lists:
    """What was read beside the job itself."""

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the user should hear: entries that are left out, and why."""


def is_list(tree: Tree) -> bool:
    """Tell whether a value names a file of edits, rather than being edits."""
    return isinstance(tree.value, (str, Mapping))


def edits_of(tree: Tree, filled: Mapping[str, Tree], lists: Lists, problems: Problems) -> Tree:
    """Read the file that a value names, and give its edits."""
    void = Tree(None, tree.place, tree.path, void=True)
    before = len(problems)
    asked = list_file(tree, problems)
    film = film_of(filled, asked, problems) if asked is not None else None
    if asked is None or len(problems) > before:
        return void
    path, name = Path(str(asked.file)), shown_as(str(asked.file), tree)
    try:
        listing = read_listing(path, name, asked.rate or (film.rate if film else None))
        reading = read_rows(listing, film, asked)
    except React1Error as error:
        tell(error, tree, name, problems)
        return void
    lists.files.append(path)
    lists.notes += [f"{name}: {text}" for text in reading.notes]
    return _edits(reading, Place(name, path.parent), tree, lists, problems)


def list_file(tree: Tree, problems: Problems) -> ListFile | None:
    """Read the value itself: a path, or a mapping with `file`; the path becomes absolute."""
    if isinstance(tree.value, str):
        tree = tree.with_value({"file": tree})
    found = check(ListFile, absolute(tree, ListFile, problems), problems)
    if not isinstance(found, ListFile):
        return None
    if is_address(str(found.file)):
        problems.at(tree.members["file"], "a list of edits must be a local file; fetch it first")
        return None
    return found


def film_of(filled: Mapping[str, Tree], asked: ListFile, problems: Problems) -> Film | None:
    """Look at the film that the job is for; None where none is known."""
    source, start = filled.get("source"), filled.get("start_tc")
    if source is None or not isinstance(source.value, str):
        return None
    start_tc = str(start.value) if start is not None and start.value is not None else ""
    try:
        if is_address(source.value):
            return named(source.value, start_tc, asked.rate)
        return look(Path(source.value), start_tc, asked.rate)
    except PresetError as error:
        problems.at(start or source, error.problems[0].message)
        return None


def shown_as(path: str, tree: Tree) -> str:
    """Call a file as it was written."""
    written = tree.members["file"].value if "file" in tree.members else tree.value
    return str(written if isinstance(written, str) else path)


def tell(error: React1Error, tree: Tree, name: str, problems: Problems) -> None:
    """Complain about a file that could not be read, at its own line or where it is named."""
    found = error.problems if isinstance(error, PresetError) else (Problem(str(error)),)
    for one in found:
        if one.line:
            problems.reads(one.file)
            problems.on(Place(one.file, tree.place.folder, one.line, one.column), (), one.message)
        else:
            problems.at(tree, f"{name}: {one.message}")


def _edits(reading: Reading, place: Place, tree: Tree, lists: Lists, problems: Problems) -> Tree:
    problems.reads(place.file)
    for row in reading.of("wrong"):
        problems.on(_at(row, place), (), f"{row.entry.kind} {row.entry.name}: {row.why}")
    refused = [
        f"{_line(row, place)}{row.entry.kind} {row.entry.name} is left out: {row.why}" for row in reading.of("refused")
    ]
    if not reading.edits and not reading.of("wrong"):
        problems.at(tree, _none(reading, place.file, refused))
    lists.notes += refused
    edits = []
    for index, row in enumerate(reading.edits):
        fields = {"in": str(row.start), "out": str(row.end), **row.fields}
        edits.append(grown(fields, _at(row, place), (*(tree.path or ("edits",)), str(index))))
    return Tree(tuple(edits), tree.place, tree.path)


def _at(row: Row, place: Place) -> Place:
    return Place(place.file, place.folder, row.entry.line, 1 if row.entry.line else 0)


def _line(row: Row, place: Place) -> str:
    return f"{place.file}:{row.entry.line}: " if row.entry.line else f"{place.file}: "


def _none(reading: Reading, name: str, refused: list[str]) -> str:
    if refused:
        return f"no edit of {name} can be used: {'; '.join(refused[:4])}"
    count = len(reading.rows)
    misses = [row.why for row in reading.rows if "did you mean" in row.why][:1]
    hint = f" ({misses[0]})" if misses else ""
    return f"none of the {count} entries of {name} carries an edit, such as the text `react1: angry 0.8`{hint}"
