"""Lip motion follows the voice."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from phones import synthesize

from react1.pipeline.engine.voice.speech import analyze_speech, articulate, correlation
from react1.pipeline.engine.voice.visemes import Viseme

FPS = Fraction(25)
RATE = 48_000


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def test_mouth_opens_with_the_sound_and_closes_after_it() -> None:
    """With sound from 1.0 to 2.0 s the mouth is closed before, open within two frames, and closed 0.4 s after."""
    samples = synthesize("a a a a a a a a").samples
    voice = np.zeros(3 * RATE)
    voice[RATE : 2 * RATE] = samples[:RATE]

    opened = analyze_speech(voice, RATE, 75, FPS).open

    assert opened[:22].max() < 0.08
    assert opened[27:49].min() > 0.7
    assert opened[60:].max() < 0.05


def test_loudness_is_relative_to_the_voice() -> None:
    """A voice 20 dB quieter gives the same motion."""
    voice = np.concatenate([tone(500, 0.5), np.zeros(RATE // 2), tone(900, 0.5)])

    loud, soft = (analyze_speech(voice * level, RATE, 37, FPS).open for level in (1.0, 0.1))

    assert np.abs(loud - soft).max() < 0.01


def test_a_clip_of_one_frame_has_the_motion_of_its_own_moments() -> None:
    """Four moments, less than the windows that smooth closures and teeth: one value each, at its own place."""
    moments = np.zeros((4, len(Viseme)))
    moments[:2, Viseme.CLOSED] = moments[2:, Viseme.HISS] = 1
    within = np.pad(moments, ((20, 20), (0, 0)))

    short, long = (articulate(weights, np.ones(len(weights))) for weights in (moments, within))

    assert len(short.press) == len(short.bite) == len(short.jaw) == 4
    assert np.allclose(short.bared, long.bared[20:24])


def test_silence_keeps_the_mouth_closed() -> None:
    """Digital silence, and noise below -60 dB, cause no motion."""
    noise = np.random.default_rng(1).normal(0, 1e-5, RATE)

    for voice in (np.zeros(RATE), noise):
        speech = analyze_speech(voice, RATE, 25, FPS)
        assert speech.open.max() == 0
        assert speech.spread.max() == 0


def test_rumble_and_hiss_are_not_speech() -> None:
    """A loud 60 Hz hum does not open the mouth where the voice rests."""
    voice = tone(60, 2)
    voice[: RATE // 2] += tone(800, 0.5)

    opened = analyze_speech(voice, RATE, 50, FPS).open

    assert opened[5:11].min() > 0.5
    assert opened[30:].max() < 0.15


def test_mouth_rests_after_a_short_voice() -> None:
    """One second of voice under two seconds of frames ends with a closed mouth."""
    assert analyze_speech(tone(700, 1), RATE, 50, FPS).open[40:].max() < 0.05


def test_correlation_separates_following_mouths() -> None:
    """The voice's own envelope correlates, another one does not, and a still mouth gives 0."""
    source = np.random.default_rng(3)
    envelope, other = (np.convolve(source.random(80), np.ones(3) / 3, "same") for _ in range(2))

    assert correlation(0.2 * np.roll(envelope, 2), envelope, FPS) > 0.9
    assert correlation(0.2 * other, envelope, FPS) < 0.5
    assert correlation(np.full(80, 0.1), envelope, FPS) == 0


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 120])
def test_a_voice_may_be_as_late_at_any_frame_rate(fps) -> None:
    """A tenth of a second is followed, three tenths are not, whatever the number of frames."""
    source = np.random.default_rng(3)
    moments = np.linspace(0, 40, 4 * fps)
    envelope = np.interp(moments, np.arange(41), source.random(41))

    late = {lag_s: np.roll(0.2 * envelope, round(lag_s * fps)) for lag_s in (0.1, 0.3)}

    assert correlation(late[0.1], envelope, Fraction(fps)) > 0.9
    assert correlation(late[0.3], envelope, Fraction(fps)) < 0.7
