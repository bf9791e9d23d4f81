"""How a take is aligned in time with what was sent."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.conform.align import align


def moving(frames, rate, late_s=0.0):
    """Return thumbnails, (frames, 36, 64) uint8, of a texture that wanders through its four seconds."""
    source = np.random.default_rng(4).integers(30, 220, (36, 400)).astype(np.uint8)
    source = np.repeat(source[:, ::4], 4, axis=1)
    times = np.maximum(np.arange(frames) / rate - late_s, 0)
    places = np.round(150 + 140 * np.sin(times * 1.3)).astype(int)
    return np.stack([source[:, place : place + 64] for place in places])


@pytest.mark.slow
@pytest.mark.parametrize("rate", [24, 25, 30, 60, 120])
@pytest.mark.parametrize("late_s", [0.4, -0.4])
def test_a_take_may_be_as_late_at_any_frame_rate(rate, late_s):
    """A provider's delay is a time: a third of a second was found at 24 frames/s, and not at 60."""
    count = 4 * rate
    sent, taken = moving(count, rate, max(-late_s, 0)), moving(count, rate, max(late_s, 0))

    alignment = align(sent, taken, Fraction(rate), Fraction(rate), "s01")

    assert alignment.lag_frames == round(late_s * rate)
    assert alignment.similarity > 0.95
