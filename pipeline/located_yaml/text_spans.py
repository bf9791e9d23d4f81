"""Where the parts of a YAML text begin and end, so that one of them can be changed and every other byte kept.

Source  the marks of ruamel.yaml's parse events; an empty value has none of its own, so it ends where its key does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Part = str | int


@dataclass(frozen=True)
class Spot:
    """A value in a text: the characters [start, end)."""

    kind: Literal["scalar", "flow", "block", "alias"]
    start: int
    end: int
    """For a block, where its last value ends: what follows on that line is a comment at most."""
    column: int
    line: int
    """From 0."""
    empty: bool = False
    keys: dict[str, Spot] = field(default_factory=dict)
    """The keys of a mapping."""
    members: dict[Part, Spot] = field(default_factory=dict)
    """The values of a mapping by key, or of a sequence by place."""


def spot_of(text: str, path: Sequence[Part]) -> Spot | None:
    """Find a value by the keys and places that lead to it; None where an alias stands on the way, or no such value."""
    spot = _document(text)
    for part in path:
        spot = spot.members.get(part) if spot is not None else None
    return spot


def _document(text: str) -> Spot | None:
    from ruamel.yaml import YAML

    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if type(event).__name__ == "DocumentStartEvent":
            return _value(next(events), events, 0)
    return None


def _value(event: Any, events: Iterator[Any], after: int) -> Spot:
    """Read one value; `after` is where what leads to it ends."""
    begin, kind = event.start_mark, type(event).__name__
    start, end = begin.index, event.end_mark.index
    if kind == "AliasEvent":
        return Spot("alias", start, end, begin.column, begin.line)
    if kind == "ScalarEvent":
        empty = not event.value and not event.style
        start, end = (after, after) if empty else (start, end)
        return Spot("scalar", start, end, begin.column, begin.line, empty)
    keys: dict[str, Spot] = {}
    members: dict[Part, Spot] = {}
    last = end
    while not type(event := next(events)).__name__.endswith(("MappingEndEvent", "SequenceEndEvent")):
        if kind == "SequenceStartEvent":
            spot = members[len(members)] = _value(event, events, event.start_mark.index)
        else:
            key = _value(event, events, event.start_mark.index)
            spot = _value(next(events), events, key.end)
            keys[str(event.value)], members[str(event.value)] = key, spot
        last = spot.end
    flow = bool(event.end_mark.index > event.start_mark.index)
    finish = event.end_mark.index if flow else last
    return Spot("flow" if flow else "block", start, finish, begin.column, begin.line, False, keys, members)
