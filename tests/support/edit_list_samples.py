"""Classify lists of edits, given as text, for described films."""

from __future__ import annotations

from fractions import Fraction

from react1.pipeline.core.times import parse_time
from react1.pipeline.interchange.classify import classify_entries
from react1.pipeline.interchange.entries import ListFile
from react1.pipeline.interchange.film import Film
from react1.pipeline.interchange.readers import parse_listing


def film(name: str = "A001C003_0101.mov", start: str = "01:00:00:00", frames: int = 200, rate: int | str = 25) -> Film:
    """Describe a film with a start timecode; an empty one means none."""
    return Film(name, "A001", rate=Fraction(rate), start=parse_time(start) if start else None, frames=frames)


def classify_text(text: str, suffix: str, of: Film | None = None, **options):
    """Classify the entries of a text for a film."""
    listing = parse_listing(text, suffix, f"list{suffix}", of.rate if of else None)
    return classify_entries(listing, of, ListFile(file=f"list{suffix}", **options))


def summarize(reading) -> list[tuple[str, str, str]]:
    """Return the state, name and span of each entry."""
    return [
        (entry.state, entry.entry.name, f"{entry.start}-{entry.end}" if entry.start else "")
        for entry in reading.entries
    ]
