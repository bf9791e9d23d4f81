"""CMX3600 edit decision lists, and the lists of markers that Resolve writes in the same form.

Takes   the text of an EDL, and the frames per second of its record clock where they are known.
Gives   a `Listing`: each event with its source and its record span, and each marker.
Raises  PresetError where the text holds no event at all.
Source  the CMX 3600 interchange format as its vendors describe it: `EVENT REEL CHANNELS TRANSITION SOURCE-IN SOURCE-OUT
        RECORD-IN RECORD-OUT`; FCM says how the labels after it count; M2 retimes; a dissolve is two lines of one event.

The adapter of OpenTimelineIO stops at the first event that it does not like, needs the frame rate beforehand, and does
not look at FCM; here an event that cannot be edited is told with the reason, and the others are read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ...core.times import Timecode, counting_rate, frames_per_day, timecode_to_frames
from ..entries import Clip, Entry, Listing, Span
from ..limits import checked_lines, few_enough, wrong
from ..marker_syntax import is_mark

_TC = r"(\d{1,2}:\d\d:\d\d[:;.,]\d{2,3})"
_EVENT = re.compile(
    rf"(?a)(\d{{1,6}}[A-Z]?) (\S.{{0,128}}?) (\S{{1,12}}) (C|D|W\d{{1,3}}|K[BO]?)(?: (\d{{1,4}}))?"
    rf" {_TC} {_TC} {_TC} {_TC}"
)
_SPEED = re.compile(rf"(?a)M2 (\S.{{0,128}}?) ([-+]?\d{{1,5}}(?:\.\d{{1,4}})?) {_TC}")
_RESOLVE = re.compile(r"(?a)\w* ?\|M:(.*)\|D:(\d{1,9})")
_LOC = re.compile(rf"(?a)\* ?LOC: ?{_TC} ?(\w*) ?(.*)", re.IGNORECASE)
_NOTE = re.compile(r"\* ?([A-Z][A-Z /_]{1,30}?) ?: ?(.*)", re.IGNORECASE)
_BLACK = ("BL", "BLK", "BLACK")


@dataclass
class _Event:
    """One line of an event, and what the lines under it say of it."""

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
    """Markers: line, record label, text."""
    speed: str = ""
    freeze: bool = False


class _Reader:
    """The state of a list as it is read, from the top down."""

    def __init__(self) -> None:
        self.drop = False
        self.title = ""
        self.events: list[_Event] = []
        self.markers: list[Entry] = []
        self.unread: list[tuple[int, str]] = []

    def line(self, number: int, text: str) -> None:
        """Take one line."""
        text = " ".join(text.split())
        if not text:
            return
        note, mark, rest = text.partition("|C:")
        if match := _EVENT.fullmatch(text):
            self._event(number, match)
        elif mark and (match := _RESOLVE.fullmatch(rest)):
            self._resolve_marker(number, note.strip(), match[1].strip(), int(match[2]))
        elif (match := _SPEED.fullmatch(text)) and self.events:
            self._retimed(match[1], match[2])
        elif text.startswith("*") and self.events:
            self._comment(number, text)
        elif not self._header(text):
            self.unread.append((number, text[:200]))

    def _event(self, line: int, match: re.Match[str]) -> None:
        number, reel, channels, transition, length, *labels = match.groups()
        first, last, record_in, record_out = (label_of(text) for text in labels)
        drop = self.drop or record_in.drop or record_out.drop
        times = (first, last, replace(record_in, drop=drop), replace(record_out, drop=drop))
        wanted = f"{transition} {length}" if length else transition
        self.events.append(_Event(number, line, reel, channels.upper(), wanted, times, drop))

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
            label, colour, told = match.groups()
            event.locators.append((number, replace(label_of(label), drop=event.drop), told or colour))
        elif match := _NOTE.fullmatch(text):
            self._note(event, match[1].upper(), match[2].strip(), text)
        elif "FREEZE FRAME" in text.upper():
            event.freeze = True
        else:
            event.texts.append(text.lstrip("* "))

    def _note(self, event: _Event, key: str, value: str, text: str) -> None:
        if key in ("FROM CLIP NAME", "CLIP NAME", "FROM CLIP"):
            event.name = event.name or value
        elif key == "TO CLIP NAME":
            event.name = value
        elif key in ("SOURCE FILE", "SOURCE PATH", "FROM FILE", "FROM CLIP IS A STILL", "FROM SOURCE FILE"):
            event.path = value
        elif key in ("COMMENT", "COMMENTS", "NOTE", "NOTES"):
            event.texts.append(value)
        else:
            event.texts.append(text.lstrip("* "))

    def _retimed(self, reel: str, speed: str) -> None:
        """Put a speed to the event of its reel: the last one, or the other line of the same transition."""
        latest = self.events[-1]
        pair = [event for event in self.events[-2:] if event.number == latest.number and event.reel == reel]
        (pair[-1] if pair else latest).speed = speed

    def _resolve_marker(self, number: int, note: str, name: str, length: int) -> None:
        if not self.events:
            self.unread.append((number, f"{note} |M:{name}"))
            return
        event = self.events.pop()
        texts = tuple(text for text in (note, name) if text)
        # A point is written as one frame long.
        span = Span(event.times[2], frames=length if length > 1 else 0)
        self.markers.append(Entry("marker", name or event.number, event.line, texts, record=span, drop=event.drop))


def read_edl(text: str, name: str, rate: Fraction | None = None) -> Listing:
    """Read a list; `name` is what messages call it."""
    reader = _Reader()
    for number, line in enumerate(checked_lines(text, name), 1):
        reader.line(number, line)
    few_enough(len(reader.events) + len(reader.markers), name)
    if not reader.events and not reader.markers:
        raise wrong(name, "holds no event of an edit list: a line such as 001 REEL V C IN OUT IN OUT")
    parted = {event.number for event in reader.events if not event.transition.startswith("C")}
    clips = [_entry(event, parted, rate) for event in reader.events]
    located = [_located(clip, *one) for clip, event in zip(clips, reader.events, strict=True) for one in event.locators]
    entries = sorted([*clips, *located, *reader.markers], key=lambda entry: entry.line)
    return Listing("edl", tuple(entries), reader.title, starts_at_first=bool(clips), unread=tuple(reader.unread))


def label_of(text: str) -> Timecode:
    """Read a label as lists write it; `;`, `.` and `,` before the frames say drop-frame."""
    hours, minutes, seconds, frames = (int(part) for part in re.split(r"[:;.,]", text))
    return Timecode(hours, minutes, seconds, frames, drop=text[-len(f"{frames:02}") - 1] != ":" and ":" in text)


def _located(clip: Entry, line: int, label: Timecode, text: str) -> Entry:
    """Give a marker on an event: it is a point, and stands for the event's whole span."""
    name = clip.name if is_mark(text) else text or clip.name
    return replace(clip, kind="marker", name=name, line=line, texts=(text,), point=label)


