"""Find what is said in cues; pure.

Case, punctuation and markup do not count: "I can't believe it!" is found by `i cant believe it`. The words may run over
several cues. Where the words of a cue have times, the span is that of the words; else it is that of their cues.
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
_MOST_LISTED = 5
_MOST_COMPARED = 5000
_NEAR = 0.5


@dataclass(frozen=True)
class Found:
    """A place where a text is said."""

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


def tokens(text: str) -> list[str]:
    """Take a text apart into words as they are compared."""
    plain = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _WORD.findall(plain.replace("_", " "))


def said_at(cues: Sequence[Entry], text: str) -> list[Found]:
    """Find every place where a text is said."""
    wanted = tokens(text)
    spoken = list(_spoken(cues))
    words = [token.word for token in spoken]
    if not wanted:
        return []
    found = []
    for at in range(len(words) - len(wanted) + 1):
        if words[at] == wanted[0] and words[at : at + len(wanted)] == wanted:
            first, last = spoken[at], spoken[at + len(wanted) - 1]
            told = " ".join(cues[number].texts[0] for number in dict.fromkeys((first.cue, last.cue)))
            found.append(Found(first.start, last.end, told))
    return found


def nearest(cues: Sequence[Entry], text: str) -> list[Found]:
    """Give the cues whose words are most like a text, best first."""
    wanted = " ".join(tokens(text))
    scored = []
    for cue in cues[:_MOST_COMPARED]:
        matcher = difflib.SequenceMatcher(None, wanted, " ".join(tokens(cue.texts[0]))[:400])
        if matcher.quick_ratio() >= _NEAR and (score := matcher.ratio()) >= _NEAR:
            scored.append((score, cue))
    scored.sort(key=lambda one: -one[0])
    return [found for _, cue in scored[:_MOST_LISTED] if (found := of_cue(cue))]


def of_cue(cue: Entry) -> Found | None:
    """Give a cue as a place; None where its times are none."""
    span = cue.record
    if span is None or not isinstance(span.start, Seconds) or not isinstance(span.end, Seconds) or cue.unusable:
        return None
    return Found(span.start, span.end, cue.texts[0])


def listed(found: Sequence[Found]) -> str:
    """Name places for a message."""
    more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    return ", ".join(str(one) for one in found[:_MOST_LISTED]) + more


def _spoken(cues: Sequence[Entry]) -> Iterator[_Token]:
    for number, cue in enumerate(cues):
        whole = of_cue(cue)
        if whole is None:
            continue
        timed = [(word, tokens(word.text)) for word in cue.words]
        if [part for _, parts in timed for part in parts] == tokens(cue.texts[0]):
            yield from (_Token(part, word.start, word.end, number) for word, parts in timed for part in parts)
        else:
            yield from (_Token(part, whole.start, whole.end, number) for part in tokens(cue.texts[0]))
