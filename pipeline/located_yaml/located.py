"""Values that know where they were written, so that a problem can be reported with its file, line and column.

`parse_yaml` reads them and refuses tags, duplicate keys, merge keys, deep nesting and alias bombs, with their line. The
input is at most 1 MiB of UTF-8. Scalars follow YAML 1.2.2, chapter 10.3 (core schema): only `true` and `false` are
booleans, and `12:30` is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, Union

from ..core.errors import PresetError, Problem

Scalar: TypeAlias = bool | int | float | str | None
Json: TypeAlias = Union[bool, int, float, str, "list[Json]", "dict[str, Json]", None]


@dataclass(frozen=True)
class Location:
    """A character of a file, or an option of the command line."""

    file: str
    """As the user wrote it, or the option, such as `--edit`."""
    folder: Path
    """The absolute folder from which relative paths written there start."""
    line: int = 0
    """From 1; 0 for an option."""
    column: int = 0


@dataclass(frozen=True, eq=False)
class Located:
    """A value and its location."""

    value: Scalar | tuple[Located, ...] | Mapping[str, Located]
    location: Location
    path: tuple[str, ...] = ()
    """The keys that lead to it."""
    keys: Mapping[str, Location] = field(default_factory=dict)
    """The locations of a mapping's keys."""
    size: int = 1
    """The number of values in it, itself included, with all aliases expanded."""
    invalid: bool = False
    """Whether a problem with it is already reported; further ones are dropped."""

    @property
    def members(self) -> Mapping[str, Located]:
        """The mapping; empty for other values."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def entries(self) -> tuple[Located, ...]:
        """The sequence; empty for other values."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def plain(self) -> Json:
        """The value without locations, as JSON."""
        if isinstance(self.value, Mapping):
            return {key: child.plain for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain for child in self.value]
        return self.value

    def key_location(self, key: str) -> Location:
        """Return the location of a key, or of the mapping if the key is not in it."""
        return self.keys.get(key, self.location)

    def with_value(self, value: Scalar | tuple[Located, ...] | Mapping[str, Located]) -> Located:
        """Return another value at the same location."""
        return replace(self, value=value)


class Problems:
    """The problems so far, each listed once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._files: list[str] = []

    def begin_file(self, file: str) -> None:
        """Note that a file is being read; problems are sorted in the order of the files."""
        if file not in self._files:
            self._files.append(file)

    def add(self, located: Located, message: str) -> None:
        """Add a problem with a value."""
        if not located.invalid:
            self.add_at(located.location, located.path, message)

    def add_at(self, location: Location, path: tuple[str, ...], message: str) -> None:
        """Add a problem at a location."""
        self._problems[Problem(message, ".".join(path), location.file, location.line, location.column)] = None

    def covers(self, located: Located) -> bool:
        """Return whether there is a problem with exactly this value."""
        location = located.location
        wanted = (location.file, location.line, location.column, ".".join(located.path))
        return any((problem.file, problem.line, problem.column, problem.path) == wanted for problem in self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(tuple(self._problems))

    def raise_if_any(self) -> None:
        """Raise an error if there are problems.

        Raises:
            PresetError: with all problems, grouped by file and sorted by line.
        """
        if self._problems:
            for problem in self._problems:
                self.begin_file(problem.file)
            order = {file: number for number, file in enumerate(self._files)}
            raise PresetError(sorted(self._problems, key=lambda each: (order[each.file], each.line, each.column)))


def describe(value: object) -> str:
    """Return a value as messages show it, at most 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, dict)):
        return "a mapping"
    if isinstance(value, (tuple, list)):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def from_plain(value: object, location: Location, path: tuple[str, ...] = ()) -> Located:
    """Build a located value from a plain one, with one location for all of it."""
    if isinstance(value, Mapping):
        members = {str(key): from_plain(child, location, (*path, str(key))) for key, child in value.items()}
        return Located(members, location, path, dict.fromkeys(members, location))
    if isinstance(value, (list, tuple)):
        entries = tuple(from_plain(child, location, (*path, str(index))) for index, child in enumerate(value))
        return Located(entries, location, path)
    return Located(value if isinstance(value, (bool, int, float, str)) else None, location, path)