def _entry(event: _Event, parted: set[str], rate: Fraction | None) -> Entry:
    source, record = Span(*event.times[:2]), Span(*event.times[2:])
    clip = Clip(event.name, "" if event.reel.upper() == "AX" else event.reel, event.path)
    why = _unusable(event, parted, source, record, rate)
    texts = tuple(event.texts)
    return Entry("clip", event.number, event.line, texts, clip, source, record, drop=event.drop, unusable=why)


def _unusable(event: _Event, parted: set[str], source: Span, record: Span, rate: Fraction | None) -> str:
    """Say why an event's span cannot be edited; empty where it can."""
    if not event.transition.startswith("C"):
        kind = {"D": "a dissolve", "W": "a wipe", "K": "a key"}[event.transition[0]]
        return f"it begins with {kind} ({event.transition}), whose pictures are of two clips"
    if event.number in parted:
        return "it is the outgoing side of a transition, whose pictures are of two clips"
    if event.reel.upper() in _BLACK:
        return "it is black"
    if not any(channel in event.channels for channel in ("V", "B")):
        return f"it has no picture (channels {event.channels})"
    if event.freeze or (event.speed and Fraction(event.speed) == 0):
        return "it is a freeze frame"
    if event.speed and not (rate is not None and abs(Fraction(event.speed) - rate) < Fraction(1, 20)):
        at = "" if rate is None else f" at {float(rate):g}"
        return f"it is retimed (M2: {event.speed} frames/s{at})"
    return _lengths(source, record, rate)


def _lengths(source: Span, record: Span, rate: Fraction | None) -> str:
    if rate is None:
        return ""
    try:
        laid = _frames(record, rate)
        taken = {_frames(source, rate)}
    except ValueError as error:
        return str(error)
    if record_drops(record):
        with suppress(ValueError):  # then the source's labels are not drop-frame
            taken.add(_frames(_as_drop(source), rate))
    if min(*taken, laid) <= 0:
        return f"it holds no frame: its {'record' if laid <= 0 else 'source'} out is not after its in"
    return "" if laid in taken else f"it is retimed: {min(taken)} source frames lie on {laid} record frames"


def record_drops(span: Span) -> bool:
    """Tell whether the labels of a span are drop-frame."""
    return isinstance(span.start, Timecode) and span.start.drop


def _as_drop(span: Span) -> Span:
    """Read the labels of a span as drop-frame: FCM may or may not speak of the source's."""
    if not isinstance(span.start, Timecode) or not isinstance(span.end, Timecode):
        return span
    return Span(replace(span.start, drop=True), replace(span.end, drop=True))


def _frames(span: Span, rate: Fraction) -> int:
    """Count the frames of a span of labels, which may run over midnight."""
    if not isinstance(span.start, Timecode) or not isinstance(span.end, Timecode):
        raise TypeError("the spans of an edit list are labels")
    rate = counting_rate(rate, span.start.drop)
    first, last = (timecode_to_frames(label, rate) for label in (span.start, span.end))
    return last - first if last >= first else last - first + frames_per_day(rate, drop=span.start.drop)
