"""Read a list of edits, a timeline, subtitles or a transcript; the file name's suffix selects the reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from ..core.errors import PresetError
from .entries import Listing
from .limits import file_error, read_text
from .text.subtitles import read_srt, read_vtt
from .text.table import read_table
from .text.transcript import read_transcript
from .timelines.edl import read_edl
from .timelines.fcpxml import read_fcpxml
from .timelines.otio import read_otio

_TIMELINES: Mapping[str, Callable[[str, str], Listing]] = {".otio": read_otio, ".fcpxml": read_fcpxml}
_CUES: Mapping[str, Callable[[str, str], Listing]] = {".srt": read_srt, ".vtt": read_vtt}
_READERS = {
    **_TIMELINES,
    ".csv": read_table,
    ".tsv": read_table,
    **_CUES,
    ".json": read_transcript,
}
TIMELINES = (".edl", *_TIMELINES)
CUES = tuple(_CUES)
SUFFIXES = (".edl", *_READERS)


def read_listing(path: Path, name: str, rate: Fraction | None = None) -> Listing:
    """Read a file into its entries.

    Args:
        path: the file.
        name: its name in messages.
        rate: frames per second of its labels, if known.

    Raises:
        PresetError: the file is missing, too large, of an unknown format or invalid; with the line if known.
        MissingExtra: a library of the extra `timeline` is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and os.access(path, os.R_OK):
        raise _unknown_suffix(name)
    return parse_listing(read_text(path, name), suffix, name, rate)


def parse_listing(text: str, suffix: str, name: str, rate: Fraction | None = None) -> Listing:
    """Read a text in the format that a suffix names."""
    if not text.strip():
        raise file_error(name, "is empty")
    if suffix == ".edl":
        return read_edl(text, name, rate)
    reader = _READERS.get(suffix)
    if reader is not None:
        return reader(text, name)
    raise _unknown_suffix(name)


def _unknown_suffix(name: str) -> PresetError:
    return file_error(name, f"is not a list of edits: its suffix is none of {', '.join(SUFFIXES)}")
