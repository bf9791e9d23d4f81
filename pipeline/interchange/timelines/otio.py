"""Read OpenTimelineIO files: the clips and markers of a timeline.

Record times count from the timeline's first frame; its global start time is the listing's start. Source times count
from the media's first frame if the media has an available range; else they are labels of the media's own clock, as
OpenTimelineIO defines them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...core.times import Moment, Seconds, Timecode, frames_to_timecode
from ..entries import OUTSIDE_CLIP, Clip, Entry, Listing, Span, parse_rate
from ..limits import check_entry_count, check_json_depth, file_error, import_extra
from ..marker_syntax import is_edit_text

_MAX_DENOMINATOR = 10**9


def read_otio(text: str, name: str) -> Listing:
    """Read a timeline; `name` is the file's name in messages.

    Raises:
        PresetError: the text is not a timeline that the library can read.
        MissingExtra: opentimelineio is not installed.
    """
    otio = import_extra("opentimelineio", "reading OTIO")
    check_json_depth(text, name)
    if '"SerializableObjectRef' in text or '"OTIO_REF_ID"' in text:
        raise file_error(name, "has objects that refer to each other; export it again from its editing system")
    try:
        json.loads(text)
        root = otio.adapters.read_from_string(text, "otio_json")
        return _Reader(otio, name).listing(root)
    except json.JSONDecodeError as error:
        raise file_error(name, f"is not JSON: {error.msg}", error.lineno) from error
    except (otio.exceptions.OTIOError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        message = " ".join(str(error).split())[:200]
        raise file_error(name, f"is not a timeline that OpenTimelineIO can read: {message}") from error


class _Reader:
    """Walk the compositions of one file."""

    def __init__(self, otio: Any, name: str) -> None:
        self.otio, self.name = otio, name
        self.rates: dict[Fraction, int] = {}

    def listing(self, root: Any) -> Listing:
        schema = self.otio.schema
        timelines = [root] if isinstance(root, schema.Timeline) else []
        if isinstance(root, schema.SerializableCollection):
            timelines = [child for child in root if isinstance(child, schema.Timeline)]
        if len(timelines) > 1:
            raise file_error(self.name, f"has {len(timelines)} timelines; give a file with one")
        if not timelines:
            raise file_error(self.name, f"has no timeline but a {type(root).__name__}")
        timeline = timelines[0]
        entries = list(self._entries(timeline))
        check_entry_count(len(entries), self.name)
        start = timeline.global_start_time
        label = _label(start) if start is not None else None
        label = label if isinstance(label, Timecode) else None
        rate = max(self.rates, key=lambda rate: self.rates[rate], default=None)
        return Listing("otio", tuple(entries), timeline.name, rate, label)

    def _entries(self, timeline: Any) -> Iterator[Entry]:
        stack = timeline.tracks
        yield from self._markers(stack, stack)
        schema = self.otio.schema
        for kind in (schema.Track, schema.Stack, schema.Gap):
            for item in stack.find_children(kind):
                unusable = "" if kind is schema.Track else self._unusable(item)
                yield from self._markers(item, stack, unusable)
        for clip in stack.find_clips():
            entry = self._clip(clip, stack)
            yield entry
            for marker in clip.markers:
                yield self._clip_marker(marker, clip, entry, stack)

    def _clip(self, clip: Any, stack: Any) -> Entry:
        trimmed = clip.trimmed_range()
        shown = self._shown(clip, trimmed, stack)
        used, record_range = shown or (trimmed, clip.transformed_time_range(trimmed, stack))
        self.rates[_rate(record_range.start_time)] = self.rates.get(_rate(record_range.start_time), 0) + 1
        texts = tuple(text for text in (clip.name, *_comments(clip)) if text and is_edit_text(text))
        name = clip.name or "clip"
        source, record = self._source(clip, used), _seconds(record_range)
        unusable = self._unusable(clip) or ("" if shown else "the nest that it is in does not show it")
        return Entry("clip", name, 0, texts, self._media(clip), source, record, unusable=unusable)

    def _shown(self, item: Any, marked: Any, stack: Any) -> tuple[Any, Any] | None:
        """Return the part of a range of an item that is shown, in the item's time and in the stack's.

        None if all of it lies outside what the item, or a nest around it, uses.
        """
        owner, shown = item, marked
        while owner is not stack:
            used = owner.trimmed_range() if isinstance(owner, self.otio.schema.Clip) else owner.source_range
            shown = shown if used is None else self._common(shown, used)
            if shown is None:
                return None
            shown, owner = owner.transformed_time_range(shown, owner.parent()), owner.parent()
        uncut = item.transformed_time_range(marked, stack)
        return (marked, uncut) if shown == uncut else (stack.transformed_time_range(shown, item), shown)

    def _common(self, marked: Any, used: Any) -> Any:
        """Return the part of a range that lies in another one; None if there is none. A point has no length."""
        first, last = _exact(used.start_time), _exact(used.end_time_exclusive())
        start, end = _exact(marked.start_time), _exact(marked.end_time_exclusive())
        if start >= end:
            return marked if first <= start < last else None
        if first <= start and end <= last:
            return marked
        if end <= first or last <= start:
            return None
        return self.otio.opentime.TimeRange.range_from_start_end_time(
            max(marked.start_time, used.start_time, key=_exact),
            min(marked.end_time_exclusive(), used.end_time_exclusive(), key=_exact),
        )

    def _source(self, clip: Any, marked: Any) -> Span:
        """Return a range of a clip's media, from its first frame if that is known, else as labels."""
        available = getattr(clip.media_reference, "available_range", None)
        if available is None:
            return Span(_label(marked.start_time), _label(marked.end_time_exclusive()))
        zero = _exact(available.start_time)
        return Span(Seconds(_exact(marked.start_time) - zero), Seconds(_exact(marked.end_time_exclusive()) - zero))

    def _media(self, clip: Any) -> Clip:
        path = getattr(clip.media_reference, "target_url", "") or ""
        notes = clip.metadata.get("cmx_3600", {})
        reel = notes.get("reel", "") if hasattr(notes, "get") else ""
        return Clip(clip.name or "", str(reel), str(path))

    def _clip_marker(self, marker: Any, clip: Any, entry: Entry, stack: Any) -> Entry:
        shown = self._shown(clip, marker.marked_range, stack)
        unusable = entry.unusable or ("" if shown else OUTSIDE_CLIP)
        marked, at = shown or (marker.marked_range, clip.transformed_time_range(marker.marked_range, stack))
        name, texts = marker.name or "marker", _texts(marker)
        if not marked.duration.value > 0:
            point = Seconds(max(_exact(at.start_time), Fraction(0)))
            return Entry("marker", name, 0, texts, entry.clip, entry.source, entry.record, point, unusable=unusable)
        source = self._source(clip, marked)
        return Entry("marker", name, 0, texts, entry.clip, source, _seconds(at), unusable=unusable)

    def _markers(self, owner: Any, stack: Any, unusable: str = "") -> Iterator[Entry]:
        for marker in owner.markers:
            shown = self._shown(owner, marker.marked_range, stack)
            at = shown[1] if shown else owner.transformed_time_range(marker.marked_range, stack)
            reason = unusable or ("" if shown else OUTSIDE_CLIP)
            yield Entry("marker", marker.name or "marker", 0, _texts(marker), record=_seconds(at), unusable=reason)

    def _unusable(self, clip: Any) -> str:
        """Return why the span of a clip, a gap or a nested stack cannot be edited; empty if it can be."""
        schema = self.otio.schema
        item: Any = clip
        while item is not None:
            if not getattr(item, "enabled", True):
                return "it is disabled"
            warps = [effect for effect in item.effects if isinstance(effect, schema.TimeEffect)]
            for warp in warps:
                if getattr(warp, "time_scalar", None) != 1:
                    return f"it is retimed ({type(warp).__name__} {getattr(warp, 'time_scalar', '')})".replace(
                        " )", ")"
                    )
            if isinstance(item, schema.Track) and item.kind != schema.TrackKind.Video:
                return f"it has no picture (track {item.name or item.kind})"
            item = item.parent()
        if any(isinstance(neighbor, schema.Transition) for neighbor in self._neighbors(clip)):
            return "a transition lies on it, whose pictures are of two clips"
        return ""

    def _neighbors(self, clip: Any) -> list[Any]:
        track = clip.parent()
        if not isinstance(track, self.otio.schema.Track):
            return []
        return [neighbor for neighbor in track.neighbors_of(clip) if neighbor is not None]


