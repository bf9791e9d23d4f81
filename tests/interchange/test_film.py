"""Spans of a list are mapped to the frames of a film."""

from __future__ import annotations

from fractions import Fraction

import pytest

from react1.pipeline.core.times import Frames, Seconds, Timecode
from react1.pipeline.interchange.entries import Entry, Listing, Span
from react1.pipeline.interchange.film import ClockMapper, Film, NotOnFilm

FILM = Film("a.mov", rate=Fraction(25), start=Timecode(1, 0, 0, 0), frames=100)
ENTRY = Entry("clip", "a")


def place(start, end, frames=0):
    return ClockMapper(FILM, Listing("edl", (ENTRY,)), "source").place(ENTRY, Span(start, end, frames))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (Timecode(1, 0, 1, 0), Timecode(1, 0, 1, 0)),
        (Frames(25), Frames(25)),
        (Seconds(Fraction(1)), Seconds(Fraction(1))),
        (Frames(25), None),
        (Frames(25), Frames(24)),
    ],
)
def test_an_empty_or_reversed_span_is_refused(start, end):
    """A span whose out point is its in point, or before it, contains no frame."""
    with pytest.raises(NotOnFilm, match="it contains no frame"):
        place(start, end)


def test_a_span_of_one_frame_is_mapped():
    """The smallest span that is not empty."""
    assert place(Frames(25), Frames(26)) == (Frames(25), Frames(26))
    assert place(Frames(25), None, 1) == (Frames(25), Frames(26))
