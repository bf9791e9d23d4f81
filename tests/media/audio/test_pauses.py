"""Pauses are found where the voice rests, to within a hundredth of a second or two."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.media.audio.loudness import Pause, find_pauses, split_points_in

RATE_HZ = 16000


def voice(*spans_s, length_s=6.0, noise_level=0.0):
    """Noise of a voice's level in spans of seconds, and a floor elsewhere."""
    noise = np.random.default_rng(2).normal(0, 1, round(length_s * RATE_HZ)).astype(np.float32)
    level = np.full(len(noise), noise_level, np.float32)
    for start_s, end_s in spans_s:
        level[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 0.1
    return (noise * level)[None]


def pauses_s(samples):
    return [(pause.start / RATE_HZ, pause.end / RATE_HZ) for pause in find_pauses(samples, RATE_HZ)]


@pytest.mark.parametrize("noise_level", [0.0, 0.001, 0.008])
def test_pauses_of_a_fifth_of_a_second_are_found(noise_level):
    """Over silence and over the noise of a room; a gap of 150 ms is none."""
    samples = voice((0.0, 1.0), (1.25, 3.0), (3.15, 4.0), (5.0, 6.0), noise_level=noise_level)

    assert pauses_s(samples) == [pytest.approx(span, abs=0.02) for span in [(1.0, 1.25), (4.0, 5.0)]]


def test_the_level_of_a_pause_is_measured():
    """Its level below the speech, in dB."""
    samples = voice((0.0, 1.0), (2.0, 3.0), (4.0, 6.0)) + voice(noise_level=0.001) * (
        np.arange(6 * RATE_HZ) > 3 * RATE_HZ
    )

    silent, noisy = find_pauses(samples, RATE_HZ)

    assert silent.below_db > 60 and noisy.below_db == pytest.approx(40, abs=3)


def test_music_under_the_voice_leaves_no_pause():
    """12 dB below the speech is too loud to cut in."""
    assert pauses_s(voice((0.0, 2.0), (3.0, 6.0), noise_level=0.025)) == []


def test_without_speech_everything_is_one_pause():
    """Silence, and the noise of an empty room."""
    for noise_level in (0.0, 0.001):
        assert pauses_s(voice(noise_level=noise_level)) == [(0.0, 6.0)]


def test_a_bang_does_not_hide_the_speech():
    """30 dB over the voice for a tenth of a second: the voice around it is still no pause."""
    samples = voice((0.0, 6.0))
    samples[0, 2 * RATE_HZ : 2 * RATE_HZ + 1600] *= 30

    assert pauses_s(samples) == []


def test_the_middle_of_a_pause_has_the_best_quality():
    """Frames less than 100 ms from the voice are no places, but for the one nearest to the middle."""
    begins = np.arange(0, 5000, 40)  # the nearest to 1100 are 1080 and 1120: alike

    short = split_points_in([Pause(1000, 1200, 30.0)], 1000, 100, begins)
    long = split_points_in([Pause(1000, 1600, 30.0)], 1000, 100, begins)

    assert [place.frame for place in short] == [100 + 27]
    assert sorted(place.frame for place in long) == [100 + at for at in range(28, 38)]
    assert max(long, key=lambda place: place.quality).frame in (100 + 32, 100 + 33)
    assert max(place.quality for place in long) > short[0].quality
    assert not split_points_in([Pause(1001, 1039)], 1000, 100, begins)
