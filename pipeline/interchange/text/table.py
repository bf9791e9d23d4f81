"""Read tables of edits or markers: CSV and TSV with a header, including the marker lists that Premiere writes.

The first row names the columns; the separator is a comma, a semicolon or a tab. `in` and `out` are on the film's clock,
as in a job; `source in` and `source out` are labels of a clip. A column named like a field of an edit sets that field.
"""

from __future__ import annotations

import csv
import io
import re

from ...core.times import Frames, Moment, Seconds, parse_time
from ..entries import Clip, Entry, Listing, Span
from ..limits import MAX_LINE_CHARS, check_entry_count, file_error
from ..marker_syntax import field_names

_COLUMNS = {
    "in": ("in", "start", "begin", "from", "in point", "start time", "record in", "timecode", "tc in"),
    "out": ("out", "end", "to", "until", "out point", "end time", "record out", "tc out"),
    "duration": ("duration", "length"),
    "source_in": ("source in", "src in", "source start"),
    "source_out": ("source out", "src out", "source end"),
    "name": ("name", "marker name", "title", "id", "#"),
    "text": ("text", "description", "comment", "comments", "note", "notes", "react1", "marker", "edit"),
    "clip": ("clip", "clip name", "file", "source file", "source", "media"),
    "reel": ("reel", "reel name", "tape", "tape name"),
}
_BY_TITLE = {title: column for column, titles in _COLUMNS.items() for title in titles}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_table(text: str, name: str) -> Listing:
    """Read a table, one entry per row; `name` is the file's name in messages.

    Raises:
        PresetError: no column gives the start of a row, or the text is not a table.
    """
    rows = _rows(text, name)
    titles = [_title(cell) for cell in rows[0][1]]
    columns = [_BY_TITLE.get(title) or (title.replace(" ", "_") if title.replace(" ", "_") in field_names() else "")
               for title in titles]  # fmt: skip
    if "in" not in columns and "source_in" not in columns:
        listed = ", ".join(repr(title) for title in titles[:8])
        raise file_error(name, f"its columns are {listed}; one must be called `in` (or start, record in, source in)", 1)
    check_entry_count(len(rows), name)
    entries = tuple(
        _entry(line, dict(_pairs(columns, cells)), number) for number, (line, cells) in enumerate(rows[1:], 1)
    )
    unknown = [title for title, column in zip(titles, columns, strict=True) if not column and title]
    unread = ((1, f"unknown columns: {', '.join(unknown)}"),) if unknown else ()
    return Listing("table", entries, labels_from_zero=True, unread=unread)


def _rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Return (line, cells) of each row that is not empty."""
    head = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max("\t;,", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if any(len(cell) > MAX_LINE_CHARS for cell in cells):
                    raise file_error(name, f"a cell has more than {MAX_LINE_CHARS:,} characters", reader.line_num)
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise file_error(name, f"is not a table: {error}", reader.line_num) from error
    if len(rows) < 2:
        raise file_error(name, "has no row under its header")
    return rows


def _title(cell: str) -> str:
    return " ".join(cell.strip().lower().replace("_", " ").split())


def _pairs(columns: list[str], cells: list[str]) -> list[tuple[str, str]]:
    """Return (column, cell) pairs, last first, so that `dict` keeps the first of several columns with one meaning."""
    pairs = [(column, cell.strip()) for column, cell in zip(columns, cells, strict=False) if column and cell.strip()]
    return pairs[::-1]


def _entry(line: int, cells: dict[str, str], number: int) -> Entry:
    fields = {key: value for key, value in cells.items() if key in field_names() and key != "name"}
    if "emotion" in fields:
        fields.setdefault("prompt", fields.pop("emotion"))
    if _NAME.fullmatch(cells.get("name", "")) and fields:
        fields["name"] = cells["name"]
    clip = Clip(cells.get("clip", ""), cells.get("reel", "")) if {"clip", "reel"} & set(cells) else None
    texts = tuple(text for key in ("text", "name") if (text := cells.get(key, "")))
    record, source, unusable = None, None, ""
    try:
        record = _span(cells, "in", "out", cells.get("duration"))
        source = _span(cells, "source_in", "source_out", cells.get("duration"))
        unusable = "" if record or source else "it has no time"
    except ValueError as error:
        unusable = str(error)
    name = cells.get("name") or str(number)
    return Entry("row", name, line, texts, clip, source, record, unusable=unusable, fields=fields)


def _span(cells: dict[str, str], first: str, last: str, duration: str | None) -> Span | None:
    """Parse a span: its in, and its out or else its duration.

    Raises:
        ValueError: a cell is not a time.
    """
    if first not in cells:
        return None
    start = parse_time(cells[first])
    if last in cells:
        end = parse_time(cells[last])
        return Span(start) if end == start else Span(start, end)
    return _with_duration(start, duration) if duration else Span(start)


def _with_duration(start: Moment, duration: str) -> Span:
    length = parse_time(duration)
    if isinstance(start, Seconds) and isinstance(length, Seconds):
        return Span(start, Seconds(start.value + length.value))
    if isinstance(length, Frames):
        return Span(start, frames=length.count)
    raise ValueError(f"a duration of {duration} cannot be added to a start of {start}; give `out`")
