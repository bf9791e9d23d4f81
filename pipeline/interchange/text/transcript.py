"""Transcripts with word times, as Whisper and its kin write them in JSON.

Takes   the text of a file: `segments` with `words` (Whisper, faster-whisper, WhisperX), `words` alone, or
        `transcription` with offsets in milliseconds (whisper.cpp).
Gives   a `Listing` of cues, one per segment, with the times of their words where the file has them.
Raises  PresetError where it is no JSON, or no transcript.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...core.times import Seconds
from ..entries import Entry, Listing, Span, Word
from ..limits import MOST_LINE, few_enough, wrong
from ..otio.read import check_depth

_FINEST = 10**6
_LATEST_S = 10**7
_SENTENCE_WORDS = 12
"""Words that come in no segments are told in cues of this many."""


def read_transcript(text: str, name: str) -> Listing:
    """Read a transcript; `name` is what messages call it."""
    check_depth(text, name)
    try:
        root = json.loads(text)
    except json.JSONDecodeError as error:
        raise wrong(name, f"is no JSON: {error.msg}", error.lineno) from error
    except ValueError as error:  # a number of thousands of digits
        raise wrong(name, f"is no JSON that can be read: {error}") from error
    entries = tuple(_entries(root, name))
    few_enough(len(entries), name)
    if not entries:
        raise wrong(name, "is no transcript: it has no `segments`, no `words` and no `transcription` with times")
    return Listing("transcript", entries)


def _entries(root: Any, name: str) -> Iterator[Entry]:
    members = root if isinstance(root, dict) else {"words": root}
    if isinstance(members.get("segments"), list):
        loose = _words(members.get("words") or members.get("word_segments"))
        for number, segment in enumerate(members["segments"], 1):
            yield _segment(segment, number, loose, name)
    elif isinstance(members.get("transcription"), list):
        for number, segment in enumerate(members["transcription"], 1):
            yield _segment(_from_offsets(segment), number, [], name)
    else:
        words = _words(members.get("words") or members.get("word_segments"))
        for number, first in enumerate(range(0, len(words), _SENTENCE_WORDS), 1):
            yield _cue(number, words[first : first + _SENTENCE_WORDS])


def _segment(segment: Any, number: int, loose: list[Word], name: str) -> Entry:
    if not isinstance(segment, dict):
        raise wrong(name, f"segment {number} is no object with start, end and text")
    start, end = _seconds(segment.get("start")), _seconds(segment.get("end"))
    text = segment.get("text", "")
    words = _words(segment.get("words"))
    if start is None or end is None or not isinstance(text, str):
        raise wrong(name, f"segment {number} has no start and end in seconds, or no text")
    if not words and loose:
        words = [word for word in loose if start <= word.start.value < end]
    why = "" if end > start else "it ends before it begins"
    span = Span(Seconds(start), Seconds(max(start, end)))
    return Entry("cue", str(number), 0, (_short(text),), record=span, unusable=why, words=tuple(words))


def _cue(number: int, words: list[Word]) -> Entry:
    span = Span(words[0].start, words[-1].end)
    text = " ".join(word.text for word in words)
    return Entry("cue", str(number), 0, (text[:MOST_LINE],), record=span, words=tuple(words))


def _words(found: Any) -> list[Word]:
    """Take the words that have times; a number or a sign may have none."""
    words = []
    for one in found if isinstance(found, list) else []:
        if not isinstance(one, dict):
            continue
        text = one.get("word", one.get("text"))
        start, end = _seconds(one.get("start")), _seconds(one.get("end"))
        if isinstance(text, str) and start is not None and end is not None and end >= start:
            words.append(Word(_short(text), Seconds(start), Seconds(end)))
    return words


def _from_offsets(segment: Any) -> Any:
    """Spell a segment of whisper.cpp as Whisper does."""
    offsets = segment.get("offsets") if isinstance(segment, dict) else None
    if not isinstance(offsets, dict):
        return segment
    times = {key: _seconds(offsets.get(mark)) for key, mark in (("start", "from"), ("end", "to"))}
    told = {key: value / 1000 for key, value in times.items() if value is not None}
    return {**told, "text": segment.get("text", "")}


def _seconds(value: Any) -> Fraction | None:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return Fraction(value).limit_denominator(_FINEST) if 0 <= value <= _LATEST_S else None


def _short(text: str) -> str:
    return " ".join(text.split())[:MOST_LINE]
