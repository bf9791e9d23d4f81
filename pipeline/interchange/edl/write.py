"""Write a CMX 3600 edit decision list: the film on V and A, or on B (both); the clips on V2, replaced sound on A2.

The format as editing systems read it: number, reel, channel, cut, source in and out, record in and out. Markers are
Avid's `* LOC:` locators, or the `|C:` `|M:` `|D:` comments of DaVinci Resolve.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..turnover.layout import PlacedFile, TimelineLayout, marker_note

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