MAX_BYTES = 1 << 20
MAX_VALUES = 40_000
MAX_DEPTH = 40
_NO_MERGE = "merge keys (<<), which YAML 1.2 does not have, are not read; write the keys here"
_MAX_KEPT = 16 * 1024
"""Events of longer texts are not kept: presets and jobs have a few thousand characters."""

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NAMED_SCALARS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_NAMED_SCALARS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


class _Abort(Exception):
    """The text cannot be parsed further; the reason is already reported."""


def parse_yaml(data: bytes, file: str, folder: Path, problems: Problems) -> Located | None:
    """Parse one document; return None if it is not YAML.

    Args:
        data: the file's bytes.
        file: its name in messages.
        folder: the folder from which its relative paths start.
        problems: gets the errors.
    """
    start = Location(file, folder)
    problems.begin_file(file)
    if len(data) > MAX_BYTES:
        problems.add_at(start, (), "larger than 1 MiB, the limit for a preset or a job")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"not UTF-8 text: byte {error.start} is {data[error.start]:#04x}"
        problems.add_at(start, (), f"{what}; save the file as UTF-8")
        return None
    try:
        return _Composer(text, start, problems).document()
    except _Abort:
        return None


_OTHER_ERRORS = (ValueError, KeyError, IndexError, AttributeError, TypeError, AssertionError, NotImplementedError)
"""What the parser raises for some broken texts, besides errors of its own."""


