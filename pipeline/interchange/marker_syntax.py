"""Parse the edit in the text of a marker or comment: `react1: angry 0.8 face`, `react1 prompt=angry audio=l3.wav`.

Words may come in any order: an emotion, a number (the temperature), a region (lips, face, head), and `key=value` for
every field of an edit except its position, its consent and its takes. Values with spaces are quoted. A marker of an EDL
may give its length: `react1: angry for 2s`.
"""

from __future__ import annotations

import difflib
import re
import shlex
from typing import get_args

from ..core.edits.choices import ModelMode, Prompt
from ..core.edits.edit import Edit
from ..core.errors import did_you_mean, list_available, not_one_of
from ..core.times import Moment, order_key, parse_time

_PREFIX = re.compile(r"\s*react[-_ ]?1(?![A-Za-z0-9_.-])\s*[:=]?\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_FIRST_WORD = re.compile(r"\s*([A-Za-z][\w-]{3,11})\s*:")
_DURATION = re.compile(r"'[^']*'|\"[^\"]*\"|\s+for\s+(\S+)", re.IGNORECASE)
"""Quoted text, which is a value, or a length."""
_PROVIDER = re.compile(r"(?<!\S)provider=")
_NOT_IN_TEXT = ("in_", "out", "at", "takes", "faces", "consent")
_TEXT_FIELDS = ("name", "audio", "face", "crop", "strength")
MAX_TEXT_CHARS = 2000

EditFields = dict[str, "str | float | bool"]


class NotAnEdit(ValueError):
    """A text starts like an edit but cannot be parsed as one; the message gives the reason."""


def field_names() -> tuple[str, ...]:
    """Return the fields of an edit that a text may set: all except its position and its lists of takes."""
    names = [field.alias or name for name, field in Edit.model_fields.items() if name not in _NOT_IN_TEXT]
    return (*names, "emotion")


def is_edit_text(text: str) -> bool:
    """Check whether a text begins with the `react1` prefix of an edit."""
    return _PREFIX.match(text) is not None


def is_take_record(text: str) -> bool:
    """Check whether a text is the marker of a finished take in a turnover's timeline: an edit with its provider."""
    return is_edit_text(text) and _PROVIDER.search(text) is not None


def parse_edit_text(text: str) -> EditFields | None:
    """Parse the edit of a text; return None if it has none or describes a finished take.

    Raises:
        NotAnEdit: the text begins like an edit but is invalid.
    """
    match = _PREFIX.match(text)
    if match is None or is_take_record(text):
        return None
    if len(text) > MAX_TEXT_CHARS:
        raise NotAnEdit(f"the edit's text has {len(text)} characters; the limit is {MAX_TEXT_CHARS} characters")
    if split_duration(text)[1] is not None:
        raise NotAnEdit("has `for`, which is for EDL markers without a length")
    try:
        words = _words(text[match.end() :])
    except ValueError as error:
        raise NotAnEdit("a quotation is not closed") from error
    fields: EditFields = {}
    for word in words:
        key, value = _field(word)
        if key in fields:
            raise NotAnEdit(f"sets {key} twice: {fields[key]} and {value}")
        fields[key] = value
    return fields


def split_duration(text: str) -> tuple[str, Moment | None]:
    """Return the text of an edit without its `for 2s`, `for 50f` or `for 00:00:02:00`, and that length; None without.

    Raises:
        NotAnEdit: the length is invalid or zero.
    """
    match = next(filter(lambda match: match[1], _DURATION.finditer(text)), None) if is_edit_text(text) else None
    if match is None:
        return text, None
    value = match[1].rstrip(",;")
    try:
        length = parse_time(value.removesuffix("s"))
    except ValueError as error:
        raise NotAnEdit(f"'for {value}' is no length: {error}; write for 2s, for 50f or for 00:00:02:00") from error
    if not any(order_key(length)):
        raise NotAnEdit(f"'for {value}' is no length: it contains no frame")
    return text[: match.start()] + text[match.end() :], length


def near_miss(text: str) -> str:
    """Return a hint for a mistyped prefix such as `reackt1: angry`; empty if the text does not look like an edit."""
    match = _FIRST_WORD.match(text)
    near = match and difflib.SequenceMatcher(None, match[1].lower(), "react1").ratio() >= 0.75
    return f"; did you mean 'react1:' for {match[1]!r}?" if match and near else ""


def _words(text: str) -> list[str]:
    """Split a text at spaces that are not quoted; a backslash is a part of a path.

    Raises:
        ValueError: a quotation is not closed.
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    return list(lexer)


def _field(word: str) -> tuple[str, str | float | bool]:
    key, equals, value = word.partition("=")
    if equals:
        return _named_field(key.strip(), value.strip())
    bare = word.strip(",;")
    if bare.lower() in get_args(Prompt):
        return "prompt", bare.lower()
    if bare.lower() in get_args(ModelMode):
        return "model_mode", bare.lower()
    if _NUMBER.fullmatch(bare):
        return "temperature", float(bare.replace(",", "."))
    known = (*get_args(Prompt), *get_args(ModelMode))
    keyed = did_you_mean(bare, field_names())
    more = f"{keyed.rstrip('?')} with a value, {bare}=…?" if keyed and not did_you_mean(bare, known) else ""
    raise NotAnEdit(f"{not_one_of(bare, known)}, a number, or key=value{more}")


def _named_field(key: str, value: str) -> tuple[str, str | float | bool]:
    names = field_names()
    if key not in names:
        raise NotAnEdit(f"an edit has no {key!r}; {list_available(key, names)}")
    return ("prompt" if key == "emotion" else key), parse_value(key, value)


def parse_value(key: str, value: str) -> str | float | bool:
    """Convert a field's text to a number or a boolean; names and files stay text."""
    if key in _TEXT_FIELDS:
        return value
    if value.lower() in ("true", "yes", "on"):
        return True
    if value.lower() in ("false", "no", "off"):
        return False
    if re.fullmatch(r"[-+]?\d{1,9}", value):
        return int(value)
    return float(value) if re.fullmatch(r"[-+]?\d{1,9}\.\d{1,9}", value) else value
