"""Check edits against each other: overlapping spans, duplicate names."""

from __future__ import annotations

from ...core.times import Instant, Moment, order_key, parse_time
from ...located_yaml.located import Located, Problems


def check_edits(edits: Located, problems: Problems) -> None:
    """Report overlaps and duplicate names; spans in different units are compared later, by the rate."""
    spans: dict[type, list[tuple[Instant, Instant, Located]]] = {}
    for edit in edits.entries:
        start, end = _moment(edit, "in"), _moment(edit, "out")
        if start is None or end is None or type(start) is not type(end):
            continue
        if order_key(start) < order_key(end):  # the edit itself refuses other spans
            spans.setdefault(type(start), []).append((order_key(start), order_key(end), edit))
    for same_unit in spans.values():
        _report_overlaps(same_unit, problems)
    _report_repeated_names(edits, problems)


def _moment(edit: Located, key: str) -> Moment | None:
    child = edit.members.get(key)
    try:
        return parse_time(child.value) if child is not None else None
    except ValueError:
        return None


def _report_overlaps(spans: list[tuple[Instant, Instant, Located]], problems: Problems) -> None:
    spans.sort(key=lambda span: span[:2])
    last_end, last = spans[0][1], spans[0][2]
    for start, end, edit in spans[1:]:
        if start < last_end:
            earlier, later = sorted((edit, last), key=_line_and_column)
            problems.add(later, f"{_span_text(later)} overlaps {_span_text(earlier)}{_line_reference(earlier, later)}")
        if end > last_end:
            last_end, last = end, edit


def _line_and_column(edit: Located) -> tuple[int, int]:
    return edit.location.line, edit.location.column


def _span_text(edit: Located) -> str:
    return "–".join(str(_moment(edit, key)) for key in ("in", "out"))


def _line_reference(earlier: Located, later: Located) -> str:
    line = earlier.location.line
    return f" on line {line}" if line and line != later.location.line else ""


def _report_repeated_names(edits: Located, problems: Problems) -> None:
    first_uses: dict[str, Located] = {}
    for edit in edits.entries:
        name = edit.members.get("name")
        if name is None or not isinstance(name.value, str):
            continue
        if name.value in first_uses:
            problems.add(name, f"the name {name.value!r} is used by two edits")
        first_uses.setdefault(name.value, name)