def _texts(marker: Any) -> tuple[str, ...]:
    notes = marker.metadata.get("Resolve_OTIO", {})
    note = notes.get("Note", "") if hasattr(notes, "get") else ""
    return tuple(str(text) for text in (marker.name, getattr(marker, "comment", ""), note) if text)


def _comments(clip: Any) -> list[str]:
    notes = clip.metadata.get("cmx_3600", {})
    comments = notes.get("comments", []) if hasattr(notes, "get") else []
    return [str(comment) for comment in comments] if not isinstance(comments, str) else [comments]


def _rate(time: Any) -> Fraction:
    return parse_rate(time.rate)


def _exact(time: Any) -> Fraction:
    """Return a time in exact seconds; NTSC rates are stored as rounded numbers."""
    if not math.isfinite(time.value):
        raise ValueError(f"{time.value} is not a time")
    return Fraction(time.value).limit_denominator(_MAX_DENOMINATOR) / _rate(time)


def _seconds(span: Any) -> Span:
    start, end = _exact(span.start_time), _exact(span.end_time_exclusive())
    return Span(Seconds(start), Seconds(end))


def _label(time: Any) -> Moment:
    """Return the label of a frame count; OTIO has no drop-frame flag, so the film's own clock decides it."""
    count = round(_exact(time) * _rate(time))
    if count < 0:
        return Seconds(_exact(time))
    label: Timecode = frames_to_timecode(count, _rate(time))
    return label
