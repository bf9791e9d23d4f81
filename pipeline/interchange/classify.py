"""Classify each entry of a list as an edit, ignored, refused (with the reason) or wrong; pure.

An entry is an edit if its text or its columns say so (marker_syntax.py). A marker without a length applies to the clip
that it is on.

The clips of a list are matched to a film, and the clock that the film shows is chosen. CMX 3600 reel names have eight
characters, so longer names are truncated; a camera's file name begins with its reel or clip name (A001C003_…).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from ..core.errors import PresetError
from ..core.times import Moment, Timecode
from .entries import Clip, Entry, ListFile, Listing, Span
from .film import ClockMapper, Film, NotOnFilm
from .marker_syntax import EditFields, NotAnEdit, is_take_record, near_miss, parse_edit_text, parse_value

_SUFFIX = re.compile(r"\.(?!v?\d+$)[a-z0-9]{2,5}$")
"""The suffix of a file; a number or a version (`scene.v02`) is a part of the name."""
_REEL_LENGTH = 8
_MIN_PREFIX = 6


def is_clip_of_film(clip: Clip | None, film: Film, options: ListFile) -> bool:
    """Check whether a clip of a list is the film, by its name, its file or its reel."""
    if clip is None:
        return False
    file = _file(clip.path)
    if options.match == "folder" and (not film.folder or file.parent.name.casefold() != film.folder.casefold()):
        return False
    if options.clip:
        return _stem(options.clip) in {_stem(name) for name in (clip.name, clip.reel, clip.path, file.name) if name}
    if _stem(film.name) in {_stem(name) for name in (clip.name, file.name) if name}:
        return True
    return bool(clip.reel) and (clip.reel == film.reel or _is_reel(clip.reel, film.stem))


def _is_reel(reel: str, stem: str) -> bool:
    """Check whether a film's name is a reel name or begins with one, in full or as CMX truncates it."""
    short, long = reel.casefold().rstrip("."), stem.casefold()
    if short == long or _stem(short) == long:
        return True
    if len(short) < _MIN_PREFIX or not long.startswith(short):
        return False
    return len(reel) == _REEL_LENGTH or not long[len(short)].isalnum()


def _stem(name: str) -> str:
    return _SUFFIX.sub("", name.casefold().strip())


def _file(path: str) -> PurePosixPath:
    text = unquote(urlsplit(path).path) if "://" in path else path
    return PurePosixPath(text.replace("\\", "/"))


def choose_clock(listing: Listing, film: Film, options: ListFile) -> tuple[str, tuple[str, ...]]:
    """Return the clock that the film shows, `source` or `record`, and notes on the choice for the user.

    Raises:
        PresetError: the clock cannot be determined; the message describes both the film and the list.
    """
    clips = [entry for entry in listing.entries if entry.clip is not None and entry.source is not None]
    of_film = [entry for entry in clips if is_clip_of_film(entry.clip, film, options)]
    if options.clock == "record":
        return "record", ()
    if of_film:
        return "source", ()
    if options.clock == "source" or options.clip:
        raise PresetError(f"no clip of the list is {options.clip or film.name!r}; it has {_describe_clips(clips)}")
    if not clips or _stem(listing.title) == _stem(film.name):
        return "record", ()
    if film.start is not None and _all_inside(listing, film, options):
        return "record", (
            f"the film is treated as the programme: all record times lie in it, and it {film.range_text()}",
        )
    raise PresetError(
        f"the list does not fit the film: {film.name!r} {film.range_text()}; the list has {_describe_clips(clips)}, "
        f"and record times {_record_range(listing)}; set `clock: record` if the film is the finished programme, or "
        "`clip` to the clip that it is"
    )


def _all_inside(listing: Listing, film: Film, options: ListFile) -> bool:
    """Check whether there are editable record spans and all of them lie in the film."""
    mapper = ClockMapper(film, listing, "record", options.rate)
    spans = [(entry, entry.record) for entry in listing.entries if entry.record is not None and not entry.unusable]
    try:
        for entry, record in spans:
            mapper.place(entry, record)
    except NotOnFilm:
        return False
    return bool(spans)


def _describe_clips(clips: Iterable[Entry]) -> str:
    """List the distinct clips of a list with their source spans."""
    labels = list(dict.fromkeys(f"{entry.clip} ({entry.source})" for entry in clips))
    if not labels:
        return "no clips"
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ("the clips " if len(labels) != 1 else "the clip ") + ", ".join(labels[:4]) + more


def _record_range(listing: Listing) -> str:
    spans = [entry.record for entry in listing.entries if entry.record is not None]
    labels = [span.start for span in spans if isinstance(span.start, Timecode)]
    ends = [span.end for span in spans if isinstance(span.end, Timecode)]
    if not labels or not ends:
        return "from its own zero"
    return f"from {min(labels, key=_label_key)} to {max(ends, key=_label_key)}"


def _label_key(label: Timecode) -> tuple[int, int, int, int]:
    return label.hours, label.minutes, label.seconds, label.frames


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
    mapper = ClockMapper(film, listing, clock, options.rate)
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
