"""Spans of a list are mapped to the frames of a film."""

from __future__ import annotations

from fractions import Fraction

import pytest

from react1.pipeline.core.times import Frames, Seconds, Timecode, parse_time
from react1.pipeline.interchange.classify import is_clip_of_film
from react1.pipeline.interchange.entries import Clip, Entry, ListFile, Listing, Span, parse_rate
from react1.pipeline.interchange.film import ClockMapper, Film, NotOnFilm, read_film

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


@pytest.mark.parametrize(
    ("film_rate", "start", "list_rate", "span", "places"),
    [
        ("50", "01:00:00:00", "25", ("01:00:01:12", "01:00:02:13"), ("01:00:01:24", "01:00:02:26")),
        ("50", "01:00:00:01", "25", ("01:00:01:12", "01:00:02:12"), ("01:00:01:24", "01:00:02:24")),
        ("25", "01:00:00:00", "50", ("01:00:01:24", "01:00:02:48"), ("01:00:01:12", "01:00:02:24")),
        ("60000/1001", "01:00:00;00", "29.97", ("01:01:00;02", "01:01:00;03"), ("01:01:00;04", "01:01:00;06")),
        ("24000/1001", "01:00:00:00", "24", ("01:00:10:12", "01:00:11:00"), ("01:00:10:12", "01:00:11:00")),
        ("30000/1001", "01:00:00;00", "23.976", ("01:00:00:00", "01:00:01:00"), ("01:00:00;00", "01:00:01;00")),
        ("50", "", "25", ("00:00:01:12", "00:00:02:12"), ("00:00:01:24", "00:00:02:24")),
    ],
)
def test_labels_of_a_list_at_another_rate_than_the_film_are_converted(film_rate, start, list_rate, span, places):
    """With `rate: 25` on a film at 50 frames/s, frame 12 of a second is its frame 24; also without a timecode."""
    film = Film("a.mov", rate=Fraction(film_rate), start=parse_time(start) if start else None, frames=36_000)
    mapper = ClockMapper(film, Listing("edl", (ENTRY,)), "source", parse_rate(list_rate))

    placed = mapper.place(ENTRY, Span(*map(parse_time, span)))

    assert tuple(map(str, placed)) == places


def test_a_programme_without_timecode_counts_the_frames_of_the_film():
    """One second of a list at 25 is 50 frames of the film, also for a marker that has a length and no out point."""
    first = Entry("clip", "a", record=Span(Timecode(10, 0, 0, 0), Timecode(10, 0, 2, 0)))
    listing = Listing("edl", (first,), starts_at_first=True)
    mapper = ClockMapper(Film("a.mov", rate=Fraction(50), frames=400), listing, "record", Fraction(25))

    assert mapper.place(first, first.record) == (Frames(0), Frames(100))
    assert mapper.place(first, Span(Timecode(10, 0, 1, 0), frames=12)) == (Frames(50), Frames(74))


def test_the_rate_of_a_list_is_not_that_of_the_film(reel):
    """Its own counts its frames and its start timecode."""
    film = read_film(reel, "", Fraction(50))

    assert (film.rate, str(film.start), film.frames) == (25, "01:00:00:00", 200)


@pytest.mark.parametrize(
    ("end", "fits"),
    [
        (Timecode(1, 0, 4, 1), True),
        (Timecode(1, 0, 4, 2), False),
        (Frames(102), False),
        (Seconds(Fraction(5)), True),
        (Seconds(Fraction(6)), False),
    ],
)
def test_a_span_that_ends_behind_the_film_is_refused(end, fits):
    """Only a time may be that of the sound, which lasts longer; a label that no frame has would stop the whole job."""
    if fits:
        assert place(Frames(0), end)[1] == end
    else:
        with pytest.raises(NotOnFilm, match="lies outside the film"):
            place(Frames(0), end)


@pytest.mark.parametrize(
    ("clip", "name", "is_film"),
    [
        ("scene.r3d", "scene.mov", True),
        ("scene.v02", "scene.v02.mov", True),
        ("Scene.V02.mxf", "scene.v02.mov", True),
        ("scene.0001", "scene.0001.mov", True),
        ("scene.v02", "scene.mov", False),
        ("scene.01", "scene.mov", False),
    ],
)
def test_a_version_or_a_number_in_a_name_is_no_suffix(clip, name, is_film):
    """Editing systems show names without their suffix: `scene.v02` is `scene.v02.mov`, and not `scene.mov`."""
    assert is_clip_of_film(Clip(clip), Film(name), ListFile(file="cut.edl")) == is_film
