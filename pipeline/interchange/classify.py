"""Classify each entry of a list as an edit, ignored, refused (with the reason) or wrong; pure.

An entry is an edit if its text or its columns say so (marker_syntax.py). A marker without a length applies to the clip
that it is on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.times import Moment
from .clip_matching import choose_clock, is_clip_of_film
from .entries import Entry, ListFile, Listing, Span
from .film import Film
from .map_to_film import ClockMapper, NotOnFilm
from .marker_syntax import EditFields, NotAnEdit, is_take_record, near_miss, parse_edit_text, parse_value

State = Literal["edit", "ignored", "refused", "wrong"]


@dataclass(frozen=True)
class ClassifiedEntry:
    """One entry and its classification."""

    entry: Entry
    state: State
    reason: str = ""
    start: Moment | None = None
    """In and out on the film's own clock, or on the list's clock if no film is known."""
    end: Moment | None = None
    fields: EditFields = field(default_factory=dict)


@dataclass(frozen=True)
class ClassifiedList:
    """A list, classified for a film."""

    listing: Listing
    clock: str
    """`source` or `record`: the clock of the list that the film shows; empty if no film is known."""
    entries: tuple[ClassifiedEntry, ...]
    notes: tuple[str, ...] = ()

    @property
    def edits(self) -> tuple[ClassifiedEntry, ...]:
        """Return the entries that are edits."""
        return tuple(entry for entry in self.entries if entry.state == "edit")

    def with_state(self, state: State) -> tuple[ClassifiedEntry, ...]:
        """Return the entries with one state."""
        return tuple(entry for entry in self.entries if entry.state == state)


def classify_entries(listing: Listing, film: Film | None, options: ListFile) -> ClassifiedList:
    """Classify each entry, for a film or for none in particular.

    Raises:
        PresetError: the list does not fit the film.
    """
    if film is None:
        return ClassifiedList(
            listing, "", tuple(_classify(entry, None, options, None, "") for entry in listing.entries)
        )
    clock, clock_notes = choose_clock(listing, film, options)
    mapper = ClockMapper(film, listing, clock)
    entries = tuple(_classify(entry, film, options, mapper, clock) for entry in listing.entries)
    has_edits = any(entry.state == "edit" for entry in entries)
    notes = (*clock_notes, *([mapper.notes] if mapper.notes and has_edits else []))
    return ClassifiedList(listing, clock, entries, notes)


def _classify(
    entry: Entry, film: Film | None, options: ListFile, mapper: ClockMapper | None, clock: str
) -> ClassifiedEntry:
    try:
        fields = _fields(entry)
    except NotAnEdit as error:
        return ClassifiedEntry(entry, "wrong", str(error))
    if fields is None:
        return ClassifiedEntry(entry, "ignored", _reason_ignored(entry))
    try:
        start, end = place_entry(entry, film, options, mapper, clock)
    except NotOnFilm as error:
        return ClassifiedEntry(entry, "refused", str(error), fields=fields)
    return ClassifiedEntry(entry, "edit", "", start, end, fields)


def _fields(entry: Entry) -> EditFields | None:
    """Return the edit in the columns or in one of the texts of an entry; None if there is none."""
    column_fields = {key: parse_value(key, value) for key, value in entry.fields.items()}
    text_edits = [edit for text in dict.fromkeys(entry.texts) if (edit := parse_edit_text(text)) is not None]
    if len(text_edits) > 1:
        raise NotAnEdit("has two edits; keep one of them")
    if not text_edits:
        return column_fields or None
    duplicates = sorted(set(column_fields) & set(text_edits[0]))
    if duplicates:
        raise NotAnEdit(f"sets {duplicates[0]} in a column and in its text; keep one of them")
    return {**column_fields, **text_edits[0]}


def _reason_ignored(entry: Entry) -> str:
    texts = [text for text in entry.texts if text]
    unusable = f"; {entry.unusable}" if entry.unusable else ""
    if not texts:
        return f"it has no text{unusable}"
    if any(is_take_record(text) for text in texts):
        return f"it describes a finished take{unusable}"
    hint = next((hint for text in texts if (hint := near_miss(text))), "")
    return f"its text does not begin with 'react1:'{hint}{unusable}"


def place_entry(
    entry: Entry, film: Film | None, options: ListFile, mapper: ClockMapper | None, clock: str
) -> tuple[Moment | None, Moment | None]:
    """Return the in and out points of an entry on the film.

    Raises:
        NotOnFilm: it cannot be edited there; the message gives the reason.
    """
    if entry.unusable:
        raise NotOnFilm(entry.unusable)
    span = entry.span if film is None or mapper is None else _span(entry, film, options, clock)
    if span is None:
        raise NotOnFilm("it has no time")
    if span.is_point:
        raise NotOnFilm("it has no length; give the marker a duration, or put it on a clip")
    return (span.start, span.end) if mapper is None else mapper.place(entry, span)


def _span(entry: Entry, film: Film, options: ListFile, clock: str) -> Span | None:
    if clock == "record":
        return entry.record
    if not is_clip_of_film(entry.clip, film, options):
        owner = f"it belongs to {entry.clip}" if entry.clip is not None else "it is on no clip"
        raise NotOnFilm(f"{owner}, and the film is {film.name!r}")
    return entry.source
