"""Write the timeline of a turnover as a CMX 3600 edit decision list, as FCPXML and as OpenTimelineIO.

EDL     the film on V and A, or on B (both); the clips on V2, replaced sound on A2. An event is number, reel, channel,
        cut, source in and out, record in and out, as editing systems read it. Markers are Avid's `* LOC:` locators, or
        the `|C:` `|M:` `|D:` comments of DaVinci Resolve.
FCPXML  the film in the primary storyline, the clips with their replaced sound connected above it. Apple, "FCPXML
        Reference": times are rational seconds on the sequence's frames; `media-rep` exists since version 1.9; a
        relative `src` is relative to the document.
OTIO    the film on V1 with its sound on A1, the clips on V2, their replaced sound on A2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..limits import import_extra
from .layout import PlacedFile, TimelineLayout, marker_note

REEL_LENGTH = 8
"""The length that every reader accepts; longer names are truncated, and a comment has the full name."""
_MARKER_COLOUR = {"avid": "GREEN", "resolve": "ResolveColorGreen"}


def format_edl(layout: TimelineLayout, dialect: str) -> str:
    """Format the list with CRLF line ends, as CMX does."""
    lines = [f"TITLE: {_plain(layout.title, dialect)}", f"FCM: {'DROP FRAME' if layout.drop else 'NON-DROP FRAME'}", ""]
    for number, (file, channel) in enumerate(_events(layout), 1):
        lines += [_event(layout, number, file, channel), *_comments(layout, file, channel, dialect), ""]
    return "\r\n".join(lines)


def _events(layout: TimelineLayout) -> Iterator[tuple[PlacedFile, str]]:
    if layout.film_sound_parts == (layout.film,):
        yield layout.film, "B"
    else:
        yield layout.film, "V"
        yield from ((part, "A") for part in layout.film_sound_parts)
    for clip in layout.clips:
        yield clip, "V2"
        if clip.audible:
            yield clip, "A2"


def _event(layout: TimelineLayout, number: int, file: PlacedFile, channel: str) -> str:
    source, record = file.start + file.head, layout.film.start + file.place
    labels = (layout.label(at) for at in (source, source + file.used, record, record + file.used))
    return f"{number:03}  {reel_name(file.reel):<8} {channel:<5} C        {' '.join(labels)}"


def _comments(layout: TimelineLayout, file: PlacedFile, channel: str, dialect: str) -> Iterator[str]:
    yield f"* FROM CLIP NAME: {_plain(file.name, dialect)}"
    if reel_name(file.reel) != file.reel:
        yield f"* REEL: {_plain(file.reel, dialect)}"
    if not file.about or channel != "V2":
        return
    note = _plain(marker_note(file.about), dialect)
    yield f"* COMMENT: {note}"
    if dialect == "resolve":
        yield f" |C:{_MARKER_COLOUR['resolve']} |M:{note.replace('|', '/')} |D:1"
    else:
        yield f"* LOC: {layout.label(layout.film.start + file.place)} {_MARKER_COLOUR['avid']:<7} {note}"


def reel_name(reel: str) -> str:
    """Reduce a name to a reel field: capitals, digits and `_`, at most eight; `AX` if nothing is left."""
    return re.sub(r"[^A-Z0-9_]", "", reel.upper())[:REEL_LENGTH] or "AX"


def _plain(text: str, dialect: str) -> str:
    """Put a text on one line; for Avid, which reads ASCII only, strip diacritics and drop other characters."""
    line = re.sub(r"[\s\x00-\x1f]+", " ", text).strip()
    if dialect != "avid":
        return line
    return unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode()


VERSIONS = {"final-cut": "1.10", "resolve": "1.9"}
_INVALID_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FULL_VOLUME, _MUTED = "0dB", "-96dB"
_COLOURS = {
    "bt709 bt709 bt709": "1-1-1 (Rec. 709)",
    "smpte170m bt709 smpte170m": "6-1-6 (Rec. 601 (NTSC))",
    "bt470bg bt709 smpte170m": "5-1-6 (Rec. 601 (PAL))",
    "bt2020 bt709 bt2020nc": "9-1-9 (Rec. 2020)",
    "bt2020 smpte2084 bt2020nc": "9-16-9 (Rec. 2020 PQ)",
    "bt2020 arib-std-b67 bt2020nc": "9-18-9 (Rec. 2020 HLG)",
}


def format_fcpxml(layout: TimelineLayout, dialect: str) -> str:
    """Format the document."""
    root = Element("fcpxml", version=VERSIONS[dialect])
    resources = SubElement(root, "resources")
    format_ = {"id": "r1", "frameDuration": _seconds(1 / layout.rate)}
    format_ |= {"width": str(layout.size_px[0]), "height": str(layout.size_px[1])}
    if layout.pixel_aspect != 1:
        format_ |= {"paspH": str(layout.pixel_aspect.numerator), "paspV": str(layout.pixel_aspect.denominator)}
    if layout.colour in _COLOURS:
        format_["colorSpace"] = _COLOURS[layout.colour]
    SubElement(resources, "format", format_)
    ids = {id(file): f"r{number}" for number, file in enumerate((layout.film, *layout.clips), 2)}
    for file in (layout.film, *layout.clips):
        _asset(layout, resources, file, ids[id(file)])
    project = SubElement(SubElement(root, "event", name=layout.title), "project", name=layout.title)
    tc_format = "DF" if layout.drop else "NDF"
    start, duration = _frame_time(layout, layout.film.start), _frame_time(layout, layout.film.count)
    timing = {"format": "r1", "duration": duration, "tcStart": start, "tcFormat": tc_format}
    spine = SubElement(SubElement(project, "sequence", timing), "spine")
    film_clip = SubElement(
        spine, "asset-clip", _clip_attributes(layout, layout.film, ids[id(layout.film)], layout.film.start)
    )
    _mute(layout, film_clip)
    for clip in layout.clips:
        _connect(layout, film_clip, clip, ids[id(clip)])
    indent(root)
    xml = _INVALID_IN_XML.sub("", tostring(root, "unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{xml}\n'


def _asset(layout: TimelineLayout, resources: Element, file: PlacedFile, ref: str) -> None:
    attributes = {
        "id": ref,
        "name": file.name,
        "start": _frame_time(layout, file.start),
        "duration": _frame_time(layout, file.count),
    }
    attributes |= {"hasVideo": "1", "format": "r1"}
    if layout.sample_rate_hz:
        attributes |= {"hasAudio": "1", "audioSources": str(layout.tracks), "audioChannels": str(layout.channels)}
        attributes["audioRate"] = str(layout.sample_rate_hz)
    SubElement(SubElement(resources, "asset", attributes), "media-rep", kind="original-media", src=file.url)


def _clip_attributes(layout: TimelineLayout, file: PlacedFile, ref: str, offset: int) -> dict[str, str]:
    return {
        "ref": ref,
        "name": file.name,
        "offset": _frame_time(layout, offset),
        "start": _frame_time(layout, file.start + file.head),
        "duration": _frame_time(layout, file.used),
        "tcFormat": "DF" if layout.drop else "NDF",
    }


def _mute(layout: TimelineLayout, film_clip: Element) -> None:
    """Mute the film's own sound under clips with replaced sound, by volume keyframes around them."""
    if not layout.sample_rate_hz or not layout.audible_clips:
        return
    volume = SubElement(film_clip, "adjust-volume")
    keys = SubElement(SubElement(volume, "param", name="amount"), "keyframeAnimation")
    levels: dict[int, str] = {}
    for clip in layout.audible_clips:
        first, last = clip.place, clip.place + clip.used - 1
        levels.setdefault(first - 1, _FULL_VOLUME)
        levels |= {first: _MUTED, last: _MUTED, last + 1: _FULL_VOLUME}
    for frame, level in sorted(levels.items()):
        if 0 <= frame < layout.film.count:
            SubElement(
                keys, "keyframe", time=_frame_time(layout, layout.film.start + frame), value=level, curve="linear"
            )


