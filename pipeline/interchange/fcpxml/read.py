"""Final Cut Pro's FCPXML: the clips and the markers of a project, or of an event.

Takes   the text of an `.fcpxml` file.
Gives   a `Listing`. All its times are rational seconds, and stay exact: record times count from the sequence's first
        frame, whose label is the listing's start; source times count from the media's first frame.
Raises  PresetError where it is no FCPXML, or holds entities, which no editing system writes; MissingExtra.
Source  Apple's FCPXML reference: an element's `offset` is a time of its parent, its `start` the local time at which it
        begins, and what it holds is placed in its local time.

The adapter of OpenTimelineIO rounds to whole rates, passes over timecode formats, notes and retiming, and gives a clip
the markers of the clips that are connected to it.

The rational seconds of FCPXML, and what they become.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ...core.times import Seconds, Timecode, frames_to_timecode, nominal_rate
from ..entries import Clip, Entry, Listing, Span
from ..extras import require
from ..limits import few_enough, wrong
from ..marker_syntax import is_mark

_CLIPS = ("clip", "asset-clip", "ref-clip", "sync-clip", "mc-clip", "video", "audio", "title")
_MARKERS = ("marker", "chapter-marker", "keyword")
_TIMED = (*_CLIPS, "gap", "spine", "audition")
MOST_DEEP = 60


def read_fcpxml(text: str, name: str) -> Listing:
    """Read a file; `name` is what messages call it."""
    root = _parsed(text, name)
    if root.tag != "fcpxml":
        raise wrong(name, f"is no FCPXML: its root is <{str(root.tag)[:40]}>")
    try:
        listing = _Reader(root).listing()
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise wrong(name, f"is no FCPXML that can be read: {error}") from error
    few_enough(len(listing.entries), name)
    if not listing.entries:
        raise wrong(name, "holds no clip and no marker")
    return listing


def _parsed(text: str, name: str) -> Any:
    tree = require("defusedxml.ElementTree", "reading FCPXML")
    common = require("defusedxml.common", "reading FCPXML")
    try:
        return tree.fromstring(text, forbid_entities=True, forbid_external=True)
    except common.DefusedXmlException as error:
        raise wrong(name, "holds entities or looks outside of itself, which is not read") from error
    except tree.ParseError as error:
        raise wrong(name, f"is no XML: {error}", error.position[0]) from error
    except ValueError as error:
        raise wrong(name, f"is no XML that can be read: {error}") from error


@dataclass(frozen=True)
class _Here:
    """Where an element stands."""

    record_s: Fraction | None
    """When its parent's local zero is, on the record clock; None outside of a project."""
    why: str = ""
    """Why nothing in here can be edited."""
    deep: int = 0


