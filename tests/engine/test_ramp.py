"""Ramps at the start and the end of an edit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.engine.arrays import ramp_weights, smoothstep, span_ramp_s, span_weights


def test_ramps_last_a_quarter_second() -> None:
    """At 24 fps a ramp is a smoothstep over 6 frames, with 0 outside and 1 inside, and symmetric."""
    active = np.zeros(40, bool)
    active[10:35] = True

    weights = ramp_weights(active, Fraction(24))

    expected = [share * share * (3 - 2 * share) for share in np.arange(1, 7) / 6]
    assert np.allclose(weights[10:16], expected)
    assert np.allclose(weights[29:35], expected[::-1])
    assert (weights[16:29] == 1).all()
    assert (weights[:10] == 0).all()
    assert (weights[35:] == 0).all()


@pytest.mark.parametrize("fps", [24, 25, 30, 50])
def test_most_of_a_second_is_at_full_strength(fps: int) -> None:
    """Of a second at least 60 % of the frames have weight 1; in two seconds ramps have their usual length."""
    short, usual = (
        ramp_weights(np.ones(seconds * fps, bool), Fraction(fps), span_ramp_s(seconds * fps, Fraction(fps)))
        for seconds in (1, 2)
    )

    assert (short == 1).mean() >= 0.60
    assert np.array_equal(usual, ramp_weights(np.ones(2 * fps, bool), Fraction(fps)))


def test_short_spans_never_reach_full_strength() -> None:
    """Four frames at 25 fps stay below 0.5 and are symmetric."""
    weights = ramp_weights(np.ones(4, bool), Fraction(25))

    assert weights.max() < 0.5
    assert np.allclose(weights, weights[::-1])


@pytest.mark.parametrize("frames", [3, 25, 200])
def test_there_is_no_ramp_where_the_edit_goes_on(frames: int) -> None:
    """At neither end, or at one alone; the ramp at the other end is as it would be."""
    fps = Fraction(30000, 1001)
    alone, before, both = (span_weights(frames, fps, ends) for ends in ((False, False), (True, False), (True, True)))

    assert (both == 1).all()
    assert before[0] == 1 or frames == 3
    assert (np.diff(before) <= 0).all() and before[-1] == alone[-1]
    assert np.array_equal(before[frames // 2 + 1 :], alone[frames // 2 + 1 :])


def test_no_step_exceeds_the_slope_of_the_curve() -> None:
    """For any pattern, two neighbours differ by at most the steepest step of the curve."""
    active = np.random.default_rng(7).random(400) > 0.1

    assert np.abs(np.diff(ramp_weights(active, Fraction(25)))).max() <= 1.5 / 6 + 1e-9


def test_smoothstep_is_clipped() -> None:
    """It is 0 and 1 at the ends and beyond them, 0.5 in the middle."""
    assert smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 0.5, 1, 1]