@lru_cache(maxsize=16)
def _events_once(text: str) -> tuple[Any, ...]:
    """Return the parse events of a text, none if it is broken; all films of a batch have the same preset."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return tuple(_until_too_deep(YAML(typ="safe", pure=True).parse(text)))
    except (YAMLError, *_OTHER_ERRORS):
        return ()


def _until_too_deep(events: Iterable[Any]) -> Iterator[Any]:
    """Yield events up to the first value that is nested too deep: the parser's time grows with the depth's square."""
    depth = 0
    for event in events:
        yield event
        kind = type(event).__name__
        if kind.endswith(("SequenceStartEvent", "MappingStartEvent")):
            depth += 1
        elif kind.endswith(("SequenceEndEvent", "MappingEndEvent")):
            depth -= 1
        if depth > MAX_DEPTH + 1:  # the outermost value has depth 0
            return


class _Composer:
    """Builds the value from parse events, and counts while it does, so that limits apply before memory grows."""

    def __init__(self, text: str, start: Location, problems: Problems) -> None:
        self.start, self.problems = start, problems
        self.events = self._events(text)
        self.anchors: dict[str, Located | None] = {}
        self.count = 0

    def _events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        known_events = _events_once(text) if len(text) <= _MAX_KEPT else ()
        try:
            yield from known_events or YAML(typ="safe", pure=True).parse(text)
        except YAMLError as error:
            location, message = self._syntax(error, text)
        except _OTHER_ERRORS:
            location, message = self.start, "invalid YAML"
        else:
            return
        self.abort(location, (), message)

    def document(self) -> Located:
        tree: Located | None = None
        for event in self.events:
            kind = type(event).__name__
            if kind in ("StreamStartEvent", "DocumentEndEvent", "StreamEndEvent"):
                continue
            if kind == "DocumentStartEvent":
                if tree is not None:
                    self.abort(self.location(event), (), "a second YAML document begins here; a file has one")
                tree = self.node(next(self.events), (), 0)
        return tree or Located(None, replace(self.start, line=1, column=1))

    def node(self, event: Any, path: tuple[str, ...], depth: int) -> Located:
        location, kind = self.location(event), type(event).__name__
        self.count += 1
        if self.count > MAX_VALUES:
            self.abort(
                location,
                path,
                f"more than {MAX_VALUES:,} values, the limit for a preset or a job; split it, or list edits in a table",
            )
        if depth > MAX_DEPTH:
            self.abort(location, path[:3], f"nested deeper than {MAX_DEPTH} levels")
        if kind == "AliasEvent":
            return self.alias(event, path)
        if event.tag:
            self.problems.add_at(location, path, f"YAML tags are not supported; remove {event.tag!r}")
        if event.anchor:
            self.anchors[event.anchor] = None
        if kind == "ScalarEvent":
            tree = Located(self.scalar(event, location, path), location, path)
        elif kind == "SequenceStartEvent":
            tree = self.sequence(location, path, depth)
        else:
            tree = self.mapping(location, path, depth)
        if tree.size > MAX_VALUES:
            self.abort(location, path, f"{tree.size:,} values with all aliases expanded; the limit is {MAX_VALUES:,}")
        if event.anchor:
            self.anchors[event.anchor] = tree
        return tree

    def alias(self, event: Any, path: tuple[str, ...]) -> Located:
        location = self.location(event)
        if event.anchor not in self.anchors:
            self.abort(location, path, f"undefined alias *{event.anchor}; there is no &{event.anchor} above it")
        tree = self.anchors[event.anchor]
        if tree is None:
            self.abort(location, path, f"alias *{event.anchor} is inside the value that it refers to")
            raise _Abort
        return tree

    def sequence(self, location: Location, path: tuple[str, ...], depth: int) -> Located:
        entries: list[Located] = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            entries.append(self.node(event, (*path, str(len(entries))), depth + 1))
        return Located(tuple(entries), location, path, size=1 + sum(entry.size for entry in entries))

    def mapping(self, location: Location, path: tuple[str, ...], depth: int) -> Located:
        members: dict[str, Located] = {}
        keys: dict[str, Location] = {}
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key_location, key = self.location(event), getattr(event, "value", None)
            if not isinstance(key, str):
                self.abort(key_location, path, "a key must be plain text")
                raise _Abort
            self.count += 1
            value = self.node(next(self.events), (*path, key), depth + 1)
            if key == "<<":
                self.problems.add_at(key_location, (*path, key), _NO_MERGE)
                continue
            if key in members:
                first = keys[key]
                self.problems.add_at(key_location, (*path, key), f"duplicate key; first defined on line {first.line}")
                continue
            members[key], keys[key] = value, key_location
        return Located(members, location, path, keys, size=1 + sum(member.size for member in members.values()))

    def scalar(self, event: Any, location: Location, path: tuple[str, ...]) -> Scalar:
        if event.style or event.tag:
            return str(event.value)
        value = _plain(event.value)
        if isinstance(value, str) and value.lower() in (".inf", "-.inf", "+.inf", ".nan"):
            self.problems.add_at(location, path, f"{value} is not a finite number")
        return value

    def location(self, event: Any) -> Location:
        mark, start = event.start_mark, self.start
        return Location(start.file, start.folder, mark.line + 1, mark.column + 1)

    def abort(self, location: Location, path: tuple[str, ...], message: str) -> None:
        self.problems.add_at(location, path, message)
        raise _Abort

    def _syntax(self, error: Any, text: str) -> tuple[Location, str]:
        position = getattr(error, "position", None)
        if isinstance(position, int):
            before = text[:position]
            line, column = before.count("\n"), position - (before.rfind("\n") + 1)
            character = describe(text[position : position + 1])
            return self._location(line, column), f"the character {character} is not allowed in YAML"
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        location = self._location(mark.line, mark.column) if mark else self.start
        problem, context = getattr(error, "problem", None), getattr(error, "context", None)
        return location, _explain_syntax_error(problem or "not YAML", context or "")

    def _location(self, line: int, column: int) -> Location:
        return replace(self.start, line=line + 1, column=column + 1)


def _plain(text: str) -> Scalar:
    """Convert an unquoted scalar by the core schema; more than 40 characters stay text."""
    if text in _NAMED_SCALARS:
        return _NAMED_SCALARS[text]
    if len(text) > 40:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def _explain_syntax_error(problem: str, context: str) -> str:
    """Reword ruamel.yaml's error message for readers who do not know the YAML specification."""
    if "'\\t'" in problem:
        return "a tab where YAML needs spaces"
    if "mapping values are not allowed" in problem:
        return "unexpected colon: check the indentation, or quote a text that contains ': '"
    if "expected <block end>" in problem:
        return "this line does not match the lines above: check the indentation"
    if "found unexpected end of stream" in problem:
        return "a quoted text that began earlier has no end"
    if "could not find expected ':'" in problem:
        return "missing colon after a key"
    return f"{problem} ({context})" if context else problem
