"""Write FCPXML: the film in the primary storyline, the clips connected above it, their new lines with them.

Source  Apple, "FCPXML Reference": times are rational seconds on the sequence's frames; `media-rep` since version 1.9;
        a relative `src` counts from the document.
"""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..turnover.marker import short_note
from ..turnover.sheet import Piece, Sheet

VERSIONS = {"final-cut": "1.10", "resolve": "1.9"}
_XML_REFUSES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HEARD, _MUTE = "0dB", "-96dB"
_COLOURS = {
    "bt709 bt709 bt709": "1-1-1 (Rec. 709)",
    "smpte170m bt709 smpte170m": "6-1-6 (Rec. 601 (NTSC))",
    "bt470bg bt709 smpte170m": "5-1-6 (Rec. 601 (PAL))",
    "bt2020 bt709 bt2020nc": "9-1-9 (Rec. 2020)",
    "bt2020 smpte2084 bt2020nc": "9-16-9 (Rec. 2020 PQ)",
    "bt2020 arib-std-b67 bt2020nc": "9-18-9 (Rec. 2020 HLG)",
}


def fcpxml(sheet: Sheet, dialect: str) -> str:
    """Spell the document."""
    root = Element("fcpxml", version=VERSIONS[dialect])
    resources = SubElement(root, "resources")
    form = {"id": "r1", "frameDuration": _s(1 / sheet.rate)}
    form |= {"width": str(sheet.size_px[0]), "height": str(sheet.size_px[1])}
    if sheet.pixel_aspect != 1:
        form |= {"paspH": str(sheet.pixel_aspect.numerator), "paspV": str(sheet.pixel_aspect.denominator)}
    if sheet.colour in _COLOURS:
        form["colorSpace"] = _COLOURS[sheet.colour]
    SubElement(resources, "format", form)
    ids = {id(piece): f"r{number}" for number, piece in enumerate((sheet.film, *sheet.clips), 2)}
    for piece in (sheet.film, *sheet.clips):
        _asset(sheet, resources, piece, ids[id(piece)])
    project = SubElement(SubElement(root, "event", name=sheet.title), "project", name=sheet.title)
    flavour = "DF" if sheet.drop else "NDF"
    start, lasts = _at(sheet, sheet.film.start), _at(sheet, sheet.film.count)
    timing = {"format": "r1", "duration": lasts, "tcStart": start, "tcFormat": flavour}
    spine = SubElement(SubElement(project, "sequence", timing), "spine")
    whole = SubElement(spine, "asset-clip", _used(sheet, sheet.film, ids[id(sheet.film)], sheet.film.start))
    _mute(sheet, whole)
    for clip in sheet.clips:
        _connect(sheet, whole, clip, ids[id(clip)])
    indent(root)
    spelled = _XML_REFUSES.sub("", tostring(root, "unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{spelled}\n'


def _asset(sheet: Sheet, resources: Element, piece: Piece, ref: str) -> None:
    facts = {"id": ref, "name": piece.name, "start": _at(sheet, piece.start), "duration": _at(sheet, piece.count)}
    facts |= {"hasVideo": "1", "format": "r1"}
    if sheet.sample_rate_hz:
        facts |= {"hasAudio": "1", "audioSources": str(sheet.tracks), "audioChannels": str(sheet.channels)}
        facts["audioRate"] = str(sheet.sample_rate_hz)
    SubElement(SubElement(resources, "asset", facts), "media-rep", kind="original-media", src=piece.url)


def _used(sheet: Sheet, piece: Piece, ref: str, offset: int) -> dict[str, str]:
    return {
        "ref": ref,
        "name": piece.name,
        "offset": _at(sheet, offset),
        "start": _at(sheet, piece.start + piece.head),
        "duration": _at(sheet, piece.used),
        "tcFormat": "DF" if sheet.drop else "NDF",
    }


def _mute(sheet: Sheet, whole: Element) -> None:
    """Turn the film's own sound down where a new line is heard, by keys on the frames around it."""
    if not sheet.sample_rate_hz or not sheet.sounding:
        return
    volume = SubElement(whole, "adjust-volume")
    keys = SubElement(SubElement(volume, "param", name="amount"), "keyframeAnimation")
    levels: dict[int, str] = {}
    for clip in sheet.sounding:
        first, last = clip.place, clip.place + clip.used - 1
        levels.setdefault(first - 1, _HEARD)
        levels |= {first: _MUTE, last: _MUTE, last + 1: _HEARD}
    for frame, level in sorted(levels.items()):
        if 0 <= frame < sheet.film.count:
            SubElement(keys, "keyframe", time=_at(sheet, sheet.film.start + frame), value=level, curve="linear")


def _connect(sheet: Sheet, whole: Element, clip: Piece, ref: str) -> None:
    """Hang a clip over the film; its place counts on the clock of what it hangs on."""
    facts = {"lane": "1", **_used(sheet, clip, ref, sheet.film.start + clip.place)}
    if not clip.sounds:
        facts["srcEnable"] = "video"
    item = SubElement(whole, "asset-clip", facts)
    mark = {"start": facts["start"], "duration": _at(sheet, 1), "value": short_note(clip.about)}
    SubElement(item, "marker", mark)


def _at(sheet: Sheet, frames: int) -> str:
    return _s(frames / sheet.rate)


def _s(seconds: Fraction) -> str:
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"
