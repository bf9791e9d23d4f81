"""What becomes of each entry of a list: an edit, ignored, refused with the reason, or wrong; pure.

An entry is an edit where its text or its columns say so (marks.py). A marker that has no length stands for the clip
that it is on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.times import Moment
from .clip_matching import belongs, choose_clock
from .entries import Entry, Listing, Span
from .film import Film
from .list_options import ListFile
from .map_to_film import Onto, Outside
from .marker_syntax import Fields, NotAnEdit, is_record, near_miss, plain, read_mark

State = Literal["edit", "ignored", "refused", "wrong"]


@dataclass(frozen=True)
class Row:
    """One entry, and what becomes of it."""

    entry: Entry
    state: State
    why: str = ""
    start: Moment | None = None
    """In and out on the film's own clock; on the list's where no film is known."""
    end: Moment | None = None
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """A list, read for a film."""

    listing: Listing
    clock: str
    """`source` or `record`: which clock of the list the film shows; empty where no film is known."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def edits(self) -> tuple[Row, ...]:
        """The rows that are edits."""
        return tuple(row for row in self.rows if row.state == "edit")

    def of(self, state: State) -> tuple[Row, ...]:
        """The rows of one kind."""
        return tuple(row for row in self.rows if row.state == state)


def read_rows(listing: Listing, film: Film | None, asked: ListFile) -> Reading:
    """Tell what becomes of each entry, for a film or for none in particular.

    Raises:
        PresetError: the list does not fit the film.
    """
    if film is None:
        return Reading(listing, "", tuple(_row(entry, None, asked, None, "") for entry in listing.entries))
    clock, said = choose_clock(listing, film, asked)
    onto = Onto(film, listing, clock)
    rows = tuple(_row(entry, film, asked, onto, clock) for entry in listing.entries)
    told = (*said, *([onto.notes] if onto.notes and any(row.state == "edit" for row in rows) else []))
    return Reading(listing, clock, rows, told)


def _row(entry: Entry, film: Film | None, asked: ListFile, onto: Onto | None, clock: str) -> Row:
    try:
        fields = _fields(entry)
    except NotAnEdit as error:
        return Row(entry, "wrong", str(error))
    if fields is None:
        return Row(entry, "ignored", _why_ignored(entry))
    try:
        start, end = place(entry, film, asked, onto, clock)
    except Outside as error:
        return Row(entry, "refused", str(error), fields=fields)
    return Row(entry, "edit", "", start, end, fields)


def _fields(entry: Entry) -> Fields | None:
    """Give the edit that an entry carries in its columns or in one of its texts."""
    told = {key: plain(key, value) for key, value in entry.fields.items()}
    marks = [mark for text in dict.fromkeys(entry.texts) if (mark := read_mark(text)) is not None]
    if len(marks) > 1:
        raise NotAnEdit("carries two edits; keep one of them")
    if not marks:
        return told or None
    twice = sorted(set(told) & set(marks[0]))
    if twice:
        raise NotAnEdit(f"says {twice[0]} in a column and in its text; keep one of them")
    return {**told, **marks[0]}


def _why_ignored(entry: Entry) -> str:
    texts = [text for text in entry.texts if text]
    more = f"; {entry.unusable}" if entry.unusable else ""
    if not texts:
        return f"carries no text{more}"
    if any(is_record(text) for text in texts):
        return f"it tells of a take that was made{more}"
    return (
        f"its text does not begin with 'react1:'{next((miss for text in texts if (miss := near_miss(text))), '')}{more}"
    )


def place(
    entry: Entry, film: Film | None, asked: ListFile, onto: Onto | None, clock: str
) -> tuple[Moment | None, Moment | None]:
    """Give where an entry lies on the film.

    Raises:
        Outside: it cannot be edited there; the message says why.
    """
    if entry.unusable:
        raise Outside(entry.unusable)
    span = entry.span if film is None or onto is None else _span(entry, film, asked, clock)
    if span is None:
        raise Outside("it has no time")
    if span.is_point:
        raise Outside("it has no length; give the marker a duration, or put it on a clip")
    return (span.start, span.end) if onto is None else onto.place(entry, span)


def _span(entry: Entry, film: Film, asked: ListFile, clock: str) -> Span | None:
    if clock == "record":
        return entry.record
    if not belongs(entry.clip, film, asked):
        whose = f"it is of {entry.clip}" if entry.clip is not None else "it is on no clip"
        raise Outside(f"{whose}, and the film is {film.name!r}")
    return entry.source
