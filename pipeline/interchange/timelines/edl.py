"""Read CMX 3600 edit decision lists, and the marker lists that Resolve writes in the same format.

The format, as its vendors describe it: `EVENT REEL CHANNELS TRANSITION SOURCE-IN SOURCE-OUT RECORD-IN RECORD-OUT`; FCM
sets how the labels after it count; M2 retimes; a dissolve is two lines of one event.

OpenTimelineIO's adapter stops at the first invalid event, needs the frame rate in advance and ignores FCM. This reader
keeps an event that cannot be edited, with the reason, and reads the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ...core.times import Timecode
from ..entries import Clip, Entry, Listing, Span
from ..limits import check_entry_count, file_error, split_lines
from ..marker_syntax import is_edit_text
from .edl_locators import length_mismatch, locator_entries, with_own_length

_TC = r"(\d{1,2}[:;]\d\d[:;]\d\d[:;.,]\d{2,3})"
_EVENT = re.compile(
    rf"(?a)(\d{{1,6}}[A-Z]?) (\S.{{0,128}}?) (\S{{1,12}}) (C|D|W\d{{1,3}}|K[BO]?)(?: (\d{{1,4}}))?"
    rf" {_TC} {_TC} {_TC} {_TC}"
)
_SPEED = re.compile(rf"(?a)M2 (?:(\S.{{0,128}}?) )?([-+]?\d{{1,5}}(?:\.\d{{1,4}})?) {_TC}")
_RESOLVE = re.compile(r"(?a)\w* ?\|M:(.*)\|D:(\d{1,9})")
_LOC = re.compile(rf"(?a)\* ?LOC: ?{_TC} ?(.*)", re.IGNORECASE)
_COLOUR = re.compile(r"(?a)\w* ?")
_NOTE = re.compile(r"\* ?([A-Z][A-Z /_]{1,30}?) ?: ?(.*)", re.IGNORECASE)
_PATH_NOTES = ("SOURCE FILE", "SOURCE PATH", "FROM FILE", "FROM CLIP", "FROM CLIP IS A STILL", "FROM SOURCE FILE")
_BLACK = ("BL", "BLK", "BLACK")


@dataclass
class _Event:
    """One line of an event, with the lines that follow it."""

    number: str
    line: int
    reel: str
    channels: str
    transition: str
    times: tuple[Timecode, Timecode, Timecode, Timecode]
    drop: bool
    name: str = ""
    path: str = ""
    texts: list[str] = field(default_factory=list)
    locators: list[tuple[int, Timecode, str]] = field(default_factory=list)
    """Markers as (line, record label, text)."""
    speed: str = ""
    freeze: bool = False

    @property
    def is_place_only(self) -> bool:
        """Return whether nothing is said of a clip, as where an event is the place of a marker."""
        return not (self.name or self.path or self.texts or self.locators)


class _Reader:
    """Parser state for one list."""

    def __init__(self) -> None:
        self.drop = False
        self.title = ""
        self.events: list[_Event] = []
        self.markers: list[Entry] = []
        self.marked: _Event | None = None
        """The last event, if it is the place of one or several of Resolve's markers."""
        self.unread: list[tuple[int, str]] = []

    def line(self, number: int, text: str) -> None:
        """Parse one line."""
        text = " ".join(text.split())
        if not text:
            return
        note, separator, rest = text.partition("|C:")
        if match := _EVENT.fullmatch(text):
            self._event(number, match)
        elif separator and (match := _RESOLVE.fullmatch(rest)):
            self._resolve_marker(number, note.strip(), match[1].strip(), int(match[2]))
        elif (match := _SPEED.fullmatch(text)) and self.events and self.marked is None:
            self._set_speed(match[1], match[2])
        elif text.startswith("*") and self.events and self.marked is None:
            self._comment(number, text)
        elif not self._header(text):
            self.unread.append((number, text[:200]))

    def _event(self, line: int, match: re.Match[str]) -> None:
        number, reel, channels, transition, length, *labels = match.groups()
        first, last, record_in, record_out = (parse_label(text) for text in labels)
        drop = self.drop or record_in.drop or record_out.drop
        times = (first, last, replace(record_in, drop=drop), replace(record_out, drop=drop))
        transition = f"{transition} {length}" if length else transition
        self.marked = None
        self.events.append(_Event(number, line, reel, channels.upper(), transition, times, drop))

    def _header(self, text: str) -> bool:
        key, colon, value = text.partition(":")
        if colon and key.upper() == "TITLE":
            self.title = value.strip()[:200]
        elif colon and key.upper() == "FCM":
            self.drop = "NON" not in value.upper() and "DROP" in value.upper()
        else:
            return False
        return True

    def _comment(self, number: int, text: str) -> None:
        event = self.events[-1]
        if match := _LOC.fullmatch(text):
            label, text = match.groups()
            if not is_edit_text(text):
                text = _COLOUR.sub("", text, count=1) or text
            event.locators.append((number, replace(parse_label(label), drop=event.drop), text))
        elif match := _NOTE.fullmatch(text):
            self._note(event, match[1].upper(), match[2].strip(), text)
        elif "FREEZE FRAME" in text.upper():
            event.freeze = True
        else:
            event.texts.append(text.lstrip("* "))

    def _note(self, event: _Event, key: str, value: str, text: str) -> None:
        if key in ("FROM CLIP NAME", "CLIP NAME"):
            event.name = event.name or value
        elif key == "TO CLIP NAME":
            event.name = value
        elif key in _PATH_NOTES:
            event.path = value
        elif key in ("COMMENT", "COMMENTS", "NOTE", "NOTES"):
            event.texts.append(value)
        else:
            event.texts.append(text.lstrip("* "))

    def _set_speed(self, reel: str | None, speed: str) -> None:
        """Set the speed of the last event, or of the line of its transition that has the reel, if one is given."""
        latest = self.events[-1]
        pair = [event for event in self.events[-2:] if event.number == latest.number and event.reel == reel]
        (pair[-1] if pair else latest).speed = speed

    def _resolve_marker(self, number: int, note: str, name: str, length: int) -> None:
        event = self.marked or (self.events[-1] if self.events else None)
        if event is not None and self.marked is None and event.is_place_only:
            self.marked = self.events.pop()
        if event is None:
            self.unread.append((number, f"{note} |M:{name}"))
            return
        texts = tuple(text for text in (note, name) if text)
        # Resolve writes a point as one frame.
        span = Span(event.times[2], frames=length if length > 1 else 0)
        self.markers.append(Entry("marker", name or event.number, event.line, texts, record=span, drop=event.drop))


