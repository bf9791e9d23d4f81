"""The markers inside the events of an EDL (`* LOC`): each has a time of its own, and is an edit from there.

It lasts as long as its text says (`react1: sad for 2s`), else to the next marker of its event, else to the event's end;
never past that end.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from ...core.times import (
    Frames,
    Moment,
    Seconds,
    Timecode,
    counting_rate,
    frames_per_day,
    timecode_of_day,
    timecode_to_frames,
)
from ..entries import Entry, Span
from ..marker_syntax import NotAnEdit, is_edit_text, split_duration

Locator = tuple[int, Timecode, str]
"""A marker: line, record label, text."""


def locator_entries(clip: Entry, locators: Sequence[Locator], rate: Fraction | None) -> list[Entry]:
    """Return the entries of an event's markers.

    Args:
        clip: the event.
        locators: its markers, in file order.
        rate: frames per second of the record clock, if known.
    """
    ends = {_label_order(label): label for _, label, _ in locators}
    entries = []
    for line, label, text in locators:
        later = [order for order in ends if order > _label_order(label)]
        entries.append(_entry(clip, (line, label, text), ends[min(later)] if later else None, rate))
    return entries


def _label_order(label: Timecode) -> tuple[int, int, int, int]:
    return label.hours, label.minutes, label.seconds, label.frames


def _entry(clip: Entry, locator: Locator, following: Timecode | None, rate: Fraction | None) -> Entry:
    line, label, text = locator
    entry = replace(clip, kind="marker", name=clip.name if is_edit_text(text) else text or clip.name, line=line)
    entry = replace(entry, texts=(text,), point=label)
    if not is_edit_text(text):
        return entry
    if clip.unusable or clip.record is None:
        with suppress(NotAnEdit):  # such a text is refused with the others
            entry = replace(entry, texts=(split_duration(text)[0],))
        return entry
    try:
        text, length = split_duration(text)
        if rate is None:
            return _without_rate(entry, label, following, length)
        start, end = _offsets(clip.record, label, following, length, rate)
    except NotAnEdit:
        return entry  # the text is refused with the others
    except ValueError as error:
        return replace(entry, unusable=str(error))
    part = _part(clip.record, start, end, rate)
    return replace(entry, texts=(text,), record=part, source=_source(clip, start, end, rate))


def with_own_length(marker: Entry, rate: Fraction | None) -> Entry:
    """Return a marker without a length as long as one of its texts says (`for 2s`), if the rate is known."""
    if marker.record is None or not marker.record.is_point or rate is None:
        return marker
    texts, frames = [], 0
    for text in marker.texts:
        try:
            short, length = split_duration(text)
        except NotAnEdit:
            return marker  # the text is refused with the others
        texts.append(short)
        frames = frames if length is None else _length_frames(length, rate)
    return replace(marker, texts=tuple(texts), record=Span(marker.record.start, frames=frames))


def _without_rate(entry: Entry, label: Timecode, following: Timecode | None, length: Moment | None) -> Entry:
    """Return a marker whose time can only be compared, not counted."""
    record = entry.record
    assert record is not None
    if length is not None:
        return replace(entry, unusable="the frame rate is unknown; give the film, or the rate")
    return replace(entry, record=Span(label, following or record.end), source=None)


def _offsets(
    record: Span, label: Timecode, following: Timecode | None, length: Moment | None, rate: Fraction
) -> tuple[int, int]:
    """Return the marker's frames [start, end), counted from its event's first frame."""
    event_frames = span_frames(record, rate)
    start = span_frames(Span(record.start, label), rate)
    if start >= event_frames:
        raise ValueError(f"its time {label} lies outside its event, {record}")
    end = event_frames
    if length is not None:
        end = start + _length_frames(length, rate)
    elif following is not None:
        end = span_frames(Span(record.start, following), rate)
    return start, min(end, event_frames)


def _length_frames(length: Moment, rate: Fraction) -> int:
    if isinstance(length, Frames):
        return length.count
    if isinstance(length, Seconds):
        return max(1, round(length.value * rate))
    return timecode_to_frames(length, counting_rate(rate, length.drop))


def _source(clip: Entry, start: int, end: int, rate: Fraction) -> Span | None:
    """Return the frames [start, end) of an event on its source clock; FCM may or may not apply to its labels."""
    source, record = clip.source, clip.record
    if source is None or record is None:
        return None
    counted = source
    if is_drop_frame(record) and span_frames(source, rate) != span_frames(record, rate):
        counted = as_drop_frame(source)
    part = _part(counted, start, end, rate)
    drop = isinstance(source.start, Timecode) and source.start.drop
    first, last = (replace(label, drop=drop) for label in (part.start, part.end) if isinstance(label, Timecode))
    return Span(first, last)


def _part(span: Span, start: int, end: int, rate: Fraction) -> Span:
    """Return the frames [start, end) of a span of labels."""
    first = span.start
    if not isinstance(first, Timecode):
        raise TypeError("the spans of an EDL must be labels")
    counting = counting_rate(rate, first.drop)
    count = timecode_to_frames(first, counting)
    low, high = (timecode_of_day(count + offset, counting, drop=first.drop) for offset in (start, end))
    return Span(low, high)


def is_drop_frame(span: Span) -> bool:
    """Check whether the labels of a span are drop-frame."""
    return isinstance(span.start, Timecode) and span.start.drop


def as_drop_frame(span: Span) -> Span:
    """Return a span with drop-frame labels; FCM may or may not apply to the source labels."""
    if not isinstance(span.start, Timecode) or not isinstance(span.end, Timecode):
        return span
    return Span(replace(span.start, drop=True), replace(span.end, drop=True))


def span_frames(span: Span, rate: Fraction) -> int:
    """Return the number of frames of a span of labels, which may cross midnight."""
    if not isinstance(span.start, Timecode) or not isinstance(span.end, Timecode):
        raise TypeError("the spans of an EDL must be labels")
    rate = counting_rate(rate, span.start.drop)
    first, last = (timecode_to_frames(label, rate) for label in (span.start, span.end))
    return last - first if last >= first else last - first + frames_per_day(rate, drop=span.start.drop)


def length_mismatch(source: Span, record: Span, rate: Fraction | None) -> str:
    """Return why an event's source and record spans do not show the same frames; empty if they may."""
    if rate is None:
        return ""
    try:
        record_frames = span_frames(record, rate)
        source_frames = {span_frames(source, rate)}
    except ValueError as error:
        return str(error)
    if is_drop_frame(record):
        with suppress(ValueError):  # then the source's labels are not drop-frame
            source_frames.add(span_frames(as_drop_frame(source), rate))
    if min(*source_frames, record_frames) <= 0:
        return f"it contains no frame: its {'record' if record_frames <= 0 else 'source'} out is not after its in"
    if record_frames in source_frames:
        return ""
    return f"it is retimed: {min(source_frames)} source frames lie on {record_frames} record frames"