def _connect(layout: TimelineLayout, film_clip: Element, clip: PlacedFile, ref: str) -> None:
    """Connect a clip to the film; its offset is a time of the film's clip."""
    attributes = {"lane": "1", **_clip_attributes(layout, clip, ref, layout.film.start + clip.place)}
    if not clip.audible:
        attributes["srcEnable"] = "video"
    item = SubElement(film_clip, "asset-clip", attributes)
    marker = {"start": attributes["start"], "duration": _frame_time(layout, 1), "value": marker_note(clip.about)}
    SubElement(item, "marker", marker)


def _frame_time(layout: TimelineLayout, frames: int) -> str:
    return _seconds(frames / layout.rate)


def _seconds(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"


def require_opentimelineio() -> None:
    """Check that timelines can be written.

    Raises:
        MissingExtra: opentimelineio is not installed.
    """
    import_extra("opentimelineio", "writing timelines")


def format_otio(layout: TimelineLayout) -> str:
    """Format the timeline as OTIO JSON."""
    import opentimelineio as io

    timeline = io.schema.Timeline(layout.title, global_start_time=_time(layout, layout.film.start))
    timeline.metadata["react1"] = {"drop_frame": layout.drop}
    tracks = [_track(layout, "V1", "Video", [layout.film]), _track(layout, "V2", "Video", list(layout.clips))]
    if layout.sample_rate_hz:
        tracks.append(_track(layout, "A1", "Audio", list(layout.film_sound_parts)))
    if layout.audible_clips:
        tracks.append(_track(layout, "A2", "Audio", list(layout.audible_clips)))
    timeline.tracks.extend(tracks)
    text: str = timeline.to_json_string()
    return text + "\n"


def _track(layout: TimelineLayout, name: str, kind: str, files: list[PlacedFile]) -> Any:
    import opentimelineio as io

    track, end = io.schema.Track(name, kind=kind), 0
    for file in files:
        if file.place > end:
            track.append(io.schema.Gap(duration=_time(layout, file.place - end)))
        track.append(_clip(layout, file))
        end = file.place + file.used
    return track


def _clip(layout: TimelineLayout, file: PlacedFile) -> Any:
    import opentimelineio as io

    media = io.schema.ExternalReference(file.url, _range(layout, file.start, file.count))
    media.name = file.name
    used = _range(layout, file.start + file.head, file.used)
    clip = io.schema.Clip(file.name, media, used, metadata={"react1": {"reel": file.reel}})
    clip.metadata["cmx_3600"] = {"reel": file.reel}
    if file.about:
        marker = io.schema.Marker(marker_note(file.about), io.opentime.TimeRange(used.start_time, _time(layout, 1)))
        marker.color = io.schema.MarkerColor.GREEN
        marker.metadata["react1"] = file.about
        clip.markers.append(marker)
    return clip


def _range(layout: TimelineLayout, start: int, count: int) -> Any:
    import opentimelineio as io

    return io.opentime.TimeRange(_time(layout, start), _time(layout, count))


def _time(layout: TimelineLayout, frames: int) -> Any:
    import opentimelineio as io

    return io.opentime.RationalTime(frames, float(layout.rate))
