"""Write a CMX 3600 edit decision list: the film on V and A, or B, which is both; the clips on V2, new lines on A2.

Source  the CMX 3600 form as editing systems read it: number, reel, channel, cut, source in and out, record in and out;
        Avid's `* LOC:` for locators, and the `|C:` `|M:` `|D:` comment that DaVinci Resolve writes for markers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..turnover.marker import short_note
from ..turnover.sheet import Piece, Sheet

REEL_LENGTH = 8
"""What every reader takes; longer names are cut, and the whole one follows as a comment."""
_MARK_COLOUR = {"avid": "GREEN", "resolve": "ResolveColorGreen"}


def edl(sheet: Sheet, dialect: str) -> str:
    """Spell the list, lines ended as CMX does."""
    lines = [f"TITLE: {_plain(sheet.title, dialect)}", f"FCM: {'DROP FRAME' if sheet.drop else 'NON-DROP FRAME'}", ""]
    for number, (piece, channel) in enumerate(_events(sheet), 1):
        lines += [_event(sheet, number, piece, channel), *_comments(sheet, piece, channel, dialect), ""]
    return "\r\n".join(lines)


def _events(sheet: Sheet) -> Iterator[tuple[Piece, str]]:
    if sheet.heard == (sheet.film,):
        yield sheet.film, "B"
    else:
        yield sheet.film, "V"
        yield from ((part, "A") for part in sheet.heard)
    for clip in sheet.clips:
        yield clip, "V2"
        if clip.sounds:
            yield clip, "A2"


def _event(sheet: Sheet, number: int, piece: Piece, channel: str) -> str:
    source, record = piece.start + piece.head, sheet.film.start + piece.place
    labels = (sheet.label(at) for at in (source, source + piece.used, record, record + piece.used))
    return f"{number:03}  {reel_name(piece.reel):<8} {channel:<5} C        {' '.join(labels)}"


def _comments(sheet: Sheet, piece: Piece, channel: str, dialect: str) -> Iterator[str]:
    yield f"* FROM CLIP NAME: {_plain(piece.name, dialect)}"
    if reel_name(piece.reel) != piece.reel:
        yield f"* REEL: {_plain(piece.reel, dialect)}"
    if not piece.about or channel != "V2":
        return
    note = _plain(short_note(piece.about), dialect)
    yield f"* COMMENT: {note}"
    if dialect == "resolve":
        yield f" |C:{_MARK_COLOUR['resolve']} |M:{note.replace('|', '/')} |D:1"
    else:
        yield f"* LOC: {sheet.label(sheet.film.start + piece.place)} {_MARK_COLOUR['avid']:<7} {note}"


def reel_name(reel: str) -> str:
    """Fit a name into a reel's field: capitals, digits and `_`, at most eight; `AX` where nothing is left."""
    return re.sub(r"[^A-Z0-9_]", "", reel.upper())[:REEL_LENGTH] or "AX"


def _plain(text: str, dialect: str) -> str:
    """Keep a text on its line; Avid takes ASCII alone, so that it gets letters without their marks."""
    line = re.sub(r"[\s\x00-\x1f]+", " ", text).strip()
    if dialect != "avid":
        return line
    return unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode()
