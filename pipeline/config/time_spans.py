"""Edits among themselves: spans that end before they begin, that overlap, or that share a name."""

from __future__ import annotations

from fractions import Fraction

from ..core.times import Frames, Moment, Timecode, parse_time
from ..located_yaml.located import Problems, Tree

Instant = tuple[int | Fraction, ...]


def check_edits(edits: Tree, problems: Problems) -> None:
    """Compare edits whose times are of one unit; what is mixed is compared when the film's rate is known."""
    spans: dict[type, list[tuple[Instant, Instant, Tree]]] = {}
    for edit in edits.entries:
        start, end = _moment(edit, "in"), _moment(edit, "out")
        if start is None or end is None or type(start) is not type(end):
            continue
        if _instant(end) <= _instant(start):
            problems.at(edit.members["out"], f"out {end} is not after in {start}")
        else:
            spans.setdefault(type(start), []).append((_instant(start), _instant(end), edit))
    for one_unit in spans.values():
        _overlaps(one_unit, problems)
    _names(edits, problems)


def _moment(edit: Tree, key: str) -> Moment | None:
    child = edit.members.get(key)
    try:
        return parse_time(child.value) if child is not None else None
    except ValueError:
        return None


def _instant(moment: Moment) -> Instant:
    """Make moments of one unit comparable; labels of a timecode rise with the frames that they name."""
    if isinstance(moment, Timecode):
        return (moment.hours, moment.minutes, moment.seconds, moment.frames)
    return (moment.count,) if isinstance(moment, Frames) else (moment.value,)


def _overlaps(spans: list[tuple[Instant, Instant, Tree]], problems: Problems) -> None:
    spans.sort(key=lambda span: span[:2])
    last_end, last = spans[0][1], spans[0][2]
    for start, end, edit in spans[1:]:
        if start < last_end:
            later, earlier = sorted((edit, last), key=lambda one: (one.place.line, one.place.column), reverse=True)
            problems.at(later, f"{_told(later)} overlaps {_told(earlier)}{_where(earlier, later)}")
        if end > last_end:
            last_end, last = end, edit


def _told(edit: Tree) -> str:
    return "–".join(str(_moment(edit, key)) for key in ("in", "out"))


def _where(earlier: Tree, later: Tree) -> str:
    line = earlier.place.line
    return f" of line {line}" if line and line != later.place.line else ""


def _names(edits: Tree, problems: Problems) -> None:
    first: dict[str, Tree] = {}
    for edit in edits.entries:
        name = edit.members.get("name")
        if name is None or not isinstance(name.value, str):
            continue
        if name.value in first:
            problems.at(name, f"two edits are called {name.value!r}")
        first.setdefault(name.value, name)
