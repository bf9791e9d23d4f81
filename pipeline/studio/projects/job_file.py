"""The job file of a project: read, changed and written with a person's comments and order kept.

Every change is made on the file as it is on disk now. A change names the edit that it was made for by a digest of what
the page showed, so that two tabs, or a tab and a text editor, never overwrite each other silently. The text before each
change is kept beside the run data, for undo and redo after a restart too.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from ...core.edits.edit import Edit
from ...core.errors import PresetError, React1Error
from ...store.atomic import publish, storage_errors, temporary_path, write_text
from .yaml_text import Indent, dump_text, indent_of, parse_text, plain_value, yaml_value

MOST_UNDOS = 100
NEW_JOB_PRESET = "emotion-edit"
_NAME = re.compile(r"edit-(\d+)$")
_OTHER_NAMES = {"prompt": "emotion"}
"""Fields that a person may have written by another name."""


Mark = tuple[int, int, int]


def file_mark(path: Path) -> Mark | None:
    """Return what changes whenever a file is written; None while there is none, or no file can have that name."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class EditConflict(React1Error):
    """The file was changed by another tab or program where this change would go."""

    exit_status = 2


@dataclass(frozen=True)
class WrittenEdit:
    """One edit as it is in the file."""

    index: int
    digest: str
    """Of its content; a change must name it."""
    fields: dict[str, Any]
    """By their names in a new edit; in the file `prompt` may be called `emotion`."""
    edit: Edit | None
    problem: str
    """Why it is not a valid edit; empty if it is."""

    @property
    def picked(self) -> dict[str, Any]:
        """What the take has that was picked of those that the edit compares: its value of each list; else empty."""
        matrix = self.edit.takes if self.edit is not None else None
        return dict(matrix.picked.choices) if matrix is not None and matrix.picked is not None else {}


