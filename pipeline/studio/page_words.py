"""Errors in the words of the page: the same message, without command-line options and commands."""

from __future__ import annotations

import re

from ..core.errors import Interrupted, OverBudget, PresetError, React1Error

_COMMAND = re.compile(r"(?<![\w-])--[a-z][a-z-]*|`?\breact1 [a-z]+|\bREACT1_[A-Z_]+")


def page_message(error: BaseException) -> str:
    """Return one line: what went wrong and, where the page can do it, what to do."""
    if isinstance(error, Interrupted):
        return "stopped; make it again to go on: what was finished is kept"
    if isinstance(error, OverBudget):
        return without_commands(str(error)) or "this would cost more than was agreed to; nothing was sent"
    if isinstance(error, PresetError) and error.problems:
        return without_commands("; ".join(problem.message for problem in error.problems))
    if isinstance(error, React1Error):
        return without_commands(str(error))
    return " ".join(f"internal error (please report): {type(error).__name__}: {error}".split())


def without_commands(text: str) -> str:
    """Return a message without the parts that name an option, a command or a variable of the environment."""
    parts = [part for part in re.split(r";\s+", text) if part.strip()]
    kept_parts = [part for part in parts if not _COMMAND.search(part)]
    return "; ".join(kept_parts or [_COMMAND.sub("the setting", parts[0])] if parts else [])
