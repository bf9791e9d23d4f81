"""Entries of a list, a timeline, subtitles or a transcript, in file order and independent of the format.

There are two clocks. The *source* clock is that of the media that a clip was cut from; the *record* clock is that of
the programme that it was cut into. A `Timecode` is a label of a clock; `Seconds` and `Frames` count from the first
frame of the media or of the programme.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from ..core.times import Moment, Seconds, Timecode

EntryKind = Literal["clip", "marker", "row", "cue"]


@dataclass(frozen=True)
class Span:
    """Moments [start, end) of one clock; `frames` gives the length if the list has no end."""

    start: Moment
    end: Moment | None = None
    frames: int = 0
    """Length if there is no `end`; 0 for a point."""

    @property
    def is_point(self) -> bool:
        """Return whether the span has no length."""
        return (self.end is None and not self.frames) or self.start == self.end

    def __str__(self) -> str:
        if self.end is not None:
            return f"{self.start}–{self.end}"
        return f"{self.start} +{self.frames}f" if self.frames else str(self.start)


@dataclass(frozen=True)
class Clip:
    """The media of an entry, as its list names it; any part may be empty."""

    name: str = ""
    reel: str = ""
    path: str = ""
    """Path or URL of the media, as the list gives it."""

    def __str__(self) -> str:
        names = [repr(self.name or self.path)] if self.name or self.path else []
        return ", ".join([*names, *([f"reel {self.reel}"] if self.reel else [])]) or "no name"


@dataclass(frozen=True)
class Word:
    """One word of a transcript."""

    text: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True)
class Entry:
    """One event, clip, marker, row or cue."""

    kind: EntryKind
    name: str
    """Its name in the list: the event's number, the marker's name or the cue's number."""
    line: int = 0
    """Line in the file, from 1; 0 if unknown."""
    texts: tuple[str, ...] = ()
    """Comments, notes and names; any of them may contain an edit."""
    clip: Clip | None = None
    source: Span | None = None
    record: Span | None = None
    point: Moment | None = None
    """Position on the record clock of a marker without a length; its span is that of its clip."""
    drop: bool = False
    """Whether the list declares its labels drop-frame here, in addition to their separators."""
    unusable: str = ""
    """Why its span cannot be edited, such as a dissolve; empty if it can be."""
    words: tuple[Word, ...] = ()
    """The words of a cue, if their times are known."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Columns that contain an edit, keyed by the edit's field names."""

    @property
    def span(self) -> Span | None:
        """Return the record span, or the source span if there is no record span."""
        return self.record or self.source


@dataclass(frozen=True)
class Listing:
    """A parsed file."""

    format: str
    entries: tuple[Entry, ...]
    title: str = ""
    rate: Fraction | None = None
    """Frames per second of the record clock, if the file gives them."""
    start: Timecode | None = None
    """The label of the programme's first frame, if the file gives it."""
    starts_at_first: bool = False
    """Whether the programme begins with the first entry: true for a list of events, false for a list of markers."""
    labels_from_zero: bool = False
    """Whether labels count from 00:00:00:00 on a film without timecode, as in a job."""
    unread: tuple[tuple[int, str], ...] = ()
    """Lines that are not understood: (number, text)."""
