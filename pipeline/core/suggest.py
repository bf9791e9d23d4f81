"""Messages that list the allowed words and suggest the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SYNONYMS = {
    "happy": "amused cheerful content delighted glad happier joy joyful laughing merry pleased smile smiling",
    "sad": "crying depressed gloomy grieving melancholic melancholy mournful sadder sorrowful tearful unhappy",
    "angry": "aggressive angrier annoyed cross enraged furious irritated mad outraged rage",
    "disgusted": "appalled contemptuous disgust repelled repulsed revolted sickened",
    "surprised": "amazed astonished shocked startled stunned surprise",
    "neutral": "blank calm deadpan expressionless flat indifferent none normal relaxed serious",
}
_MEANING = {synonym: word for word, synonyms in _SYNONYMS.items() for synonym in synonyms.split()}
"""Words that people use for the emotions of React-1."""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'happy'?` for the nearest allowed word, or an empty text if none is near.

    A synonym of an emotion counts as near: `melancholic` suggests `sad`.
    """
    by_folded = {allowed_word.casefold().replace("-", "_"): allowed_word for allowed_word in allowed}
    folded = word[:80].casefold().replace("-", "_")
    near = [_MEANING[folded]] if _MEANING.get(folded) in by_folded else []
    near = near or difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def not_one_of(word: str, allowed: Iterable[str]) -> str:
    """Return a message that a word is not allowed, with the allowed words and the nearest one."""
    choices = list(allowed)
    shown = ", ".join(choices) or "nothing"
    return f"{shorten(word)!r} is not one of {shown}{did_you_mean(word, choices)}"


def list_available(word: str, allowed: Iterable[str]) -> str:
    """Return the available names and the one nearest to a missing name, such as `available: a, b`."""
    choices = list(allowed)
    return f"available: {', '.join(choices)}{did_you_mean(word, choices)}" if choices else "none available"


def shorten(text: str, length: int = 60) -> str:
    """Truncate a text for a message."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
