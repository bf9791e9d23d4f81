"""An edit comes in and goes out without a pop."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from react1.pipeline.engine.ramp import ramp_weights, smoothstep


def test_rises_and_falls_within_a_quarter_second() -> None:
    """At 24 frames/s: 0 outside, smoothstep over 6 frames, 1 in the middle, and the same backwards."""
    active = np.zeros(40, bool)
    active[10:35] = True

    weights = ramp_weights(active, Fraction(24))

    expected = [share * share * (3 - 2 * share) for share in np.arange(1, 7) / 6]
    assert np.allclose(weights[10:16], expected)
    assert np.allclose(weights[29:35], expected[::-1])
    assert (weights[16:29] == 1).all()
    assert (weights[:10] == 0).all()
    assert (weights[35:] == 0).all()


def test_short_spans_never_reach_full_strength() -> None:
    """Four frames at 25 frames/s rise half way and fall again."""
    weights = ramp_weights(np.ones(4, bool), Fraction(25))

    assert weights.max() < 0.5
    assert np.allclose(weights, weights[::-1])


def test_no_step_is_larger_than_the_curve_allows() -> None:
    """Whatever is active, two neighbours differ by at most the steepest step of the curve."""
    active = np.random.default_rng(7).random(400) > 0.1

    assert np.abs(np.diff(ramp_weights(active, Fraction(25)))).max() <= 1.5 / 6 + 1e-9


def test_ease_has_flat_ends() -> None:
    """0 and 1 at the ends and beyond them, a half in the middle."""
    assert smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0, 0, 0.5, 1, 1]
