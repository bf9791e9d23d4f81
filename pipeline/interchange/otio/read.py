"""OpenTimelineIO files: the clips and markers of a timeline.

Takes   the text of an `.otio` file.
Gives   a `Listing`. Record times count from the timeline's first frame; its global start time is the listing's start.
        A clip whose media says what range it has is told from the media's first frame; of any other the numbers are
        labels of the media's own clock, as OpenTimelineIO has it.
Raises  PresetError where it is no timeline that the library reads; MissingExtra.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...core.times import Moment, Seconds, Timecode, frames_to_timecode
from ..entries import Clip, Entry, Listing, Span
from ..extras import require
from ..limits import few_enough, wrong
from ..list_options import parse_rate
from ..marker_syntax import is_mark

_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+\\?(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A whole string, or one that never ends, so that nothing in it is looked at twice; or a bracket."""
MOST_DEEP = 100
_FINEST = 10**9


def read_otio(text: str, name: str) -> Listing:
    """Read a timeline; `name` is what messages call it."""
    otio = require("opentimelineio", "reading OTIO")
    check_depth(text, name)
    if '"SerializableObjectRef' in text or '"OTIO_REF_ID"' in text:
        raise wrong(name, "holds objects that refer to each other; write it anew from its editing system")
    try:
        json.loads(text)
        root = otio.adapters.read_from_string(text, "otio_json")
        return _Reader(otio, name).listing(root)
    except json.JSONDecodeError as error:
        raise wrong(name, f"is no JSON: {error.msg}", error.lineno) from error
    except (otio.exceptions.OTIOError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        told = " ".join(str(error).split())[:200]
        raise wrong(name, f"is no timeline that OpenTimelineIO can read: {told}") from error


def check_depth(text: str, name: str) -> None:
    """Refuse JSON that is nested deeper than any timeline or transcript; what reads it goes down by recursion."""
    deep = 0
    for match in _BRACKETS.finditer(text):
        sign = match[0]
        deep += (sign in "[{") - (sign in "]}") if len(sign) == 1 else 0
        if deep > MOST_DEEP:
            raise wrong(name, f"is nested deeper than {MOST_DEEP} levels")


class _Reader:
    """Walks the compositions of one file."""

    def __init__(self, otio: Any, name: str) -> None:
        self.otio, self.name = otio, name
        self.rates: dict[Fraction, int] = {}

    def listing(self, root: Any) -> Listing:
        schema = self.otio.schema
        timelines = [root] if isinstance(root, schema.Timeline) else []
        if isinstance(root, schema.SerializableCollection):
            timelines = [child for child in root if isinstance(child, schema.Timeline)]
        if len(timelines) > 1:
            raise wrong(self.name, f"holds {len(timelines)} timelines; give a file with one")
        if not timelines:
            raise wrong(self.name, f"holds no timeline but a {type(root).__name__}")
        timeline = timelines[0]
        entries = list(self._entries(timeline))
        few_enough(len(entries), self.name)
        start = timeline.global_start_time
        label = _label(start) if start is not None else None
        label = label if isinstance(label, Timecode) else None
        rate = max(self.rates, key=lambda rate: self.rates[rate], default=None)
        return Listing("otio", tuple(entries), timeline.name, rate, label)

    def _entries(self, timeline: Any) -> Iterator[Entry]:
        stack = timeline.tracks
        yield from self._markers(stack, stack)
        for track in stack.find_children(self.otio.schema.Track):
            yield from self._markers(track, stack)
        for clip in stack.find_clips():
            entry = self._clip(clip, stack)
            yield entry
            for marker in clip.markers:
                yield self._on_clip(marker, clip, entry, stack)

    def _clip(self, clip: Any, stack: Any) -> Entry:
        trimmed = clip.trimmed_range()
        laid = clip.transformed_time_range(trimmed, stack)
        self.rates[_rate(laid.start_time)] = self.rates.get(_rate(laid.start_time), 0) + 1
        texts = tuple(text for text in (clip.name, *_comments(clip)) if text and is_mark(text))
        name = clip.name or "clip"
        source, record = self._source(clip, trimmed), _seconds(laid)
        return Entry("clip", name, 0, texts, self._media(clip), source, record, unusable=self._unusable(clip))

    def _source(self, clip: Any, marked: Any) -> Span:
        """Tell a range of a clip's media: from its first frame where that is known, else as labels."""
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

    def _on_clip(self, marker: Any, clip: Any, entry: Entry, stack: Any) -> Entry:
        marked = marker.marked_range
        name, texts = marker.name or "marker", _texts(marker)
        at = clip.transformed_time_range(marked, stack)
        if not marked.duration.value > 0:
            point = Seconds(max(_exact(at.start_time), Fraction(0)))
            return Entry(
                "marker", name, 0, texts, entry.clip, entry.source, entry.record, point, unusable=entry.unusable
            )
        source = self._source(clip, marked)
        return Entry("marker", name, 0, texts, entry.clip, source, _seconds(at), unusable=entry.unusable)

    def _markers(self, owner: Any, stack: Any) -> Iterator[Entry]:
        for marker in owner.markers:
            at = owner.transformed_time_range(marker.marked_range, stack)
            yield Entry("marker", marker.name or "marker", 0, _texts(marker), record=_seconds(at))

    def _unusable(self, clip: Any) -> str:
        """Say why a clip's span cannot be edited; empty where it can."""
        schema = self.otio.schema
        above: Any = clip
        while above is not None:
            if not getattr(above, "enabled", True):
                return "it is disabled"
            warps = [effect for effect in above.effects if isinstance(effect, schema.TimeEffect)]
            for warp in warps:
                if getattr(warp, "time_scalar", None) != 1:
                    return f"it is retimed ({type(warp).__name__} {getattr(warp, 'time_scalar', '')})".replace(
                        " )", ")"
                    )
            if isinstance(above, schema.Track) and above.kind != schema.TrackKind.Video:
                return f"it has no picture (track {above.name or above.kind})"
            above = above.parent()
        if any(isinstance(beside, schema.Transition) for beside in self._beside(clip)):
            return "a transition lies on it, whose pictures are of two clips"
        return ""

    def _beside(self, clip: Any) -> list[Any]:
        track = clip.parent()
        if not isinstance(track, self.otio.schema.Track):
            return []
        return [beside for beside in track.neighbors_of(clip) if beside is not None]


def _texts(marker: Any) -> tuple[str, ...]:
    notes = marker.metadata.get("Resolve_OTIO", {})
    note = notes.get("Note", "") if hasattr(notes, "get") else ""
    told = (marker.name, getattr(marker, "comment", ""), note)
    return tuple(str(text) for text in told if text)


def _comments(clip: Any) -> list[str]:
    notes = clip.metadata.get("cmx_3600", {})
    found = notes.get("comments", []) if hasattr(notes, "get") else []
    return [str(text) for text in found] if not isinstance(found, str) else [found]


def _rate(time: Any) -> Fraction:
    return parse_rate(time.rate)


def _exact(time: Any) -> Fraction:
    """Give a time in exact seconds; the rates of NTSC are written as rounded numbers."""
    if not math.isfinite(time.value):
        raise ValueError(f"{time.value} is no time")
    return Fraction(time.value).limit_denominator(_FINEST) / _rate(time)


def _seconds(span: Any) -> Span:
    start, end = _exact(span.start_time), _exact(span.end_time_exclusive())
    return Span(Seconds(start), Seconds(end))


def _label(time: Any) -> Moment:
    """Give the label of a count of frames; drop-frame is not told in the file, and a film's own clock decides it."""
    count = round(_exact(time) * _rate(time))
    if count < 0:
        return Seconds(_exact(time))
    label: Timecode = frames_to_timecode(count, _rate(time))
    return label
