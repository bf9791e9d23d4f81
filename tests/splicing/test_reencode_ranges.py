"""Which pictures are re-encoded, on grids written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.media.mp4.boxes import Box
from react1.pipeline.media.mp4.sample_tables import Samples
from react1.pipeline.splicing.mp4.sample_times import FrameGrid
from react1.pipeline.splicing.pictures.frames import Insert
from react1.pipeline.splicing.reencode_ranges import RandomAccessPoint, closed_prefixes, count_leading, plan_ranges


def grid(pts, hidden=0):
    count = len(pts)
    times = np.array(pts, np.int64)
    samples = Samples(
        sizes=np.ones(count, np.int64),
        offsets=np.arange(count),
        dts=np.arange(count) - 2,
        composition=times - np.arange(count) + 2,
        sync=np.zeros(count, bool),
    )
    return FrameGrid(samples, np.sort(times), hidden, Box(b"trak"), 0, 0, 0)


def planned(pts, spans, resumable, hidden=0):
    inserts = [Insert(start, end, None) for start, end in spans]
    points = [item if isinstance(item, RandomAccessPoint) else RandomAccessPoint(item) for item in resumable]
    return [(w.first, w.end) for w in plan_ranges(grid(pts, hidden), inserts, points)]


IN_ORDER = list(range(12))
REORDERED = [0, 3, 1, 2, 6, 4, 5, 7, 10, 8, 9, 11]


def test_a_clean_start_has_all_earlier_pictures_before_it():
    """In a reordered group there is none between a picture and those shown before it."""
    assert closed_prefixes(np.array(REORDERED)).tolist() == [0, 1, 4, 7, 8, 11]


def test_a_window_begins_at_the_edit_where_nothing_is_reordered():
    """No picture before the edit is re-encoded."""
    assert planned(IN_ORDER, [(5, 6)], [0, 4, 8]) == [(5, 8)]


def test_a_window_begins_earlier_where_reordering_forces_it():
    """Frame 5 is decoded amid its group, so the group's earlier picture is re-encoded too."""
    assert planned(REORDERED, [(5, 6)], [0, 7]) == [(4, 7)]


def test_a_window_runs_to_the_end_where_no_idr_follows():
    """Without an IDR picture after the edit nothing can resume."""
    assert planned(IN_ORDER, [(5, 6)], [0, 4]) == [(5, 12)]


def test_edits_share_a_window_when_one_begins_inside_the_other():
    """Two edits before the same IDR are one window; the next is its own."""
    assert planned(IN_ORDER, [(1, 2), (3, 4), (9, 10)], [0, 4, 8]) == [(1, 4), (9, 12)]


def test_hidden_pictures_move_the_window():
    """Shown frame 0 is stored picture 2 when an edit list hides two."""
    assert planned(IN_ORDER, [(0, 1)], [0, 4, 8], hidden=2) == [(2, 4)]


def test_reordering_is_read_off_the_slots():
    """A grid whose pictures are decoded two slots early allows two places of reordering, an even one none."""
    assert grid(IN_ORDER).reorder(0, len(IN_ORDER)) == 2
    tight = grid(IN_ORDER)
    on_time = Samples(
        tight.samples.sizes, tight.samples.offsets, np.arange(12), np.zeros(12, np.int64), tight.samples.sync
    )
    assert FrameGrid(on_time, tight.shown, 0, Box(b"trak"), 0, 0, 0).reorder(0, 12) == 0


def test_only_the_slots_of_the_new_pictures_decide_how_they_may_be_reordered():
    """Of a joined film one part may be decoded as it is shown, the other two slots early; across the join none is."""
    late = np.where(np.arange(12) < 6, 0, 2)
    samples = Samples(np.full(12, 10), np.arange(12), np.arange(12), late, np.zeros(12, bool))
    joined = FrameGrid(samples, np.arange(12) + late, 0, Box(b"trak"), 0, 0, 0)

    assert (joined.reorder(0, 6), joined.reorder(6, 12), joined.reorder(4, 12)) == (0, 2, 0)


OPEN = [0, 3, 1, 2, 7, 5, 4, 6, 10, 8, 9, 11]
"""The picture 7 is stored fourth and is a broken link: 5, 4 and 6 are decoded after it and lean on what was before."""


def test_pictures_that_refer_over_a_broken_link_are_re_encoded_and_it_moves_behind_them():
    """The window covers what is shown before the link; its slot is the one after them."""
    point = RandomAccessPoint(4, count_leading(np.array(OPEN), 4), broken_link=True)

    (window,) = plan_ranges(grid(OPEN), [Insert(1, 2, None)], [point])

    assert (window.first, window.end, window.copied_from, window.relinked) == (1, 7, 8, 4)


def test_an_edit_of_the_picture_at_a_broken_link_goes_on_to_the_next_place():
    """What is stored there is changed already, and cannot end a window before it."""
    point = RandomAccessPoint(4, 3, broken_link=True)

    spans = [
        (w.first, w.end, w.relinked) for w in plan_ranges(grid(OPEN), [Insert(1, 2, None), Insert(7, 8, None)], [point])
    ]

    assert spans == [(1, 12, None)]


TWO_LINKS = [0, 2, 1, 4, 3, 5, 6, 7, 8]
"""The pictures 2 and 4 are broken links with one leading picture each, and the second directly follows the first."""


def test_a_range_begins_before_all_links_that_are_shown_right_before_it():
    """It moves before the second link, and then before the first, which is then right before it."""
    points = [RandomAccessPoint(1, 1, broken_link=True), RandomAccessPoint(3, 1, broken_link=True)]

    assert planned(TWO_LINKS, [(5, 6)], [*points, 7]) == [(1, 7)]
    assert planned(TWO_LINKS, [(5, 6)], [points[1], 7]) == [(3, 7)]


@pytest.mark.parametrize(
    ("pts", "count"), [([8, 4, 2, 6, 9], 3), ([8, 9, 10], 0), ([8, 4, 9, 6], None), ([8, 4, 6], 2), ([8], 0)]
)
def test_leading_pictures_are_counted_where_they_follow_at_once(pts, count):
    """Where others come between them, the place cannot be used."""
    assert count_leading(np.array(pts), 0) == count
