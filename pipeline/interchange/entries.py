"""Entries of a list, a timeline, subtitles or a transcript, in file order and independent of the format.

There are two clocks. The *source* clock is that of the media that a clip was cut from; the *record* clock is that of
the programme that it was cut into. A `Timecode` is a label of a clock; `Seconds` and `Frames` count from the first
frame of the media or of the programme.

A list of edits as a job names it: a path, or a path with options that cannot be derived from the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ..core.errors import shorten
from ..core.file import FileOrUrl
from ..core.times import Moment, Seconds, Timecode
from ..media.timing.frame_rate import common_rate


def parse_rate(value: Any) -> Fraction:
    """Parse frames per second; 23.98 and 29.97 mean the NTSC rates.

    Raises:
        ValueError: it is not a rate from 1 to 240.
    """
    try:
        rate = Fraction(str(value).strip()) if not isinstance(value, bool) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise ValueError(f"{shorten(repr(value))} is not a frame rate; write 25, 29.97 or 30000/1001")
    return common_rate(rate)


Rate = Annotated[
    Fraction,
    BeforeValidator(parse_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": "frames per second, such as 25, 29.97 or 30000/1001"}),
]
"""A model field for a frame rate."""
Clock = Literal["auto", "source", "record"]


class ListFile(BaseModel):
    """A list of edits or a timeline, and how it relates to the film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: FileOrUrl = Field(description="an EDL, OTIO, FCPXML, CSV, TSV, SRT, VTT or JSON file")
    clock: Clock = Field(
        default="auto",
        description="which of its clocks the film shows: `source` if the film is a clip of the list, `record` if it is "
        "the finished programme (default: determined from names and timecodes)",
    )
    clip: str | None = Field(default=None, description="the clip or reel that the film is, if its name differs")
    match: Literal["name", "folder"] = Field(
        default="name", description="`folder`: the clip's folder must have the same name as the film's folder, too"
    )
    rate: Rate | None = Field(default=None, description="frames per second of its labels (default: the film's)")


OUTSIDE_CLIP = "it lies outside its clip"
"""Why a marker beyond the used part of its clip cannot be edited: other pictures are there."""
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
