"""Lists of edits as text, read for films that are only told of."""

from __future__ import annotations

from fractions import Fraction

from react1.pipeline.core.times import parse_time
from react1.pipeline.interchange.classify import read_rows
from react1.pipeline.interchange.film import Film
from react1.pipeline.interchange.list_options import ListFile
from react1.pipeline.interchange.readers import parsed


def film(name: str = "A001C003_0101.mov", start: str = "01:00:00:00", frames: int = 200, rate: int | str = 25) -> Film:
    """A film from a start timecode on; with an empty one it has none."""
    return Film(name, "A001", rate=Fraction(rate), start=parse_time(start) if start else None, frames=frames)


def rows(text: str, suffix: str, of: Film | None = None, **asked):
    """Read a text for a film."""
    listing = parsed(text, suffix, f"list{suffix}", of.rate if of else None)
    return read_rows(listing, of, ListFile(file=f"list{suffix}", **asked))


def told(reading) -> list[tuple[str, str, str]]:
    """Say of each row its state, its name, and where it lies."""
    return [(row.state, row.entry.name, f"{row.start}-{row.end}" if row.start else "") for row in reading.rows]
