"""Values that know where they were written, so that a problem can be reported with its file, line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias, Union

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
