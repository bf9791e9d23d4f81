"""Read Final Cut Pro's FCPXML: the clips and markers of a project or of an event.

All times are exact rational seconds. Record times count from the sequence's first frame, whose label is the listing's
start; source times count from the media's first frame. Apple's FCPXML reference: an element's `offset` is a time of its
parent, its `start` is the local time at which it begins, and its children are placed in its local time.

OpenTimelineIO's adapter rounds to whole rates, ignores timecode formats, notes and retiming, and assigns the markers of
connected clips to the clip that they are connected to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ...core.times import Seconds, Timecode, frames_to_timecode, nominal_rate
from ..entries import OUTSIDE_CLIP, Clip, Entry, Listing, Span
from ..limits import check_entry_count, file_error, import_extra
from ..marker_syntax import is_edit_text

_CLIPS = ("clip", "asset-clip", "ref-clip", "sync-clip", "mc-clip", "video", "audio", "title")
_MARKERS = ("marker", "chapter-marker", "keyword")
_TIMED = (*_CLIPS, "gap", "spine", "audition")
MAX_DEPTH = 60


def read_fcpxml(text: str, name: str) -> Listing:
    """Read a file; `name` is its name in messages.

    Raises:
        PresetError: the text is not FCPXML, or contains entities, which no editing system writes.
        MissingExtra: defusedxml is not installed.
    """
    root = _parsed(text, name)
    if root.tag != "fcpxml":
        raise file_error(name, f"is not FCPXML: its root is <{str(root.tag)[:40]}>")
    try:
        listing = _Reader(root).listing()
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise file_error(name, f"is not readable as FCPXML: {error}") from error
    check_entry_count(len(listing.entries), name)
    if not listing.entries:
        raise file_error(name, "has no clip and no marker")
    return listing


def _parsed(text: str, name: str) -> Any:
    tree = import_extra("defusedxml.ElementTree", "reading FCPXML")
    common = import_extra("defusedxml.common", "reading FCPXML")
    try:
        return tree.fromstring(text, forbid_entities=True, forbid_external=True)
    except common.DefusedXmlException as error:
        raise file_error(name, "contains XML entities or external references, which are refused") from error
    except tree.ParseError as error:
        raise file_error(name, f"is not XML: {error}", error.position[0]) from error
    except ValueError as error:
        raise file_error(name, f"is not readable as XML: {error}") from error


@dataclass(frozen=True)
class _Position:
    """The position of an element."""

    record_s: Fraction | None
    """Record time of the parent's local zero; None outside a project."""
    unusable: str = ""
    """Why nothing in here can be edited; empty if it can be."""
    depth: int = 0


