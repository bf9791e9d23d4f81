"""Find where the values of a YAML text begin and end, so that one can be replaced without changing any other byte.

The positions come from ruamel.yaml's parse events. An empty value has none of its own; it ends where its key does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
