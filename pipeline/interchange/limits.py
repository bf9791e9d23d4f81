"""How large a file may be that is read whole, and what its bytes may be.

Takes   a path.
Gives   text, with lines that end in a single newline.
Raises  PresetError with the file and what is wrong: not there, too large, not text.
"""

from __future__ import annotations

from pathlib import Path

from ..core.errors import PresetError, Problem

MOST_BYTES = 16 << 20
"""A feature film's list of events is under 1 MiB, its transcript with word times about 8 MiB."""
MOST_ENTRIES = 100_000
MOST_LINE = 4_000


def wrong(name: str, message: str, line: int = 0) -> PresetError:
    """Make the error that names a file and, where it is known, a line."""
    return PresetError([Problem(message, file=name, line=line, column=1 if line else 0)])


def read_text(path: Path, name: str) -> str:
    """Read a text file: UTF-8, UTF-16 with a byte order mark, or else Windows' Latin."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise wrong(name, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise wrong(name, "cannot be read: no file can have this name") from error
    if len(data) > MOST_BYTES:
        raise wrong(name, f"is larger than {MOST_BYTES >> 20} MiB, the most that is read")
    text = decoded(data, name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(data: bytes, name: str) -> str:
    """Turn bytes into text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise wrong(name, f"is not the UTF-16 text that it says to be: {error.reason}") from error
    if b"\0" in data:
        raise wrong(name, "is not text: it holds a zero byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def checked_lines(text: str, name: str) -> list[str]:
    """Part text into lines; one that is longer than any list has is refused."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_LINE:
            raise wrong(name, f"a line of {len(line):,} characters; the most is {MOST_LINE:,}", number)
    return lines


def few_enough(count: int, name: str) -> None:
    """Refuse a file with more entries than are ever edited by hand or machine."""
    if count > MOST_ENTRIES:
        raise wrong(name, f"holds more than {MOST_ENTRIES:,} entries, the most that is read")
