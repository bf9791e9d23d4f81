"""Find spoken phrases in cues; pure.

Case, punctuation and markup are ignored: "I can't believe it!" matches `i cant believe it`. A phrase may span several
cues. If the words of a cue have times, a match has the span of its words; else that of their cues.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...core.times import Seconds
from ..entries import Entry

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
