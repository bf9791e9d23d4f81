"""What is read from a list, a timeline, subtitles or a transcript, whatever wrote it: entries in their order.

Two clocks are told apart. The *source* clock is that of the media which a clip was cut from; the *record* clock is
that of the programme it was cut into. A `Timecode` is a label of a clock; `Seconds` and `Frames` count from the first
frame of the media, or of the programme.
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
    """Moments [start, end) of one clock; a list may tell a length in frames where it does not tell the end."""

    start: Moment
    end: Moment | None = None
    frames: int = 0
    """How long it lasts, where there is no `end`; 0 for a point."""

    @property
    def is_point(self) -> bool:
        """Whether it has no length."""
        return (self.end is None and not self.frames) or self.start == self.end

    def __str__(self) -> str:
        if self.end is not None:
            return f"{self.start}–{self.end}"
        return f"{self.start} +{self.frames}f" if self.frames else str(self.start)


@dataclass(frozen=True)
class Clip:
    """The media that an entry is of, as its list tells it; any part may be empty."""

    name: str = ""
    reel: str = ""
    path: str = ""
    """Where the list says that the media lies: a path or an address."""

    def __str__(self) -> str:
        told = [repr(self.name or self.path)] if self.name or self.path else []
        return ", ".join([*told, *([f"reel {self.reel}"] if self.reel else [])]) or "no name"


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
    """What its list calls it: the event's number, the marker's name, the cue's number."""
    line: int = 0
    """Where it stands in the file, from 1; 0 where that is not known."""
    texts: tuple[str, ...] = ()
    """Comments, notes and names, any of which may carry an edit."""
    clip: Clip | None = None
    source: Span | None = None
    record: Span | None = None
    point: Moment | None = None
    """Where on the record clock a marker stands that has no length; its span is that of its clip."""
    drop: bool = False
    """Whether the list says here that its labels are drop-frame, beside what their separators say."""
    unusable: str = ""
    """Why its span cannot be edited, such as a dissolve; empty where it can."""
    words: tuple[Word, ...] = ()
    """The words of a cue, where their times are known."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Columns that carry an edit, by the edit's own names."""

    @property
    def span(self) -> Span | None:
        """The span on whichever clock it has."""
        return self.record or self.source


@dataclass(frozen=True)
class Listing:
    """A file as it was read."""

    format: str
    entries: tuple[Entry, ...]
    title: str = ""
    rate: Fraction | None = None
    """Frames per second of the record clock, where the file tells them."""
    start: Timecode | None = None
    """The label of the programme's first frame, where the file tells it."""
    starts_at_first: bool = False
    """Whether the programme begins with the first entry, as a list of events does and a list of markers does not."""
    labels_from_zero: bool = False
    """Whether labels count from 00:00:00:00 on a film that has no timecode, as they do in a job."""
    unread: tuple[tuple[int, str], ...] = ()
    """Lines that mean nothing to us: (number, text)."""
