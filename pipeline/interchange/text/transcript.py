"""Read JSON transcripts of Whisper, faster-whisper, WhisperX and whisper.cpp.

The JSON has `segments` with `words` (Whisper, faster-whisper, WhisperX), `words` alone, or `transcription` with offsets
in milliseconds (whisper.cpp). Each segment becomes a cue, with the times of its words if the file has them.

Find spoken phrases in cues; pure.

Case, punctuation and markup are ignored: "I can't believe it!" matches `i cant believe it`. A phrase may span several
cues. If the words of a cue have times, a match has the span of its words; else that of their cues.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...core.times import Seconds
from ..entries import Entry, Listing, Span, Word
from ..limits import MAX_LINE_CHARS, check_entry_count, check_json_depth, file_error

_APOSTROPHES = re.compile("['’‘ʼ`´]")
_WORD = re.compile(r"\w+")
_MAX_LISTED = 5
_MAX_COMPARED = 5000
_MIN_RATIO = 0.5


@dataclass(frozen=True)
class Match:
    """The span and text of a match."""

    start: Seconds
    end: Seconds
    text: str

    def __str__(self) -> str:
        return f"{self.start}–{self.end} {self.text[:60]!r}"


@dataclass(frozen=True)
class _Token:
    word: str
    start: Seconds
    end: Seconds
    cue: int


def tokenize(text: str) -> list[str]:
    """Split a text into words, normalized for comparison."""
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _WORD.findall(plain.replace("_", " "))


def find_phrase(cues: Sequence[Entry], text: str) -> list[Match]:
    """Find every occurrence of a phrase."""
    phrase = tokenize(text)
    spoken = list(_spoken(cues))
    words = [token.word for token in spoken]
    if not phrase:
        return []
    matches = []
    for at in range(len(words) - len(phrase) + 1):
        if words[at] == phrase[0] and words[at : at + len(phrase)] == phrase:
            first, last = spoken[at], spoken[at + len(phrase) - 1]
            context = " ".join(cues[number].texts[0] for number in dict.fromkeys((first.cue, last.cue)))
            matches.append(Match(first.start, last.end, context))
    return matches


def closest_cues(cues: Sequence[Entry], text: str) -> list[Match]:
    """Return the cues whose words are most similar to a text, best first."""
    phrase = " ".join(tokenize(text))
    scored = []
    for cue in cues[:_MAX_COMPARED]:
        matcher = difflib.SequenceMatcher(None, phrase, " ".join(tokenize(cue.texts[0]))[:400])
        if matcher.quick_ratio() >= _MIN_RATIO and (score := matcher.ratio()) >= _MIN_RATIO:
            scored.append((score, cue))
    scored.sort(key=lambda pair: -pair[0])
    return [match for _, cue in scored[:_MAX_LISTED] if (match := cue_match(cue))]


def cue_match(cue: Entry) -> Match | None:
    """Return a whole cue as a match; None if its times are unusable."""
    span = cue.record
    if span is None or not isinstance(span.start, Seconds) or not isinstance(span.end, Seconds) or cue.unusable:
        return None
    return Match(span.start, span.end, cue.texts[0])


def list_matches(matches: Sequence[Match]) -> str:
    """Format matches for a message."""
    more = f" and {len(matches) - _MAX_LISTED} more" if len(matches) > _MAX_LISTED else ""
    return ", ".join(str(match) for match in matches[:_MAX_LISTED]) + more


def _spoken(cues: Sequence[Entry]) -> Iterator[_Token]:
    for number, cue in enumerate(cues):
        cue_span = cue_match(cue)
        if cue_span is None:
            continue
        timed = [(word, tokenize(word.text)) for word in cue.words]
        if [part for _, parts in timed for part in parts] == tokenize(cue.texts[0]):
            yield from (_Token(part, word.start, word.end, number) for word, parts in timed for part in parts)
        else:
            yield from (_Token(part, cue_span.start, cue_span.end, number) for part in tokenize(cue.texts[0]))


_MAX_DENOMINATOR = 10**6
_MAX_TIME_S = 10**7
_CUE_WORDS = 12
"""Words per cue if the file has no segments."""


def read_transcript(text: str, name: str) -> Listing:
    """Read a transcript; `name` is the file's name in messages.

    Raises:
        PresetError: the text is not JSON, or not a transcript.
    """
    check_json_depth(text, name)
    try:
        root = json.loads(text)
    except json.JSONDecodeError as error:
        raise file_error(name, f"is not JSON: {error.msg}", error.lineno) from error
    except ValueError as error:  # a number of thousands of digits
        raise file_error(name, f"is not readable as JSON: {error}") from error
    entries = tuple(_entries(root, name))
    check_entry_count(len(entries), name)
    if not entries:
        raise file_error(
            name, "is not a transcript: it has no `segments`, no `words` and no `transcription` with times"
        )
    return Listing("transcript", entries)


def _entries(root: Any, name: str) -> Iterator[Entry]:
    members = root if isinstance(root, dict) else {"words": root}
    if isinstance(members.get("segments"), list) and members["segments"]:  # words alone may stand beside an empty list
        loose = sorted(_words(members.get("words") or members.get("word_segments")), key=_word_start)
        for number, segment in enumerate(members["segments"], 1):
            yield _segment(segment, number, loose, name)
    elif isinstance(members.get("transcription"), list):
        for number, segment in enumerate(members["transcription"], 1):
            yield _segment(_from_offsets(segment), number, [], name)
    else:
        words = _words(members.get("words") or members.get("word_segments"))
        for number, first in enumerate(range(0, len(words), _CUE_WORDS), 1):
            yield _cue(number, words[first : first + _CUE_WORDS])


def _segment(segment: Any, number: int, loose: list[Word], name: str) -> Entry:
    if not isinstance(segment, dict):
        raise file_error(name, f"segment {number} is not an object with start, end and text")
    start, end = _seconds(segment.get("start")), _seconds(segment.get("end"))
    text = segment.get("text", "")
    words = _words(segment.get("words"))
    if start is None or end is None or not isinstance(text, str):
        raise file_error(name, f"segment {number} has no start and end in seconds, or no text")
    if not words and loose:
        first, last = (bisect_left(loose, moment, key=_word_start) for moment in (start, end))
        words = loose[first:last]
    unusable = "" if end > start else "it ends before it begins"
    span = Span(Seconds(start), Seconds(max(start, end)))
    return Entry("cue", str(number), 0, (_single_line(text),), record=span, unusable=unusable, words=tuple(words))


def _word_start(word: Word) -> Fraction:
    return word.start.value


def _cue(number: int, words: list[Word]) -> Entry:
    span = Span(words[0].start, words[-1].end)
    text = " ".join(word.text for word in words)
    return Entry("cue", str(number), 0, (text[:MAX_LINE_CHARS],), record=span, words=tuple(words))


def _words(items: Any) -> list[Word]:
    """Return the words that have times; numbers and symbols may have none."""
    words = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        text = item.get("word", item.get("text"))
        start, end = _seconds(item.get("start")), _seconds(item.get("end"))
        if isinstance(text, str) and start is not None and end is not None and end >= start:
            words.append(Word(_single_line(text), Seconds(start), Seconds(end)))
    return words


def _from_offsets(segment: Any) -> Any:
    """Convert a segment of whisper.cpp to Whisper's form."""
    offsets = segment.get("offsets") if isinstance(segment, dict) else None
    if not isinstance(offsets, dict):
        return segment
    offsets_ms = {key: _seconds(offsets.get(name)) for key, name in (("start", "from"), ("end", "to"))}
    times_s = {key: value / 1000 for key, value in offsets_ms.items() if value is not None}
    return {**times_s, "text": segment.get("text", "")}


def _seconds(value: Any) -> Fraction | None:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return Fraction(value).limit_denominator(_MAX_DENOMINATOR) if 0 <= value <= _MAX_TIME_S else None


def _single_line(text: str) -> str:
    return " ".join(text.split())[:MAX_LINE_CHARS]
