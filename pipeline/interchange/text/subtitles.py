"""Subtitles: the cues of SRT and WebVTT.

Takes   the text of a file.
Gives   a `Listing` of cues, numbered from 1 in the order of their times, as players show them; the seconds count from
        the film's first moment.
Raises  PresetError with the line that cannot be read; MissingExtra.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from ...core.times import Seconds
from ..entries import Entry, Listing, Span
from ..extras import require
from ..limits import checked_lines, few_enough, wrong

_TAG = re.compile(r"<[^<>]{1,200}>|\{\\[^{}]{1,200}\}")
_CLOCK = re.compile(r"(?a)(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")
_ARROW = "-->"

Cue = tuple[Fraction, Fraction, str]


def read_srt(text: str, name: str) -> Listing:
    """Read SRT; `name` is what messages call it."""
    srt = require("srt", "reading SRT")
    checked_lines(text, name)
    try:
        found = [(_micro(one.start), _micro(one.end), str(one.content)) for one in srt.parse(text)]
    except srt.SRTParseError as error:
        rest = error.unmatched_content
        line = text[: error.expected_start + len(rest) - len(rest.lstrip())].count("\n") + 1
        raise wrong(name, f"no subtitle can be read here: {_first(rest)!r}", line) from error
    except (srt.TimestampParseError, ValueError, OverflowError) as error:
        raise wrong(name, f"holds a time that is none: {error}") from error
    return _listing("srt", found, text, name)


def read_vtt(text: str, name: str) -> Listing:
    """Read WebVTT; `name` is what messages call it."""
    webvtt = require("webvtt", "reading WebVTT")
    lines = checked_lines(text, name)
    if not lines[0].startswith("WEBVTT"):
        raise wrong(name, "is no WebVTT: its first line is not WEBVTT", 1)
    for number, line in enumerate(lines, 1):
        # The library passes over a cue whose times it cannot read.
        if _ARROW in line and len(_CLOCK.findall(line)) < 2:
            raise wrong(name, f"no times of a cue: {line[:60]!r}", number)
    try:
        found = [(_clock(one.start), _clock(one.end), str(one.text)) for one in webvtt.from_string(text)]
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError, ValueError, IndexError) as error:
        raise wrong(name, f"is no WebVTT that can be read: {error}") from error
    return _listing("vtt", found, text, name)


def cues(found: Iterable[Cue]) -> tuple[Entry, ...]:
    """Number cues by their times; markup is taken out of their texts, and what is left empty is no cue."""
    entries: list[Entry] = []
    for start, end, raw in sorted(found, key=lambda cue: cue[:2]):
        text = " ".join(_TAG.sub("", raw).split())
        if text:
            why = "" if end > start else "it ends before it begins"
            record = Span(Seconds(start), Seconds(max(start, end)))
            entries.append(Entry("cue", str(len(entries) + 1), 0, (text,), record=record, unusable=why))
    return tuple(entries)


def _listing(form: str, found: list[Cue], text: str, name: str) -> Listing:
    few_enough(len(found), name)
    entries = cues(found)
    if not entries:
        raise wrong(name, "holds no cue: lines such as 00:00:01,000 --> 00:00:02,500 with a text under them")
    arrows = [number for number, line in enumerate(text.split("\n"), 1) if _ARROW in line]
    if len(arrows) == len(entries) and found == sorted(found, key=lambda cue: cue[:2]):
        entries = tuple(_on_line(entry, line) for entry, line in zip(entries, arrows, strict=True))
    return Listing(form, entries)


def _on_line(entry: Entry, line: int) -> Entry:
    return replace(entry, line=line)


def _micro(time: object) -> Fraction:
    """Give a `timedelta` in exact seconds; a time before zero is none.

    Raises:
        ValueError: it is negative.
    """
    days, seconds, micro = (getattr(time, part) for part in ("days", "seconds", "microseconds"))
    if days < 0:
        raise ValueError(f"{time} is before the film")
    return Fraction(days * 86400 + seconds) + Fraction(micro, 10**6)


def _clock(text: str) -> Fraction:
    """Read the clock time of a cue.

    Raises:
        ValueError: it is none.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no time")
    hours, minutes, seconds, part = match.groups()
    return Fraction(int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)) + Fraction(int(part), 10 ** len(part))


def _first(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")[:60]