def read_edl(text: str, name: str, rate: Fraction | None = None) -> Listing:
    """Read a list.

    Args:
        text: the EDL.
        name: the file's name in messages.
        rate: frames per second of the record clock, if known.

    Raises:
        PresetError: the text contains no event.
    """
    reader = _Reader()
    for number, line in enumerate(split_lines(text, name), 1):
        reader.line(number, line)
    check_entry_count(len(reader.events) + len(reader.markers), name)
    if not reader.events and not reader.markers:
        raise file_error(name, "has no EDL event: a line such as 001 REEL V C IN OUT IN OUT")
    outgoing = _outgoing(reader.events)
    clips = [_entry(event, index in outgoing, rate) for index, event in enumerate(reader.events)]
    locators = [
        locator
        for clip, event in zip(clips, reader.events, strict=True)
        for locator in locator_entries(clip, event.locators, rate)
    ]
    markers = [with_own_length(marker, rate) for marker in reader.markers]
    entries = sorted([*clips, *locators, *markers], key=lambda entry: entry.line)
    return Listing("edl", tuple(entries), reader.title, starts_at_first=bool(clips), unread=tuple(reader.unread))


def parse_label(text: str) -> Timecode:
    """Parse a label of a list; `;`, `.` or `,` before the frames means drop-frame."""
    hours, minutes, seconds, frames = re.split(r"[:;.,]", text)
    drop = text[-len(frames) - 1] != ":"
    return Timecode(int(hours), int(minutes), int(seconds), int(frames), drop=drop)


def _outgoing(events: list[_Event]) -> set[int]:
    """Return the indices of the outgoing sides of transitions: of each, the picture before it in its event."""
    outgoing: set[int] = set()
    for index, event in enumerate(events):
        if event.transition.startswith("C") or not _has_picture(event):
            continue
        for earlier in range(index - 1, -1, -1):
            if events[earlier].number != event.number:
                break
            if _has_picture(events[earlier]):
                outgoing.add(earlier)
                break
    return outgoing


def _has_picture(event: _Event) -> bool:
    return any(channel in event.channels for channel in ("V", "B"))


def _entry(event: _Event, is_outgoing: bool, rate: Fraction | None) -> Entry:
    source, record = Span(*event.times[:2]), Span(*event.times[2:])
    clip = Clip(event.name, "" if event.reel.upper() == "AX" else event.reel, event.path)
    unusable = _unusable(event, is_outgoing, source, record, rate)
    texts = tuple(event.texts)
    return Entry("clip", event.number, event.line, texts, clip, source, record, drop=event.drop, unusable=unusable)


def _unusable(event: _Event, is_outgoing: bool, source: Span, record: Span, rate: Fraction | None) -> str:
    """Return why an event's span cannot be edited; empty if it can be."""
    if not event.transition.startswith("C"):
        kind = {"D": "a dissolve", "W": "a wipe", "K": "a key"}[event.transition[0]]
        return f"it begins with {kind} ({event.transition}), whose pictures are of two clips"
    if is_outgoing:
        return "it is the outgoing side of a transition, whose pictures are of two clips"
    if event.reel.upper() in _BLACK:
        return "it is black"
    if not _has_picture(event):
        return f"it has no picture (channels {event.channels})"
    if event.freeze or (event.speed and Fraction(event.speed) == 0):
        return "it is a freeze frame"
    if event.speed and not (rate is not None and abs(Fraction(event.speed) - rate) < Fraction(1, 20)):
        at = "" if rate is None else f" at {float(rate):g}"
        return f"it is retimed (M2: {event.speed} frames/s{at})"
    return length_mismatch(source, record, rate)