class _Reader:
    """Walks one file; its resources are looked up by their ids."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.sequence = root.find(".//project/sequence")
        resources = root.find("resources")
        self.resources = {one.get("id"): one for one in resources if one.get("id")} if resources is not None else {}

    def listing(self) -> Listing:
        sequences = [project.find("sequence") for project in self.root.iter("project")]
        sequences = [one for one in sequences if one is not None]
        if len(sequences) > 1:
            raise ValueError(f"it holds {len(sequences)} projects; export the one that is meant")
        sequence = sequences[0] if sequences else None
        title = next((project.get("name", "") for project in self.root.iter("project")), "")
        if sequence is None:
            return Listing("fcpxml", tuple(self._outside()), title)
        rate = self._rate(sequence)
        start_s = time_of(sequence.get("tcStart"))
        drop = sequence.get("tcFormat") == "DF"
        spine = sequence.find("spine")
        entries = list(self._spine(spine, zero_of(spine, start_s), _Here(Fraction(0)))) if spine is not None else []
        start = label_of(start_s, rate, drop) if rate is not None else None
        return Listing("fcpxml", tuple(entries), title, rate, start)

    def _outside(self) -> Iterator[Entry]:
        """Walk the clips of events, and of compound clips, which lie on no record clock."""
        for owner in (self.root, *self.root.iter("event"), *self.root.iter("library")):
            for clip in owner:
                if clip.tag in _CLIPS:
                    yield from self._clip(clip, _Here(None), Fraction(0))
        for spine in (found for sequence in self.root.iter("sequence") for found in sequence.findall("spine")):
            yield from self._spine(spine, Fraction(0), _Here(None))

    def _spine(self, spine: Any, zero_s: Fraction, here: _Here) -> Iterator[Entry]:
        """Walk a storyline; `zero_s` is the offset of what lies at its beginning."""
        if here.deep > MOST_DEEP:
            raise ValueError(f"it is nested deeper than {MOST_DEEP} levels")
        joints = [(time_of(one.get("offset")), time_of(one.get("duration"))) for one in spine.findall("transition")]
        for item in spine:
            if item.tag not in _TIMED:
                continue
            offset_s, end_s = time_of(item.get("offset")), time_of(item.get("offset")) + time_of(item.get("duration"))
            joined = any(offset_s < at_s + lasts_s and at_s < end_s for at_s, lasts_s in joints)
            why = "a transition lies on it, whose pictures are of two clips" if joined else here.why
            yield from self._clip(item, replace(here, why=why), zero_s)

    def _clip(self, item: Any, here: _Here, zero_s: Fraction) -> Iterator[Entry]:
        """Give a clip, its markers, and all that is connected to it."""
        if here.deep > MOST_DEEP:
            raise ValueError(f"it is nested deeper than {MOST_DEEP} levels")
        if item.tag == "spine":
            yield from self._spine(item, Fraction(0), self._inside(item, here, zero_s, Fraction(0)))
            return
        start_s, lasts_s = self._start_s(item), time_of(item.get("duration"))
        inside = self._inside(item, here, zero_s, start_s)
        entry = self._entry(item, replace(here, record_s=inside.record_s), start_s, lasts_s)
        if item.tag in _CLIPS:
            yield entry
            yield from self._markers(item, entry, inside, start_s, lasts_s)
        for child in item:
            if child.tag in _TIMED and (child.get("lane") or item.tag in ("gap", "audition")):
                yield from self._clip(child, inside, Fraction(0))

    def _inside(self, item: Any, here: _Here, zero_s: Fraction, start_s: Fraction) -> _Here:
        """Tell where the local zero of an element lies."""
        at_s = None
        if here.record_s is not None:
            at_s = here.record_s + time_of(item.get("offset")) - zero_s - start_s
        return replace(here, record_s=at_s, deep=here.deep + 1)

    def _entry(self, item: Any, here: _Here, start_s: Fraction, lasts_s: Fraction) -> Entry:
        asset, media_s = self._media(item, start_s)
        record = None if here.record_s is None else span_of(here.record_s + start_s, lasts_s)
        source = None if media_s is None else span_of(media_s, lasts_s)
        name = item.get("name") or (asset.get("name", "") if asset is not None else "") or item.tag
        note = item.findtext("note") or ""
        texts = tuple(text for text in (note, item.get("name", "")) if is_mark(text)) or ((note,) if note else ())
        clip = Clip(asset.get("name", name) if asset is not None else name, "", _path(asset))
        why = here.why or self._unusable(item, asset) or ("" if lasts_s > 0 else "it holds no frame")
        return Entry("clip", name, 0, texts, clip, source, record, unusable=why)

    def _markers(self, item: Any, entry: Entry, here: _Here, start_s: Fraction, lasts_s: Fraction) -> Iterator[Entry]:
        for marker in item:
            if marker.tag not in _MARKERS:
                continue
            at_s, long_s = time_of(marker.get("start")), time_of(marker.get("duration"))
            texts = tuple(text for text in (marker.get("value", ""), marker.get("note", "")) if text)
            name = marker.get("value") or marker.tag
            if marker.tag != "keyword" and long_s <= self._frame_s(item):
                point = None if here.record_s is None else seconds_of(here.record_s + at_s)
                yield replace(entry, kind="marker", name=name, texts=texts, point=point)
                continue
            from_s, until_s = max(at_s, start_s), min(at_s + long_s, start_s + lasts_s)
            _, media_s = self._media(item, from_s)
            source = None if media_s is None else span_of(media_s, until_s - from_s)
            record = None if here.record_s is None else span_of(here.record_s + from_s, until_s - from_s)
            why = entry.unusable or ("" if until_s > from_s else "it lies outside its clip")
            yield Entry("marker", name, 0, texts, entry.clip, source, record, unusable=why)

    def _start_s(self, item: Any) -> Fraction:
        """Give an element's local start; an asset's clip that says none begins with the asset."""
        if item.get("start") is not None:
            return time_of(item.get("start"))
        asset = self.resources.get(item.get("ref")) if item.tag in ("asset-clip", "video", "audio") else None
        return time_of(asset.get("start")) if asset is not None and asset.tag == "asset" else Fraction(0)

    def _media(self, item: Any, local_s: Fraction) -> tuple[Any, Fraction | None]:
        """Give the asset that an element shows, and the time of it, from its first frame, at a local time."""
        if item.tag == "clip":
            inner = next((child for child in item if child.tag in ("video", "audio") and not child.get("lane")), None)
            if inner is None:
                return None, None
            return self._media(inner, self._start_s(inner) + local_s - time_of(inner.get("offset")))
        asset = self.resources.get(item.get("ref"))
        if asset is None or asset.tag != "asset":
            return asset, local_s if asset is not None else None
        return asset, local_s - time_of(asset.get("start"))

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
            return f"it is a {item.tag}, made of other clips; open it and export what is inside"
        if item.tag == "audio" or (item.tag == "clip" and item.find("video") is None):
            return "it has no picture"
        if asset is not None and asset.tag == "asset" and asset.get("hasVideo") != "1":
            return "it has no picture"
        return ""

    def _rate(self, item: Any) -> Fraction | None:
        form = self.resources.get(item.get("format"))
        lasts_s = time_of(form.get("frameDuration")) if form is not None else Fraction(0)
        return 1 / lasts_s if lasts_s > 0 else None

    def _frame_s(self, item: Any) -> Fraction:
        """Give how long a frame of a clip lasts, at most: markers of one frame are points."""
        asset = self.resources.get(item.get("ref"))
        for owner in (item, asset, self.sequence):
            if owner is not None and (rate := self._rate(owner)) is not None:
                return 1 / rate
        return Fraction(1, 23)


def _path(asset: Any) -> str:
    if asset is None:
        return ""
    rep = asset.find("media-rep")
    return str(asset.get("src") or (rep.get("src", "") if rep is not None else ""))


def time_of(text: str | None) -> Fraction:
    """Read rational seconds such as `1001/30000s`; nothing is zero.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return Fraction(0)
    if len(text) > 40:
        raise ValueError(f"{text[:40]!r}… is no time")
    try:
        return Fraction(text.strip().removesuffix("s"))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is no time such as 1001/30000s") from error


def zero_of(spine: Any, start_s: Fraction) -> Fraction:
    """Give the offset at which a sequence begins: its start timecode, or zero where its offsets lie before that."""
    first = min((time_of(item.get("offset")) for item in spine if item.get("offset")), default=start_s)
    return start_s if first >= start_s else Fraction(0)


def seconds_of(value: Fraction) -> Seconds:
    """Give a moment; what lies before the beginning is taken for it."""
    return Seconds(max(value, Fraction(0)))


def span_of(start_s: Fraction, lasts_s: Fraction) -> Span:
    """Give a span by its start and its length."""
    return Span(seconds_of(start_s), seconds_of(start_s + max(lasts_s, Fraction(0))))


def label_of(start_s: Fraction, rate: Fraction, drop: bool) -> Timecode:
    """Give the label of a start that is told in seconds."""
    return frames_to_timecode(round(start_s * rate), rate, drop=drop and nominal_rate(rate) in (30, 60))
