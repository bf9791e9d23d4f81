"""Edits become spans with handles that touch no other edit."""

import pytest
from numbered_clips import make_clip

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.times import Frames, parse_time
from react1.pipeline.media.timing.edit_spans import resolve_spans


@pytest.fixture
def film(tmp_path, probed):
    return probed(make_clip(tmp_path / "a.mov", frames=100, tracks=0, size=(64, 48)))


def edit(start, end, **more):
    return Edit(**{"in": start, "out": end}, **more)


def places(spans):
    return [(span.name, span.first_frame, span.start_frame, span.end_frame, span.last_frame) for span in spans]


def test_spans_are_sorted_and_named_and_their_handles_shortened(film):
    """Handles stop at the ends of the film and at other edits; names follow the film."""
    edits = [edit("60f", "97f"), edit("3f", "20f", name="first"), edit("25f", "50f")]

    spans = resolve_spans(film, edits, Frames(8))

    assert places(spans) == [("first", 0, 3, 20, 25), ("s02", 20, 25, 50, 58), ("s03", 52, 60, 97, 100)]


def test_edits_may_touch(film):
    """One ends where the next begins: nothing is shared, and no handle is left between them."""
    spans = resolve_spans(film, [edit("10f", "20f"), edit("20f", "30f")], Frames(8))

    assert places(spans) == [("s01", 2, 10, 20, 20), ("s02", 20, 20, 30, 38)]


def test_handles_may_be_seconds(film):
    """0.2 s at 25 frames/s is 5 frames."""
    (span,) = resolve_spans(film, [edit("1.0", "2.0")], parse_time("0.2"))

    assert (span.head_frames, span.tail_frames) == (5, 5)


def test_segment_names_are_unique(film):
    """An edit called s02 keeps its name; the one in second place gets another."""
    names = [span.name for span in resolve_spans(film, [edit("0f", "9f", name="s02"), edit("20f", "30f")], Frames(0))]

    assert len(set(names)) == 2
    assert names[0] == "s02"


def test_all_problems_are_reported_at_once(film):
    """Empty, outside, overlapping: each edit is named with its times."""
    edits = [edit("5f", "0.2"), edit("90f", "120f"), edit("10f", "30f", name="a"), edit("1.0", "1.5")]

    with pytest.raises(InputMediaError) as caught:
        resolve_spans(film, edits, Frames(8))

    message = caught.value.message
    assert "edit 5f–00:00:00.200 has no frames" in message
    assert "edit 90f–120f: 120f is outside the film" in message
    assert "edits 'a' (10f–30f) and 00:00:01.000–00:00:01.500 overlap by frames 25–29" in message


def test_two_edits_of_one_name_are_refused(film):
    """The name is the segment's in every list and path."""
    with pytest.raises(InputMediaError, match="two edits are named 'a'"):
        resolve_spans(film, [edit("0f", "5f", name="a"), edit("10f", "15f", name="a")], Frames(0))
