"""Read a file of edits, a timeline, subtitles or a transcript, by what its name and its first words say it is.

Takes   a path, what to call it, and the frames per second of its labels where they are known.
Gives   a `Listing`.
Raises  PresetError with the file and the line: not there, too large, of no known form, or broken; MissingExtra where
        it takes a library of the extra `timeline` that is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from .edl.read import read_edl
from .entries import Listing
from .fcpxml.read import read_fcpxml
from .limits import read_text, wrong
from .otio.read import read_otio
from .text.subtitles import read_srt, read_vtt
from .text.table import read_table
from .text.transcript import read_transcript

_READERS: Mapping[str, Callable[[str, str], Listing]] = {
    ".otio": read_otio,
    ".fcpxml": read_fcpxml,
    ".csv": read_table,
    ".tsv": read_table,
    ".srt": read_srt,
    ".vtt": read_vtt,
    ".json": read_transcript,
}
SUFFIXES = (".edl", *_READERS)


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
    reader = _READERS.get(suffix)
    if reader is not None:
        return reader(text, name)
    raise wrong(name, f"is no file of edits: its name ends with none of {', '.join(SUFFIXES)}")