class JobFile:
    """One job file and its history."""

    def __init__(
        self,
        path: Path,
        history_path: Path,
        new_values: Mapping[str, str] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        """Open a job; it needs not exist yet.

        Args:
            path: the job file.
            history_path: where the texts for undo are kept.
            new_values: the inputs that a new job has, such as its film, relative to the job's folder.
            folders: where its films may be written besides its own folder, and which a message about that names.
        """
        self.path = path
        self._history_path = history_path
        self.folders = folders
        self._new_values = dict(new_values or {})
        self._lock = threading.RLock()
        self._parsed: tuple[str, dict[str, Any], list[WrittenEdit]] | None = None
        """The text that was read last, and what it says."""
        self._indent: tuple[str, Indent] | None = None
        """The text that was written last, and its indentation: to find it takes as long as a change."""

    def text(self) -> str:
        """Return the content of the file; that of a new job if there is none.

        Raises:
            PresetError: it cannot be read.
        """
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            inputs = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in self._new_values.items())
            return "\n".join([f"preset: {NEW_JOB_PRESET}", *inputs, "edits: []", ""])
        except (OSError, UnicodeDecodeError) as error:
            raise PresetError(f"{self.path.name} cannot be read: {error}") from error

    @property
    def version(self) -> str:
        """A digest of the content; empty while the file cannot be read."""
        try:
            return text_digest(self.text())
        except PresetError:
            return ""

    def document(self) -> CommentedMap:
        """Return the content with its comments.

        Raises:
            PresetError: it is not YAML with a mapping at its top.
        """
        return parse_text(self.text(), self.path.name)

    def edits(self) -> list[WrittenEdit]:
        """Return the edits in the order of the file.

        Raises:
            PresetError: the file is not YAML, or its edits come from a list of another file.
        """
        return self._read()[1]

    def options(self) -> dict[str, Any]:
        """Return the job's inputs besides its edits, as plain values; raises as `edits` does."""
        return self._read()[0]

    def mark(self) -> Mark | None:
        """Return what changes whenever the file does; None while there is none."""
        return file_mark(self.path)

    def _read(self) -> tuple[dict[str, Any], list[WrittenEdit]]:
        text = self.text()
        if self._parsed is None or self._parsed[0] != text:
            document = parse_text(text, self.path.name)
            edits = [_written(index, raw) for index, raw in enumerate(_edit_list(document, self.path.name))]
            options = {str(name): plain_value(value) for name, value in document.items() if name != "edits"}
            self._parsed = (text, options, edits)
        return dict(self._parsed[1]), list(self._parsed[2])

    def change(
        self,
        change: Callable[[CommentedMap, CommentedSeq], None],
        check: Callable[[Path, Path], None] | None = None,
    ) -> None:
        """Change the edits, and keep the text of before for undo.

        Args:
            change: changes the document and its list of edits in place.
            check: called with two files beside the job, as it is and as it would be; it raises to refuse the change.

        Raises:
            PresetError: the file cannot be read, or the change is refused.
        """
        with self._lock:
            before = self.text()
            document = parse_text(before, self.path.name)
            change(document, _edit_list(document, self.path.name))
            indent = self._indent[1] if self._indent and self._indent[0] == before else indent_of(before)
            after = dump_text(document, indent, before)
            if after == before:
                return
            if check is not None:
                with self._scratch_file(before) as old, self._scratch_file(after) as new:
                    check(old, new)
            self._write(after)
            self._indent = (after, indent)
            undo, _ = self._history()
            self._write_history([*undo, [before, text_digest(after)]][-MOST_UNDOS:], [])

    def set_fields(self, index: int, digest: str, values: Mapping[str, Any]) -> None:
        """Set fields of one edit; None removes one. The other edits may have been changed meanwhile.

        Raises:
            EditConflict: this edit was changed meanwhile.
            PresetError: the changed edit would not be valid; the message says why.
        """

        def apply(_document: CommentedMap, edits: CommentedSeq) -> None:
            raw = self._find(edits, index, digest)
            for field, value in values.items():
                name = _OTHER_NAMES.get(field, field)
                name = name if name in raw else field
                if value is None:
                    raw.pop(name, None)
                else:
                    raw[name] = yaml_value(value)
            _valid_edit(plain_value(raw))

        self.change(apply)

    def add(self, values: Mapping[str, Any], known_names: Iterable[str] = ()) -> str:
        """Add an edit, as the last one, with a name of its own, which is none of the known ones; return the name.

        Raises:
            PresetError: it would not be valid.
        """
        name = ""

        def apply(_document: CommentedMap, edits: CommentedSeq) -> None:
            nonlocal name
            names = [*known_names, *(str(raw.get("name", "")) for raw in edits)]
            numbers = [match[1] for edit_name in names if (match := _NAME.match(edit_name))]
            name = str(values.get("name") or f"edit-{max(map(int, numbers), default=0) + 1}")
            raw = CommentedMap()
            raw.fa.set_flow_style()
            raw["name"] = name
            for field, value in values.items():
                if value is not None and field != "name":
                    raw[field] = yaml_value(value)
            _valid_edit(plain_value(raw))
            if not edits:
                edits.fa.set_block_style()
            edits.append(raw)

        self.change(apply)
        return name

    def remove(self, index: int, digest: str) -> None:
        """Remove one edit.

        Raises:
            EditConflict: it was changed meanwhile.
        """

        def apply(_document: CommentedMap, edits: CommentedSeq) -> None:
            edits.remove(self._find(edits, index, digest))

        self.change(apply)

    def set_option(self, name: str, value: Any, check: Callable[[Path, Path], None] | None = None) -> None:
        """Set an input of the job, such as `out`; None removes it; `check` as for `change`."""

        def apply(document: CommentedMap, _edits: CommentedSeq) -> None:
            if value is None:
                document.pop(name, None)
            else:
                document[name] = yaml_value(value)

        self.change(apply, check)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._history()[0])

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return bool(self._history()[1])

    def undo(self) -> None:
        """Return to the text before the last change.

        Raises:
            EditConflict: the file was changed outside since then.
            PresetError: there is nothing to undo.
        """
        self._go_back(redo=False)

    def redo(self) -> None:
        """Make an undone change again; raises as `undo` does."""
        self._go_back(redo=True)

    def _go_back(self, *, redo: bool) -> None:
        with self._lock:
            stacks = list(self._history())
            source, target = (stacks[1], stacks[0]) if redo else (stacks[0], stacks[1])
            if not source:
                raise PresetError("there is nothing to redo" if redo else "there is nothing to undo")
            text, expected = source[-1]
            now = self.text()
            if text_digest(now) != expected:
                raise EditConflict(f"{self.path.name} was changed by another program since then; nothing was undone")
            self._write(text)
            source.pop()
            target.append([now, text_digest(text)])
            self._write_history(stacks[0], stacks[1])

    def _find(self, edits: CommentedSeq, index: int, digest: str) -> CommentedMap:
        """Return the edit with this content: at its place, or elsewhere if edits were added before it."""
        order = sorted(range(len(edits)), key=lambda number: abs(number - index))
        for number in order:
            if _raw_digest(edits[number]) == digest:
                raw: CommentedMap = edits[number]
                return raw
        raise EditConflict("this edit was changed or removed in another tab or program; look at it, then do this again")

    def _history(self) -> tuple[list[list[str]], list[list[str]]]:
        try:
            data = json.loads(self._history_path.read_text("utf-8"))
            return data["undo"], data["redo"]
        except (OSError, ValueError, KeyError, TypeError):
            return [], []

    def _write_history(self, undo: list[list[str]], redo: list[list[str]]) -> None:
        write_text(self._history_path, json.dumps({"undo": undo, "redo": redo}), private=True)

    @contextmanager
    def _scratch_file(self, text: str) -> Iterator[Path]:
        """Write a text into a hidden file of the job's folder, where its paths mean the same; remove it after use."""
        part = temporary_path(self.path)
        with storage_errors(part.parent):
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(text.encode("utf-8"))
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        """Replace the file atomically; keep its mode, and follow a link."""
        file = self.path.resolve()
        part = temporary_path(file)
        with storage_errors(file.parent):
            try:
                part.write_bytes(text.encode("utf-8"))
                if file.exists():
                    shutil.copymode(file, part)
                publish(part, file)
            finally:
                part.unlink(missing_ok=True)


