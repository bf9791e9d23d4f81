"""Read a file of edits, a timeline, subtitles or a transcript, by what its name and its first words say it is.

Takes   a path, what to call it, and the frames per second of its labels where they are known.
Gives   a `Listing`.
Raises  PresetError with the file and the line: not there, too large, of no known form, or broken; MissingExtra where
        it takes a library of the extra `timeline` that is not installed.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from .edl import read_edl
from .limits import read_text, wrong
from .model import Listing

SUFFIXES = (".edl", ".otio", ".fcpxml", ".csv", ".tsv", ".srt", ".vtt", ".json")


def read_listing(path: Path, name: str, rate: Fraction | None = None) -> Listing:
    """Read a file into its entries."""
    text = read_text(path, name)
    return parsed(text, path.suffix.lower(), name, rate)


def parsed(text: str, suffix: str, name: str, rate: Fraction | None = None) -> Listing:
    """Read a text of a known form."""
    if not text.strip():
        raise wrong(name, "is empty")
    if suffix == ".edl":
        return read_edl(text, name, rate)
    raise wrong(name, f"is no file of edits: its name ends with none of {', '.join(SUFFIXES)}")
