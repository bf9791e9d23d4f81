"""Errors, grouped by what the reader can do about them; the numbers are exit statuses.

React1Error
├── PresetError        2    fix the preset, the job or the arguments; nothing ran
│   └── MissingExtra   2    install an optional part
├── InputMediaError    3    this media cannot be used; running again does not help
├── ProviderError      4    a provider or a server failed: request ID, retryable or not, billed or not
│   └── CheckFailed    4    the finished film fails a check because of a take; names the segments
├── OverBudget         5    stopped before money was spent
├── ToolFailed         1    a tool failed: argv, exit status, the end of its standard error
├── StorageFailed      1    the disk is full, or a folder is not writable
├── InternalError      1    a node failed unexpectedly; the details are in the run's folder
└── Interrupted      130    stopped by the user; says how to resume

Every message is one line: what, where, the value, and what to do. Details are attributes.
Messages that list the allowed words also suggest the nearest one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


def in_terms(text: str, terms: Iterable[tuple[str, str]]) -> str:
    """Return a message in the terms of another surface than the command line.

    Args:
        text: the message; it names options of the command line.
        terms: regular expressions, and what is written instead, in this order.
    """
    for pattern, replacement in terms:
        text = re.sub(pattern, replacement, text)
    return text


class React1Error(Exception):
    """The base class of all errors; `exit_status` is the exit status of the command."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split("\n")).strip())
        self.where = ""
        """Step, segment and node; the runner sets it once."""
        self.run = ""
        """The name of the failed run, if one was started."""
        self.cost_usd = 0.0
        """The cost of that run, by the ledger."""

    @property
    def message(self) -> str:
        """The message, one line."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a page of frames: one line, or one per problem of a preset."""
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Problem:
    """One problem with a preset, a job or an argument."""

    message: str
    path: str = ""
    """The keys that lead to it, such as `steps.2.trim.handles`."""
    file: str = ""
    line: int = 0
    """From 1; 0 if the problem has no line in a file."""
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class PresetError(React1Error):
    """The preset, the job or the arguments are invalid; nothing ran."""

    exit_status = 2

    def __init__(self, problems: str | Sequence[Problem]) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {problem}" for problem in self.problems]


class MissingExtra(PresetError):
    """An optional package is not installed; the message says how to install it."""


class InputMediaError(React1Error):
    """The input media cannot be used; running again does not help."""

    exit_status = 3


class ProviderError(React1Error):
    """A provider or a server returned an error, or did not respond."""

    exit_status = 4

    def __init__(
        self, message: str, *, request_id: str = "", retryable: bool = False, billed: bool | None = None
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.retryable = retryable
        self.billed = billed
        """None if unknown."""


class CheckFailed(ProviderError):
    """The finished film fails a check because of these takes; without them it may pass."""

    def __init__(self, message: str, *, findings: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.findings = dict(findings or {})
        """What failed, by the name of the segment."""

    @property
    def segments(self) -> tuple[str, ...]:
        """The names of the segments whose takes fail."""
        return tuple(self.findings)


class OverBudget(React1Error):
    """The next call would cost more than allowed; it was not made."""

    exit_status = 5


class ToolFailed(React1Error):
    """An external tool exited with an error."""

    def __init__(self, message: str, *, argv: Sequence[str] = (), code: int | None = None, tail: str = "") -> None:
        super().__init__(message)
        self.argv = tuple(argv)
        self.code = code
        self.tail = tail
        """The last lines of its standard error."""


class StorageFailed(React1Error):
    """A file could not be written: the disk is full or the folder is not writable."""


class InternalError(React1Error):
    """An unexpected error in a node or in this program; see `__cause__`."""


class Interrupted(React1Error):
    """Stopped by the user; finished results are kept."""

    exit_status = 130
