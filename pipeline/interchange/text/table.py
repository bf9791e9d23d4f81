"""Tables of edits or markers: CSV and TSV with a header, the lists of markers that Premiere writes among them.

Takes   text whose first row names its columns, parted by commas, semicolons or tabs.
Gives   a `Listing`: one entry per row. `in` and `out` are on the film's clock, as in a job; `source in` and `source
        out` are labels of a clip. A column that is called like a field of an edit carries it.
Raises  PresetError where no column tells when a row begins, or the text is no table.
"""

from __future__ import annotations

import csv
import io
import re

from ...core.times import Frames, Moment, Seconds, parse_time
from ..entries import Clip, Entry, Listing, Span
from ..limits import MOST_LINE, few_enough, wrong
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
    """Read a table; `name` is what messages call it."""
    rows = _rows(text, name)
    titles = [_title(cell) for cell in rows[0][1]]
    columns = [_BY_TITLE.get(title) or (title.replace(" ", "_") if title.replace(" ", "_") in field_names() else "")
               for title in titles]  # fmt: skip
    if "in" not in columns and "source_in" not in columns:
        told = ", ".join(repr(title) for title in titles[:8])
        raise wrong(name, f"its columns are {told}; one must be called `in` (or start, record in, source in)", 1)
    few_enough(len(rows), name)
    entries = tuple(
        _entry(line, dict(_joined(columns, cells)), number) for number, (line, cells) in enumerate(rows[1:], 1)
    )
    unknown = [title for title, column in zip(titles, columns, strict=True) if not column and title]
    unread = ((1, f"columns that mean nothing here: {', '.join(unknown)}"),) if unknown else ()
    return Listing("table", entries, labels_from_zero=True, unread=unread)


def _rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Give (line, cells) of each row that holds anything."""
    head = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max("\t;,", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if any(len(cell) > MOST_LINE for cell in cells):
                    raise wrong(name, f"a cell of more than {MOST_LINE:,} characters", reader.line_num)
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise wrong(name, f"is no table: {error}", reader.line_num) from error
    if len(found) < 2:
        raise wrong(name, "holds no row under its header")
    return found


def _title(cell: str) -> str:
    return " ".join(cell.strip().lower().replace("_", " ").split())


def _joined(columns: list[str], cells: list[str]) -> list[tuple[str, str]]:
    """Put cells to their columns; of two columns of one meaning the first that holds anything counts."""
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
    record, source, why = None, None, ""
    try:
        record = _span(cells, "in", "out", cells.get("duration"))
        source = _span(cells, "source_in", "source_out", cells.get("duration"))
        why = "" if record or source else "it has no time"
    except ValueError as error:
        why = str(error)
    name = cells.get("name") or str(number)
    return Entry("row", name, line, texts, clip, source, record, unusable=why, fields=fields)


def _span(cells: dict[str, str], first: str, last: str, duration: str | None) -> Span | None:
    """Read a span: its in, and its out or else its duration.

    Raises:
        ValueError: a cell holds no time.
    """
    if first not in cells:
        return None
    start = parse_time(cells[first])
    if last in cells:
        end = parse_time(cells[last])
        return Span(start) if end == start else Span(start, end)
    return _lasting(start, duration) if duration else Span(start)


def _lasting(start: Moment, duration: str) -> Span:
    lasts = parse_time(duration)
    if isinstance(start, Seconds) and isinstance(lasts, Seconds):
        return Span(start, Seconds(start.value + lasts.value))
    if isinstance(lasts, Frames):
        return Span(start, frames=lasts.count)
    raise ValueError(f"a duration of {duration} does not go with a start of {start}; give `out`")
