"""The edits that boxes pass on: a list that grows from box to box, and lists in files, which need the film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....config.checked_job import replace_files
from ....config.inputs import EDIT_FORM, check_edits, parse_edit
from ....core.edits.edit import Edit
from ....core.errors import PresetError, React1Error
from ....core.times import FORMS
from ....interchange.entries import ListFile
from ....located_yaml.explain import is_url, make_paths_absolute, validate
from ....located_yaml.located import Located, Location, Problems, from_plain, parse_yaml

if TYPE_CHECKING:
    from ....interchange.classify import ClassifiedEntry


@dataclass(frozen=True)
class EditList:
    """Edits, and lists of edits in files."""

    edits: tuple[Edit, ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()
    """Each a path as `file`, and how the list is read."""

    def add(self, *edits: Edit) -> EditList:
        """Return the list with more edits.

        Raises:
            PresetError: two of them overlap, or have one name.
        """
        longer = replace(self, edits=(*self.edits, *edits))
        dumped = [edit.model_dump(mode="json", by_alias=True, exclude_none=True) for edit in longer.edits]
        problems = Problems()
        check_edits(from_plain(dumped, Location("", Path())), problems)
        if problems:  # by their own words: which place of the list an edit has is not seen in a graph
            raise PresetError("; ".join(problem.message for problem in problems))
        return longer

    def joined(self, other: EditList | None) -> EditList:
        """Return both lists as one; `other` comes first."""
        if other is None:
            return self
        return replace(other.add(*self.edits), files=(*other.files, *self.files))


def local_files(edits: EditList) -> list[Path]:
    """Return the lists of edits, and the local files that edits name, such as new lines of dialogue."""
    paths = [Path(str(listed["file"])) for listed in edits.files]

    def collect(text: str) -> str:
        if not is_url(text):
            paths.append(Path(text))
        return text

    for edit in (*edits.edits, *(edit for listed in list(paths) for edit in _lines_of_list(listed))):
        replace_files(edit, collect)
    return paths


def _lines_of_list(path: Path) -> Iterator[Edit]:
    """Yield an edit for each new line of dialogue that a list names; its place, which only the film tells, is invented.

    A list or a line that cannot be read yields nothing: the run says what is wrong with it.
    """
    from ....interchange.classify import classify_entries
    from ....interchange.readers import read_listing

    entries: Sequence[ClassifiedEntry] = ()
    with suppress(React1Error):
        listing = read_listing(path, path.name)
        entries = classify_entries(listing, None, ListFile(file=str(path))).entries
    for entry in entries:
        with suppress(React1Error):
            if "audio" in entry.fields:
                yield make_edit({"in": "0f", "out": "1f", "audio": entry.fields["audio"]}, path.parent)


def make_edit(fields: Mapping[str, Any], folder: Path, label: str = "") -> Edit:
    """Build an edit from its fields as in a preset; relative paths start from `folder`.

    Raises:
        PresetError: a field is wrong, with a hint.
    """
    problems = Problems()
    edit = _validated(from_plain(dict(fields), Location(label, folder)), problems)
    problems.raise_if_any()
    assert edit is not None
    return edit


def parse_edits(text: str, folder: Path, name: str = "edits") -> tuple[Edit, ...]:
    """Read edits: a short form per line, such as `1.0-3.0:sad:0.8`, or YAML; `#` begins a comment.

    `name` is that of the text in messages.

    Raises:
        PresetError: a line or an entry is wrong; has its line.
    """
    problems = Problems()
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        return ()
    if any(parse_edit(line) for _, line in lines) or not any(":" in line and " " in line for _, line in lines):
        trees = [_short_form(line, Location(name, folder, number, 1), problems) for number, line in lines]
    else:
        trees = _yaml_entries(text, folder, name, problems)
    edits = [edit for tree in trees if tree is not None and (edit := _validated(tree, problems)) is not None]
    problems.raise_if_any()
    return tuple(edits)


def _validated(tree: Located, problems: Problems) -> Edit | None:
    edit = validate(Edit, make_paths_absolute(tree, Edit, problems), problems)
    return edit if isinstance(edit, Edit) else None


def _short_form(line: str, location: Location, problems: Problems) -> Located | None:
    fields = parse_edit(line)
    if fields is None:
        problems.add_at(location, (), f"expected {EDIT_FORM}; a time is {FORMS}")
        return None
    return from_plain(fields, location)


def _yaml_entries(text: str, folder: Path, name: str, problems: Problems) -> list[Located | None]:
    tree = parse_yaml(text.encode(), name, folder, problems)
    if tree is None:
        return []
    if isinstance(tree.value, Mapping):
        return list(tree.members["edits"].entries) if "edits" in tree.members else [tree]
    entries: list[Located | None] = []
    for entry in tree.entries:
        if isinstance(entry.value, str):
            entries.append(_short_form(entry.value, entry.location, problems))
        else:
            entries.append(entry)
    if not entries:
        raise PresetError(f"{name}: expected a list of edits, such as `- {{in: 1.0, out: 3.0, prompt: sad}}`")
    return entries
