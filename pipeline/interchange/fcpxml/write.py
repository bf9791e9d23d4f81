"""Write FCPXML: the film in the primary storyline, the clips with their replaced sound connected above it.

Apple, "FCPXML Reference": times are rational seconds on the sequence's frames; `media-rep` exists since version 1.9; a
relative `src` is relative to the document.
"""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..turnover.layout import PlacedFile, TimelineLayout, marker_note

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
