"""Read the cues of SRT files, WebVTT files and a film's own subtitle stream.

Cues are numbered from 1 in the order of their times, as players show them; times count from the film's first frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...core.times import Seconds
from ..entries import Entry, Listing, Span
from ..limits import MAX_ENTRIES, check_entry_count, file_error, import_extra, split_lines

_TAG = re.compile(r"<[^<>]{1,200}>|\{\\[^{}]{1,200}\}")
_TIME = re.compile(r"(?a)(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")
_ARROW = "-->"
_TEXT_CODECS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")

Cue = tuple[Fraction, Fraction, str]
"""Start and end in seconds, and the raw text."""


def read_srt(text: str, name: str) -> Listing:
    """Read SRT; `name` is the file's name in messages.

    Raises:
        PresetError: the text is not SRT; the message gives the line.
        MissingExtra: the library is not installed.
    """
    srt = import_extra("srt", "reading SRT")
    split_lines(text, name)
    try:
        cues = [(_seconds(cue.start), _seconds(cue.end), str(cue.content)) for cue in srt.parse(text)]
    except srt.SRTParseError as error:
        rest = error.unmatched_content
        line = text[: error.expected_start + len(rest) - len(rest.lstrip())].count("\n") + 1
        raise file_error(name, f"no subtitle can be read here: {_first_line(rest)!r}", line) from error
    except (srt.TimestampParseError, ValueError, OverflowError) as error:
        raise file_error(name, f"contains an invalid time: {error}") from error
    return _listing("srt", cues, text, name)


def read_vtt(text: str, name: str) -> Listing:
    """Read WebVTT; `name` is the file's name in messages.

    Raises:
        PresetError: the text is not WebVTT; the message gives the line.
        MissingExtra: the library is not installed.
    """
    webvtt = import_extra("webvtt", "reading WebVTT")
    lines = split_lines(text, name)
    if not lines[0].startswith("WEBVTT"):
        raise file_error(name, "is not WebVTT: its first line is not WEBVTT", 1)
    for number, line in enumerate(lines, 1):
        # The library silently skips a cue whose times it cannot parse.
        if _ARROW in line and len(_TIME.findall(line)) < 2:
            raise file_error(name, f"invalid cue times: {line[:60]!r}", number)
    try:
        cues = [(_parse_time(cue.start), _parse_time(cue.end), str(cue.text)) for cue in webvtt.from_string(text)]
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError, ValueError, IndexError) as error:
        raise file_error(name, f"is not readable as WebVTT: {error}") from error
    return _listing("vtt", cues, text, name)


def read_embedded_cues(path: Path) -> tuple[Entry, ...]:
    """Read the cues of a film's first text subtitle stream, on the clock that a player shows.

    Bitmap subtitles, as on discs, are not read. Without a text stream the result is empty.

    Raises:
        InputMediaError: the film cannot be read.
    """
    import av

    from ...media.frames.film_readers import open_media

    with open_media(path) as container:
        start_s = Fraction(container.start_time or 0, av.time_base)
        for stream in container.streams.subtitles:
            if stream.codec_context is not None and stream.codec_context.name in _TEXT_CODECS:
                return number_cues(_decode_cues(container, stream, start_s))
    return ()


def number_cues(cues: Iterable[Cue]) -> tuple[Entry, ...]:
    """Number cues by their times; remove markup, and drop cues without text."""
    entries: list[Entry] = []
    for start, end, raw in sorted(cues, key=lambda cue: cue[:2]):
        text = " ".join(_TAG.sub("", raw).split())
        if text:
            unusable = "" if end > start else "it ends before it begins"
            record = Span(Seconds(start), Seconds(max(start, end)))
            entries.append(Entry("cue", str(len(entries) + 1), 0, (text,), record=record, unusable=unusable))
    return tuple(entries)


def _decode_cues(container: Any, stream: Any, start_s: Fraction) -> list[Cue]:
    cues: list[Cue] = []
    for packet in container.demux(stream):
        if packet.pts is None or not packet.duration or len(cues) > MAX_ENTRIES:
            continue
        at_s = packet.pts * packet.time_base - start_s
        texts = [_subtitle_text(part) for part in packet.decode()]
        cues.append((max(at_s, Fraction(0)), at_s + packet.duration * packet.time_base, " ".join(texts)))
    return cues


def _subtitle_text(subtitle: Any) -> str:
    raw = getattr(subtitle, "dialogue", None) or getattr(subtitle, "text", None) or b""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    return text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ")


def _listing(format_: str, cues: list[Cue], text: str, name: str) -> Listing:
    check_entry_count(len(cues), name)
    entries = number_cues(cues)
    if not entries:
        raise file_error(name, "has no cue: lines such as 00:00:01,000 --> 00:00:02,500 with a text under them")
    arrow_lines = [number for number, line in enumerate(text.split("\n"), 1) if _ARROW in line]
    if len(arrow_lines) == len(entries) and cues == sorted(cues, key=lambda cue: cue[:2]):
        entries = tuple(replace(entry, line=line) for entry, line in zip(entries, arrow_lines, strict=True))
    return Listing(format_, entries)


def _seconds(time: object) -> Fraction:
    """Convert a `timedelta` to exact seconds.

    Raises:
        ValueError: it is negative.
    """
    days, seconds, microseconds = (getattr(time, part) for part in ("days", "seconds", "microseconds"))
    if days < 0:
        raise ValueError(f"{time} is before the start of the film")
    return Fraction(days * 86400 + seconds) + Fraction(microseconds, 10**6)


def _parse_time(text: str) -> Fraction:
    """Parse a cue's time to seconds.

    Raises:
        ValueError: it is not a time.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time")
    hours, minutes, seconds, part = match.groups()
    return Fraction(int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)) + Fraction(int(part), 10 ** len(part))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")[:60]
