"""The planner: parts cover a span exactly, are short enough, and are as few as the places allow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from react1.pipeline.media.timing.split_points import (
    ClipLimit,
    NoSplitPoint,
    SplitPoint,
    choose_split_points,
    fit_handles,
)

pytestmark = pytest.mark.slow


def limit(count, longest, step=100):
    """Frames of 100 ticks at 25 frames/s; the length is in frames."""
    return ClipLimit(np.arange(count + 1, dtype=np.int64) * step, longest * step, 25 * step)


def pauses(*frames, quality=0.5):
    return [SplitPoint(frame, quality) for frame in frames]


@st.composite
def films(draw):
    """A film of uneven frames, a span of it, a longest clip, and places anywhere."""
    steps = draw(st.lists(st.integers(1, 9), min_size=2, max_size=60))
    begins = np.concatenate([[draw(st.integers(0, 50))], steps]).cumsum().astype(np.int64)
    count = len(steps)
    start = draw(st.integers(0, count - 1))
    end = draw(st.integers(start + 1, count))
    places = draw(
        st.lists(st.builds(SplitPoint, st.integers(0, count), st.floats(0, 1), st.booleans()), max_size=count)
    )
    return ClipLimit(begins, draw(st.integers(1, 120)), draw(st.floats(1, 100))), start, end, places


def fewest_by_trying(known, start, end, places):
    """Walk breadth first over all places: how many parts are needed; None where it cannot be done."""
    nodes = sorted({place.frame for place in places if start < place.frame < end} | {end})
    reached, parts = {start}, 0
    while reached and end not in reached:
        reached = {node for node in nodes if any(at < node and known.fits(at, node) for at in reached)}
        parts += 1
        if parts > len(nodes):
            return None
    return parts if reached else None


@given(films())
def test_parts_cover_the_span_fit_and_are_the_fewest(film):
    """No frame is left out or doubled, each joint is a place that was offered, and no fewer parts would do."""
    known, start, end, places = film
    fewest = fewest_by_trying(known, start, end, places)

    if fewest is None:
        with pytest.raises(NoSplitPoint) as caught:
            choose_split_points(known, start, end, places)
        assert start <= caught.value.low_frame <= end and start <= caught.value.high_frame <= end
        return
    at = choose_split_points(known, start, end, places)

    spans = list(pairwise([start, *at, end]))
    assert [frame for span in spans for frame in range(*span)] == list(range(start, end))
    assert all(known.fits(*span) for span in spans)
    assert set(at) <= {place.frame for place in places}
    assert len(spans) == fewest


@given(films(), st.integers(0, 30), st.lists(st.integers(0, 60), max_size=5))
def test_handles_keep_the_limit_cross_no_cut_and_are_even(film, wanted, cuts):
    """They are no longer than wanted, and shortened only where a cut, the film or the limit is in the way."""
    known, start, end, _ = film
    held = max(0, start - 20), min(len(known.frame_ticks) - 1, end + 20)

    head, tail = fit_handles(known, (start, end), wanted, held, cuts)

    free_head = min([wanted, start - held[0], *(start - cut for cut in cuts if cut <= start)])
    free_tail = min([wanted, held[1] - end, *(cut - end for cut in cuts if cut >= end)])
    assert 0 <= head <= free_head and 0 <= tail <= free_tail
    assert not any(start - head < cut <= start or end <= cut < end + tail for cut in cuts)
    if known.fits(start, end):
        assert known.fits(start - head, end + tail)
        if (head, tail) != (free_head, free_tail):
            longer = max(head, tail) + 1
            assert not known.fits(start - min(free_head, longer), end + min(free_tail, longer))
            assert head in (tail, free_head) or tail == free_tail
    else:
        assert (head, tail) == (0, 0)


def test_a_cut_is_preferred_to_a_pause():
    """Even where the pause would give more even parts."""
    places = [*pauses(250, quality=1.0), SplitPoint(200, is_cut=True)]

    assert choose_split_points(limit(500, 374), 0, 500, places) == [200]


def test_the_better_of_two_pauses_is_chosen_and_of_equal_ones_the_more_even():
    """Worth first, unless it leaves the parts very uneven."""
    assert choose_split_points(limit(500, 374), 0, 500, [*pauses(230, quality=0.2), *pauses(270, quality=0.9)]) == [270]
    assert choose_split_points(limit(500, 374), 0, 500, pauses(200, 260)) == [260]


def test_parts_under_a_second_are_avoided():
    """A cut half a second before the end is passed by for a pause."""
    places = [SplitPoint(362, is_cut=True), *pauses(200, quality=0.1)]

    assert choose_split_points(limit(374, 370), 0, 374, places) == [200]
    assert choose_split_points(limit(374, 370), 0, 374, places[:1]) == [362]


def test_the_error_names_the_frames_between_which_a_split_is_needed():
    """22 s at most 15 s: a place from 7 s to 15 s would do."""
    with pytest.raises(NoSplitPoint) as caught:
        choose_split_points(limit(550, 375), 0, 550, pauses(30, 500))

    # From the pause at frame 30 on, one more part would do from 175; the pause itself helps nothing.
    assert (caught.value.low_frame, caught.value.high_frame) == (175, 405)


def test_an_hour_of_silence_is_split_quickly():
    """An hour at 60 frames/s, any frame a place: the fewest parts, even to a frame."""
    at = choose_split_points(limit(36_000, 900), 0, 36_000, [SplitPoint(frame, 1.0) for frame in range(36_000)])

    lengths = np.diff([0, *at, 36_000])
    assert len(lengths) == 40 and lengths.max() == 900