class _Reader:
    """Walk one file; resources are looked up by id."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.sequence = root.find(".//project/sequence")
        resources = root.find("resources")
        self.resources = {}
        if resources is not None:
            self.resources = {resource.get("id"): resource for resource in resources if resource.get("id")}

    def listing(self) -> Listing:
        sequences = [project.find("sequence") for project in self.root.iter("project")]
        sequences = [sequence for sequence in sequences if sequence is not None]
        if len(sequences) > 1:
            raise ValueError(f"it has {len(sequences)} projects; export one of them")
        sequence = sequences[0] if sequences else None
        title = next((project.get("name", "") for project in self.root.iter("project")), "")
        if sequence is None:
            return Listing("fcpxml", tuple(self._events()), title)
        rate = self._rate(sequence)
        start_s = parse_seconds(sequence.get("tcStart"))
        drop = sequence.get("tcFormat") == "DF"
        spine = sequence.find("spine")
        entries = (
            list(self._spine(spine, storyline_zero(spine, start_s), _Position(Fraction(0))))
            if spine is not None
            else []
        )
        start = label_at(start_s, rate, drop) if rate is not None else None
        return Listing("fcpxml", tuple(entries), title, rate, start)

    def _events(self) -> Iterator[Entry]:
        """Walk the clips of events and of compound clips, which are on no record clock."""
        for owner in (self.root, *self.root.iter("event"), *self.root.iter("library")):
            for clip in owner:
                if clip.tag in _CLIPS:
                    yield from self._clip(clip, _Position(None), Fraction(0))
        for spine in (spine for sequence in self.root.iter("sequence") for spine in sequence.findall("spine")):
            yield from self._spine(spine, Fraction(0), _Position(None))

    def _spine(self, spine: Any, zero_s: Fraction, here: _Position) -> Iterator[Entry]:
        """Walk a storyline; `zero_s` is the offset of its beginning."""
        if here.depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        places: list[tuple[Any, Fraction, Fraction]] = []
        transitions: list[tuple[Fraction, Fraction]] = []
        end_s = zero_s
        for item in spine:
            if item.tag not in (*_TIMED, "transition"):
                continue
            duration_s = self._duration_s(item)
            # Without an offset an item follows the one before it, and a transition lies over the cut between two.
            start_s = end_s - duration_s / 2 if item.tag == "transition" else end_s
            start_s = start_s if item.get("offset") is None else parse_seconds(item.get("offset"))
            if item.tag == "transition":
                transitions.append((start_s, start_s + duration_s))
            else:
                places.append((item, start_s, start_s + duration_s))
                end_s = start_s + duration_s
        for item, start_s, end_s in places:
            overlaps = any(start_s < until_s and from_s < end_s for from_s, until_s in transitions)
            reason = "a transition lies on it, whose pictures are of two clips" if overlaps else ""
            implied_s = start_s if item.get("offset") is None else Fraction(0)
            yield from self._clip(item, here, zero_s - implied_s, reason)

    def _clip(self, item: Any, here: _Position, zero_s: Fraction, reason: str = "") -> Iterator[Entry]:
        """Yield a clip, its markers, and the clips connected to it.

        `reason` says why the clip itself cannot be edited; those connected to it lie above its pictures.
        """
        if here.depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
        if item.tag == "spine":
            yield from self._spine(item, Fraction(0), self._inside(item, here, zero_s, Fraction(0)))
            return
        start_s, duration_s = self._start_s(item), self._duration_s(item)
        inside = self._inside(item, here, zero_s, start_s)
        entry = self._entry(item, replace(inside, unusable=here.unusable or reason), start_s, duration_s)
        if item.tag in _CLIPS:
            yield entry
        if item.tag in (*_CLIPS, "gap"):
            yield from self._markers(item, entry, inside, start_s, duration_s)
        within = [child for child in item if child.tag in _TIMED]
        for child in within:
            if child.get("lane") or item.tag == "gap":
                yield from self._clip(child, inside, Fraction(0))
            elif item.tag == "audition":
                other = "" if child is within[0] else "it is not the picked clip of its audition"
                yield from self._clip(child, replace(inside, unusable=inside.unusable or other), Fraction(0), reason)
            elif item.tag == "sync-clip":
                yield from self._clip(child, replace(inside, unusable=entry.unusable), Fraction(0))

    def _inside(self, item: Any, here: _Position, zero_s: Fraction, start_s: Fraction) -> _Position:
        """Return the position of an element's children."""
        at_s = None
        if here.record_s is not None:
            at_s = here.record_s + parse_seconds(item.get("offset")) - zero_s - start_s
        return replace(here, record_s=at_s, depth=here.depth + 1)

    def _entry(self, item: Any, here: _Position, start_s: Fraction, duration_s: Fraction) -> Entry:
        asset, media_s = self._media(item, start_s)
        record = None if here.record_s is None else span_from(here.record_s + start_s, duration_s)
        source = None if media_s is None else span_from(media_s, duration_s)
        name = item.get("name") or (asset.get("name", "") if asset is not None else "") or item.tag
        note = item.findtext("note") or ""
        texts = tuple(text for text in (note, item.get("name", "")) if is_edit_text(text)) or ((note,) if note else ())
        clip = Clip(asset.get("name", name) if asset is not None else name, "", _path(asset))
        unusable = here.unusable or self._unusable(item, asset) or ("" if duration_s > 0 else "it contains no frame")
        return Entry("clip", name, 0, texts, clip, source, record, unusable=unusable)

    def _markers(
        self, item: Any, entry: Entry, here: _Position, start_s: Fraction, duration_s: Fraction
    ) -> Iterator[Entry]:
        for marker in item:
            if marker.tag not in _MARKERS:
                continue
            at_s, marker_duration_s = parse_seconds(marker.get("start")), parse_seconds(marker.get("duration"))
            texts = tuple(text for text in (marker.get("value", ""), marker.get("note", "")) if text)
            name = marker.get("value") or marker.tag
            is_point = marker.tag != "keyword" and marker_duration_s <= self._frame_s(item)
            if item.tag == "gap":
                shown_s = Fraction(0) if is_point else marker_duration_s
                record = None if here.record_s is None else span_from(here.record_s + at_s, shown_s)
                yield Entry("marker", name, 0, texts, record=record, unusable=entry.unusable)
            elif is_point:
                point = None if here.record_s is None else clamp_seconds(here.record_s + at_s)
                unusable = entry.unusable or ("" if start_s <= at_s < start_s + duration_s else OUTSIDE_CLIP)
                yield replace(entry, kind="marker", name=name, texts=texts, point=point, unusable=unusable)
            else:
                from_s, until_s = max(at_s, start_s), min(at_s + marker_duration_s, start_s + duration_s)
                _, media_s = self._media(item, from_s)
                source = None if media_s is None else span_from(media_s, until_s - from_s)
                record = None if here.record_s is None else span_from(here.record_s + from_s, until_s - from_s)
                unusable = entry.unusable or ("" if until_s > from_s else OUTSIDE_CLIP)
                yield Entry("marker", name, 0, texts, entry.clip, source, record, unusable=unusable)

    def _start_s(self, item: Any) -> Fraction:
        """Return an element's local start; an asset clip without one begins with its asset."""
        if item.get("start") is not None:
            return parse_seconds(item.get("start"))
        asset = self.resources.get(item.get("ref")) if item.tag in ("asset-clip", "video", "audio") else None
        return parse_seconds(asset.get("start")) if asset is not None and asset.tag == "asset" else Fraction(0)

    def _duration_s(self, item: Any) -> Fraction:
        """Return an element's duration; an audition has that of its picked clip, and a clip may have its asset's."""
        if item.tag == "audition":
            item = next((child for child in item if child.tag in _TIMED), item)
        asset = self.resources.get(item.get("ref")) if item.tag == "asset-clip" else None
        return parse_seconds((item if item.get("duration") is not None or asset is None else asset).get("duration"))

    def _media(self, item: Any, local_s: Fraction) -> tuple[Any, Fraction | None]:
        """Return the asset of an element, and its time from its first frame at a local time."""
        if item.tag == "clip":
            inner = next((child for child in item if child.tag in ("video", "audio") and not child.get("lane")), None)
            if inner is None:
                return None, None
            return self._media(inner, self._start_s(inner) + local_s - parse_seconds(inner.get("offset")))
        asset = self.resources.get(item.get("ref"))
        if asset is None or asset.tag != "asset":
            return asset, local_s if asset is not None else None
        return asset, local_s - parse_seconds(asset.get("start"))

    def _unusable(self, item: Any, asset: Any) -> str:
        if item.get("enabled") == "0":
            return "it is disabled"
        if item.find("timeMap") is not None:
            return "it is retimed (timeMap)"
        conform = item.find("conform-rate")
        if conform is not None and conform.get("scaleEnabled", "1") != "0":
            return f"it is retimed to the project's rate (from {conform.get('srcFrameRate', 'another')})"
        if item.tag == "title":
            return "it is a title"
        if item.tag in ("ref-clip", "mc-clip", "sync-clip"):
            article = "an" if item.tag == "mc-clip" else "a"
            return f"it is {article} {item.tag}, made of other clips; open it and export its contents"
        is_sound = item.tag == "audio" or (item.tag == "clip" and item.find("video") is None)
        if is_sound or item.get("srcEnable") == "audio":
            return "it has no picture"
        if asset is not None and asset.tag == "asset" and asset.get("hasVideo") != "1":
            return "it has no picture"
        return ""

    def _rate(self, item: Any) -> Fraction | None:
        format_ = self.resources.get(item.get("format"))
        duration_s = parse_seconds(format_.get("frameDuration")) if format_ is not None else Fraction(0)
        return 1 / duration_s if duration_s > 0 else None

    def _frame_s(self, item: Any) -> Fraction:
        """Return the frame duration of a clip, at most; a marker of one frame is a point."""
        asset = self.resources.get(item.get("ref"))
        for owner in (item, asset, self.sequence):
            if owner is not None and (rate := self._rate(owner)) is not None:
                return 1 / rate
        return Fraction(1, 23)


