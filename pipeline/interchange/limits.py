"""Read text files within limits on size, line length, entries and nesting.

Every refusal is a PresetError with the file's name and, if known, the line.

Import the libraries of the extra `timeline` when they are first needed.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from ..core.errors import MissingExtra, PresetError, Problem

MAX_BYTES = 16 << 20
"""A feature film's event list is under 1 MiB, its transcript with word times about 8 MiB."""
MAX_ENTRIES = 100_000
MAX_LINE_CHARS = 4_000
MAX_JSON_DEPTH = 100
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+\\?(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A string, possibly unterminated, so that brackets inside it are skipped; or a bracket."""


def file_error(name: str, message: str, line: int = 0) -> PresetError:
    """Build the error for a file and, if known, a line."""
    return PresetError([Problem(message, file=name, line=line, column=1 if line else 0)])


def read_text(path: Path, name: str) -> str:
    """Read a text file as UTF-8, as UTF-16 if it has a byte order mark, or else as Windows-1252.

    Line ends become single newlines.

    Raises:
        PresetError: the file is missing, too large or not text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise file_error(name, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise file_error(name, "cannot be read: the file name is invalid") from error
    if len(data) > MAX_BYTES:
        raise file_error(name, f"is larger than {MAX_BYTES >> 20} MiB, the limit")
    text = decode_text(data, name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode_text(data: bytes, name: str) -> str:
    """Decode bytes as UTF-8, UTF-16 or Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise file_error(name, f"is not valid UTF-16 text: {error.reason}") from error
    if b"\0" in data:
        raise file_error(name, "is not text: it contains a zero byte; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def split_lines(text: str, name: str) -> list[str]:
    """Split text into lines; refuse lines over `MAX_LINE_CHARS`."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_CHARS:
            raise file_error(name, f"a line has {len(line):,} characters; the limit is {MAX_LINE_CHARS:,}", number)
    return lines


def check_entry_count(count: int, name: str) -> None:
    """Refuse a file with more than `MAX_ENTRIES` entries."""
    if count > MAX_ENTRIES:
        raise file_error(name, f"has more than {MAX_ENTRIES:,} entries, the limit")


def check_json_depth(text: str, name: str) -> None:
    """Refuse JSON nested deeper than any timeline or transcript, because its parser is recursive."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        text_or_bracket = match[0]
        if len(text_or_bracket) == 1:
            depth += (text_or_bracket in "[{") - (text_or_bracket in "]}")
        if depth > MAX_JSON_DEPTH:
            raise file_error(name, f"is nested deeper than {MAX_JSON_DEPTH} levels")


def import_extra(module: str, purpose: str) -> Any:
    """Import and return a module.

    Raises:
        MissingExtra: it is not installed; the message gives the command to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} requires {module.partition('.')[0]}, which is not installed; "
            "install it with: pip install 'react1-nodes[timeline]'"
        ) from error
