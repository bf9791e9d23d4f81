"""Read tables of edits or markers: CSV and TSV with a header, including the marker lists that Premiere writes.

The first row names the columns; the separator is a comma, a semicolon or a tab, or what a line `sep=;` before it names.
Where it is no comma, numbers may have a decimal comma, as spreadsheets of many countries write them. `in` and `out` are
on the film's clock, as in a job; `source in` and `source out` are labels of a clip. A column named like a field of an
edit sets that field.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from ...core.edits.edit import EDIT_NAME
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
_NAME = re.compile(EDIT_NAME)
_NAMED_SEPARATOR = re.compile(r"\ufeff?sep=([,;\t])[,;\t]*", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*([-+]?[\d:]+),(\d+)\s*")
NUMBERS = ("in", "out", "duration", "source_in", "source_out", "temperature", "strength", "audio_gain")
"""The columns in which a comma between digits is a decimal point; in `face` it is not."""


@dataclass(frozen=True)
class Row:
    """One row of a table that is not empty, with its last line in the file, from 1."""

    line: int
    cells: list[str]


class NotATable(ValueError):
    """A text cannot be read as a table; has the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse_rows(text: str, column_of: Callable[[str], str]) -> list[Row]:
    """Return the rows of a table, the header first; `column_of` maps a title to the name of its column.

    Raises:
        NotATable: a quotation is wrong.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    named = _NAMED_SEPARATOR.fullmatch(lines[0].strip(" \r")) if lines else None
    delimiter = named[1] if named else max("\t;,", key=lines[0].count) if lines else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        rows = [Row(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise NotATable(str(error), reader.line_num) from error
    rows = rows[1:] if named else rows
    if delimiter == "," or not rows:
        return rows
    numbers = [column_of(title) in NUMBERS for title in rows[0].cells]
    return [rows[0], *(Row(row.line, _with_decimal_points(row.cells, numbers)) for row in rows[1:])]


def _with_decimal_points(cells: list[str], numbers: list[bool]) -> list[str]:
    """Replace the decimal comma of each cell in a column of numbers."""
    changed = list(cells)
    for number, (cell, is_number) in enumerate(zip(cells, numbers, strict=False)):
        match = _DECIMAL_COMMA.fullmatch(cell) if is_number else None
        if match:
            changed[number] = f"{match[1]}.{match[2]}"
    return changed


def read_table(text: str, name: str) -> Listing:
    """Read a table, one entry per row; `name` is the file's name in messages.

    Raises:
        PresetError: no column gives the start of a row, or the text is not a table.
    """
    rows = _rows(text, name)
    titles = [_title(cell) for cell in rows[0].cells]
    columns = [_column(title) for title in titles]
    if "in" not in columns and "source_in" not in columns:
        listed = ", ".join(repr(title) for title in titles[:8])
        raise file_error(name, f"its columns are {listed}; one must be called `in` (or start, record in, source in)", 1)
    check_entry_count(len(rows), name)
    entries = tuple(
        _entry(row.line, dict(_pairs(columns, row.cells)), number) for number, row in enumerate(rows[1:], 1)
    )
    unknown = [title for title, column in zip(titles, columns, strict=True) if not column and title]
    unread = ((1, f"unknown columns: {', '.join(unknown)}"),) if unknown else ()
    return Listing("table", entries, labels_from_zero=True, unread=unread)


def _rows(text: str, name: str) -> list[Row]:
    """Return the rows within the limits on cells."""
    try:
        rows = parse_rows(text, lambda title: _column(_title(title)))
    except NotATable as error:
        raise file_error(name, f"is not a table: {error}", error.line) from error
    for row in rows:
        if any(len(cell) > MAX_LINE_CHARS for cell in row.cells):
            raise file_error(name, f"a cell has more than {MAX_LINE_CHARS:,} characters", row.line)
    if len(rows) < 2:
        raise file_error(name, "has no row under its header")
    return rows


def _column(title: str) -> str:
    """Return the column that a title means, or ""."""
    field = title.replace(" ", "_")
    return _BY_TITLE.get(title) or (field if field in field_names() else "")


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