def _path(asset: Any) -> str:
    if asset is None:
        return ""
    media_rep = asset.find("media-rep")
    return str(asset.get("src") or (media_rep.get("src", "") if media_rep is not None else ""))


def parse_seconds(text: str | None) -> Fraction:
    """Parse rational seconds such as `1001/30000s`; an empty text is zero.

    Raises:
        ValueError: it is not a time.
    """
    if not text:
        return Fraction(0)
    if len(text) > 40:
        raise ValueError(f"{text[:40]!r}… is not a time")
    try:
        return Fraction(text.strip().removesuffix("s"))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is not a time such as 1001/30000s") from error


def storyline_zero(spine: Any, start_s: Fraction) -> Fraction:
    """Return the offset at which a sequence begins: its start timecode, or zero if its offsets are smaller."""
    first = min((parse_seconds(item.get("offset")) for item in spine if item.get("offset")), default=start_s)
    return start_s if first >= start_s else Fraction(0)


def clamp_seconds(value: Fraction) -> Seconds:
    """Return a moment, at least zero."""
    return Seconds(max(value, Fraction(0)))


def span_from(start_s: Fraction, duration_s: Fraction) -> Span:
    """Return the span of a start and a duration."""
    return Span(clamp_seconds(start_s), clamp_seconds(start_s + max(duration_s, Fraction(0))))


def label_at(start_s: Fraction, rate: Fraction, drop: bool) -> Timecode:
    """Return the label of a time in seconds."""
    return frames_to_timecode(round(start_s * rate), rate, drop=drop and nominal_rate(rate) in (30, 60))
