"""Did you mean: the nearest of the words that are allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Give `; did you mean 'happy'?` for the nearest allowed word, or nothing where none is near."""
    by_folded = {one.casefold().replace("-", "_"): one for one in allowed}
    folded = word[:80].casefold().replace("-", "_")
    near = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def one_of(word: str, allowed: Iterable[str]) -> str:
    """Say that a word is none of the allowed ones, which they are, and which one is near."""
    words = list(allowed)
    shown = ", ".join(words) or "nothing"
    return f"{shorten(word)!r} is not one of {shown}{did_you_mean(word, words)}"


def none_called(word: str, allowed: Iterable[str]) -> str:
    """Say what there is in place of a name that there is not, and which one is near."""
    words = list(allowed)
    if len(words) < 2:
        return f"there is {'only ' + words[0] if words else 'none'}{did_you_mean(word, words)}"
    return f"there are {', '.join(words)}{did_you_mean(word, words)}"


def shorten(text: str, most: int = 60) -> str:
    """Cut a text for a message."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
