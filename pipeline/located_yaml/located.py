"""Values that remember where they were written, so that every complaint can point there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from ..core.errors import PresetError, Problem
from ..core.json_value import Json

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class Place:
    """A character of a file, or an option of the command line."""

    file: str
    """As the user wrote it, or the option, such as `--edit`."""
    folder: Path
    """Where relative paths that are written there start from; absolute."""
    line: int = 0
    """From 1; 0 for an option."""
    column: int = 0


@dataclass(frozen=True, eq=False)
class Tree:
    """A value and its place."""

    value: Scalar | tuple[Tree, ...] | Mapping[str, Tree]
    place: Place
    path: tuple[str, ...] = ()
    """The keys that lead to it."""
    keys: Mapping[str, Place] = field(default_factory=dict)
    """Where the keys of a mapping stand."""
    size: int = 1
    """How many values it holds, itself included, with all aliases written out."""
    void: bool = False
    """It stands for an input without a usable value: complaints about it would only repeat that."""

    @property
    def members(self) -> Mapping[str, Tree]:
        """The mapping, or an empty one where this is none."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def entries(self) -> tuple[Tree, ...]:
        """The sequence, or an empty one where this is none."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def plain(self) -> Json:
        """The value alone, as JSON."""
        if isinstance(self.value, Mapping):
            return {key: child.plain for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain for child in self.value]
        return self.value

    def key_place(self, key: str) -> Place:
        """Where a key stands, or the mapping where the key is not in it."""
        return self.keys.get(key, self.place)

    def with_value(self, value: Scalar | tuple[Tree, ...] | Mapping[str, Tree]) -> Tree:
        """Give another value for the same place."""
        return replace(self, value=value)


class Problems:
    """What is wrong so far, each thing once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._files: list[str] = []

    def reads(self, file: str) -> None:
        """Note that a file is being read; complaints come in the order of the files."""
        if file not in self._files:
            self._files.append(file)

    def at(self, tree: Tree, message: str) -> None:
        """Complain about a value."""
        if not tree.void:
            self.on(tree.place, tree.path, message)

    def on(self, place: Place, path: tuple[str, ...], message: str) -> None:
        """Complain about a place."""
        self._found[Problem(message, ".".join(path), place.file, place.line, place.column)] = None

    def told(self, tree: Tree) -> bool:
        """Tell whether there is a complaint about this very value."""
        place, path = tree.place, ".".join(tree.path)
        return any(
            (one.file, one.line, one.column, one.path) == (place.file, place.line, place.column, path)
            for one in self._found
        )

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(tuple(self._found))

    def stop(self) -> None:
        """End here if anything is wrong.

        Raises:
            PresetError: with all problems, those of one file together and from its top down.
        """
        if self._found:
            for problem in self._found:
                self.reads(problem.file)
            files = self._files
            raise PresetError(sorted(self._found, key=lambda one: (files.index(one.file), one.line, one.column)))


def shown(value: object) -> str:
    """Spell a value for a message."""
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


def grown(value: object, place: Place, path: tuple[str, ...] = ()) -> Tree:
    """Make a tree of a plain value, all of it at one place."""
    if isinstance(value, Mapping):
        members = {str(key): grown(child, place, (*path, str(key))) for key, child in value.items()}
        return Tree(members, place, path, dict.fromkeys(members, place))
    if isinstance(value, (list, tuple)):
        return Tree(tuple(grown(child, place, (*path, str(index))) for index, child in enumerate(value)), place, path)
    return Tree(value if isinstance(value, (bool, int, float, str)) else None, place, path)
