"""Write a choice into a job file: set `pick: NAME` in one mapping of takes without changing any other byte.

The new text is parsed again and compared, so that it differs in the choice only. A mapping that comes from an alias
or is empty cannot be changed this way and raises PresetError.

The positions of values in the text come from ruamel.yaml's parse events. An empty value has none of its own; it ends
where its key does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.errors import PresetError
from ..located_yaml.located import Problems
from ..located_yaml.parse import parse_yaml

PathPart = str | int


@dataclass(frozen=True)
class TextSpan:
    """A value in a text: the characters [start, end)."""

    kind: Literal["scalar", "flow", "block", "alias"]
    start: int
    end: int
    """For a block, the end of its last value; only a comment can follow on that line."""
    column: int
    line: int
    """From 0."""
    empty: bool = False
    keys: dict[str, TextSpan] = field(default_factory=dict)
    """The keys of a mapping."""
    members: dict[PathPart, TextSpan] = field(default_factory=dict)
    """The values of a mapping by key, or of a sequence by index."""


def find_span(text: str, path: Sequence[PathPart]) -> TextSpan | None:
    """Find a value by the keys and indexes that lead to it; return None if it is missing or behind an alias."""
    span = _document(text)
    for part in path:
        span = span.members.get(part) if span is not None else None
    return span


def _document(text: str) -> TextSpan | None:
    from ruamel.yaml import YAML

    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if type(event).__name__ == "DocumentStartEvent":
            return _value(next(events), events, 0)
    return None


def _value(event: Any, events: Iterator[Any], after: int) -> TextSpan:
    """Read one value; `after` is the end of its key."""
    begin, kind = event.start_mark, type(event).__name__
    start, end = begin.index, event.end_mark.index
    if kind == "AliasEvent":
        return TextSpan("alias", start, end, begin.column, begin.line)
    if kind == "ScalarEvent":
        empty = not event.value and not event.style
        start, end = (after, after) if empty else (start, end)
        return TextSpan("scalar", start, end, begin.column, begin.line, empty)
    keys: dict[str, TextSpan] = {}
    members: dict[PathPart, TextSpan] = {}
    last = end
    while not type(event := next(events)).__name__.endswith(("MappingEndEvent", "SequenceEndEvent")):
        if kind == "SequenceStartEvent":
            span = members[len(members)] = _value(event, events, event.start_mark.index)
        else:
            key = _value(event, events, event.start_mark.index)
            span = _value(next(events), events, key.end)
            keys[str(event.value)], members[str(event.value)] = key, span
        last = span.end
    flow = bool(event.end_mark.index > event.start_mark.index)
    finish = event.end_mark.index if flow else last
    return TextSpan("flow" if flow else "block", start, finish, begin.column, begin.line, False, keys, members)


KEY = "pick"


def parse_plain(text: str, file: str) -> Any:
    """Parse a preset or a job into plain values.

    Raises:
        PresetError: the text is not YAML; every problem has its line.
    """
    problems = Problems()
    tree = parse_yaml(text.encode("utf-8", "surrogateescape"), file, Path(), problems)
    problems.raise_if_any()
    return tree.plain if tree is not None else None


def set_pick(text: str, path: Sequence[PathPart], name: str, file: str) -> str:
    """Return the text with a choice in the mapping of takes at `path`.

    Raises:
        PresetError: the mapping cannot be changed in place.
    """
    target = copy.deepcopy(parse_plain(text, file))
    takes = _value_at(target, path)
    if takes.get(KEY) == name:
        return text
    takes[KEY] = name
    span = find_span(text, path)
    for changed in _candidates(text, span, name) if span is not None else ():
        try:
            if parse_plain(changed, file) == target:
                return changed
        except PresetError:
            continue
    raise PresetError(f"{file}: `takes` cannot be changed safely here; add {KEY}: {name} to it by hand")


def _value_at(value: Any, path: Sequence[PathPart]) -> Any:
    for part in path:
        value = value[part]
    return value


def _candidates(text: str, takes: TextSpan, name: str) -> Iterator[str]:
    """Yield texts with the choice set, the most natural style first."""
    quote = '"' if any(text[key.start] == '"' for key in takes.keys.values()) else ""
    pair, value = f"{quote}{KEY}{quote}: {quote}{name}{quote}", f"{quote}{name}{quote}"
    if KEY in takes.members:
        yield from _replacements(text, takes, value)
    elif takes.members and takes.kind == "flow":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _insert(text, last.end, f", {pair}")
        yield _insert(text, first.start, f"{pair}, ")
    elif takes.members and takes.kind == "block":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _line_after(text, last.end, " " * first.column + pair)
        yield _insert(text, first.start, f"{pair}{_newline(text)}{' ' * first.column}")


def _replacements(text: str, takes: TextSpan, value: str) -> Iterator[str]:
    key, old = takes.keys[KEY], takes.members[KEY]
    if old.empty:
        colon = text.find(":", key.end)
        yield _insert(text, colon + 1, f" {value}")
        yield _insert(text, key.end, f": {value}")
        return
    yield text[: old.start] + value + text[old.end :]


def _insert(text: str, offset: int, insertion: str) -> str:
    return text[:offset] + insertion + text[offset:]


def _line_after(text: str, offset: int, line: str) -> str:
    """Insert a line after the one that contains `offset`."""
    newline = _newline(text)
    end = text.find("\n", offset)
    if end < 0:
        return f"{text}{newline}{line}"
    return _insert(text, end + 1, line + newline)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