def _edit_list(document: CommentedMap, name: str) -> CommentedSeq:
    if "steps" in document:
        raise PresetError(f"{name} is a preset, not a job; open a job that names it")
    edits = document.get("edits")
    if edits is None:
        edits = CommentedSeq()
        document["edits"] = edits
    if not isinstance(edits, CommentedSeq) or not all(isinstance(raw, CommentedMap) for raw in edits):
        raise PresetError(f"the edits of {name} are in another file; the page changes only edits in the job itself")
    return edits


def _written(index: int, raw: CommentedMap) -> WrittenEdit:
    fields = plain_value(raw)
    try:
        edit, problem = _valid_edit(fields), ""
    except PresetError as error:
        edit, problem = None, error.problems[0].message
        fields = json.loads(json.dumps(fields, ensure_ascii=False).encode(errors="replace"))
    return WrittenEdit(index, _raw_digest(raw), _by_own_names(fields), edit, problem)


def _by_own_names(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an edit, and the lists of its takes, by the names that the page knows."""
    own = {other: name for name, other in _OTHER_NAMES.items()}
    named = {own.get(name, name): value for name, value in fields.items()}
    takes = named.get("takes")
    return {**named, "takes": _by_own_names(takes)} if isinstance(takes, dict) else named


def _valid_edit(fields: dict[str, Any]) -> Edit:
    """Return the edit that has these fields.

    Raises:
        PresetError: they are not valid, or no answer to the page could repeat them.
    """
    try:
        json.dumps(fields, ensure_ascii=False).encode()
        return Edit.model_validate(fields)
    except UnicodeEncodeError as error:
        raise PresetError("a text contains an unpaired surrogate") from error
    except ValidationError as error:
        raise PresetError(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    detail = error.errors()[0]
    place = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _raw_digest(raw: CommentedMap) -> str:
    return text_digest(json.dumps(plain_value(raw), sort_keys=True))


def text_digest(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:20]
