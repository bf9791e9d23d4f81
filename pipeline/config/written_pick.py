"""Write a choice into a job file: `pick: NAME` in one mapping of takes, and not one other byte changes.

Takes   the file's text, the keys that lead to the mapping, and the name.
Gives   the new text; it is read again, and differs in the choice and in nothing else.
Raises  PresetError where that cannot be done by such a change: the mapping comes from an alias, or is empty.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import PresetError
from ..located_yaml.located import Problems
from ..located_yaml.parse import read_tree
from ..located_yaml.text_spans import Part, Spot, spot_of

KEY = "pick"


def plain_of(text: str, file: str) -> Any:
    """Give what a preset or a job says, as plain values.

    Raises:
        PresetError: it is no YAML; every problem with its place.
    """
    problems = Problems()
    tree = read_tree(text.encode("utf-8", "surrogateescape"), file, Path(), problems)
    problems.stop()
    return tree.plain if tree is not None else None


def with_pick(text: str, path: Sequence[Part], name: str, file: str) -> str:
    """Give the text with a choice in the mapping of takes at `path`."""
    wanted = copy.deepcopy(plain_of(text, file))
    takes = _at(wanted, path)
    if takes.get(KEY) == name:
        return text
    takes[KEY] = name
    spot = spot_of(text, path)
    for changed in _changes(text, spot, name) if spot is not None else ():
        try:
            if plain_of(changed, file) == wanted:
                return changed
        except PresetError:
            continue
    raise PresetError(f"{file}: `takes` is written in a way that is not safe to change here; write {KEY}: {name} in it")


def _at(value: Any, path: Sequence[Part]) -> Any:
    for part in path:
        value = value[part]
    return value


def _changes(text: str, takes: Spot, name: str) -> Iterator[str]:
    """Give the ways to say it, the most natural one first."""
    quote = '"' if any(text[key.start] == '"' for key in takes.keys.values()) else ""
    said, value = f"{quote}{KEY}{quote}: {quote}{name}{quote}", f"{quote}{name}{quote}"
    if KEY in takes.members:
        yield from _replaced(text, takes, value)
    elif takes.members and takes.kind == "flow":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _put(text, last.end, f", {said}")
        yield _put(text, first.start, f"{said}, ")
    elif takes.members and takes.kind == "block":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _line_after(text, last.end, " " * first.column + said)
        yield _put(text, first.start, f"{said}{_newline(text)}{' ' * first.column}")


def _replaced(text: str, takes: Spot, value: str) -> Iterator[str]:
    key, old = takes.keys[KEY], takes.members[KEY]
    if old.empty:
        colon = text.find(":", key.end)
        yield _put(text, colon + 1, f" {value}")
        yield _put(text, key.end, f": {value}")
        return
    yield text[: old.start] + value + text[old.end :]


def _put(text: str, place: int, more: str) -> str:
    return text[:place] + more + text[place:]


def _line_after(text: str, place: int, line: str) -> str:
    """Put a line after the one in which `place` lies."""
    newline = _newline(text)
    end = text.find("\n", place)
    if end < 0:
        return f"{text}{newline}{line}"
    return _put(text, end + 1, line + newline)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
