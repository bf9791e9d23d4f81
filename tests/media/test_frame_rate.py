"""A new frame shows what the film shows in the middle of its time."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.values import Timestamps
from react1.pipeline.media.timing.frame_rate import frame_count_at, frames_on_grid, nearest_rate


@pytest.mark.parametrize(
    ("rate", "nearest"),
    [
        (Fraction(24000, 1001), 24),
        (Fraction(24), 24),
        (Fraction(25), 25),
        (Fraction(30000, 1001), 30),
        (Fraction(48), 24),
        (Fraction(50), 25),
        (Fraction(60000, 1001), 30),
        (Fraction(60), 30),
        (Fraction(120), 30),
        (Fraction(15), 30),
        (Fraction(25, 2), 25),
    ],
)
def test_the_nearest_rate_needs_the_fewest_uneven_steps(rate, nearest):
    """A multiple goes to its divisor, a fraction to its multiple."""
    assert nearest_rate(rate) == nearest


def test_a_film_on_the_grid_keeps_its_frames():
    """One for one, in exact and in rounded times."""
    exact = frames_on_grid(np.arange(100) * 512, Fraction(1, 12800), Fraction(25), 100)
    rounded = frames_on_grid(np.round(np.arange(100) * 1000 / 24).astype(int), Fraction(1, 1000), Fraction(24), 100)

    assert exact == rounded == list(range(100))


def test_2997_on_30_repeats_one_frame_in_a_thousand():
    """Half way between two repeats, at 500, one frame is shown twice; no stutter before."""
    times = np.arange(1000) * 1001
    count = frame_count_at(1000 * Fraction(1001, 30000), Fraction(30))

    shown = frames_on_grid(times, Fraction(1, 30000), Fraction(30), count)

    assert count == 1001
    assert shown[:500] == list(range(500))
    assert [b - a for a, b in itertools.pairwise(shown)].count(0) == 1


def test_a_long_frame_keeps_its_duration():
    """Frame 1 is held for 0.4 s: ten frames of the new film."""
    times = np.array([0, 40, 440, 480])

    assert frames_on_grid(times, Fraction(1, 1000), Fraction(25), 13) == [0] + [1] * 10 + [2, 3]


@pytest.mark.parametrize(("duration_s", "count"), [(Fraction(1, 100), 1), (Fraction(1), 25), (Fraction(31, 50), 16)])
def test_the_duration_is_kept_to_half_a_frame(duration_s, count):
    """And there is always one frame."""
    assert frame_count_at(duration_s, Fraction(25)) == count


@pytest.mark.parametrize(
    ("times", "runs"),
    [
        ([], ()),
        ([7], ((7, 0, 1),)),
        ([0, 40, 80, 120], ((0, 40, 4),)),
        ([0, 42, 83, 125], ((0, 42, 2), (83, 42, 2))),
        ([0, 41, 83, 125, 166], ((0, 41, 2), (83, 42, 2), (166, 0, 1))),
    ],
)
def test_times_are_packed_in_runs_of_one_spacing(times, runs):
    """And come back as they were, as those of Matroska do, which are rounded to milliseconds."""
    stamps = Timestamps.of(times, 40)

    assert stamps.runs == runs and stamps.count == len(times)
    assert stamps.array.tolist() == times
