"""A head that speaks along: where it nods, how smoothly, and that it begins and ends at rest."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.pose.emotions import RECIPES
from react1.pipeline.engine.pose.head_motion import head_motion, stressed_syllables

FPS = Fraction(25)
LOUD = (30, 52, 88, 120, 141)
"""Frames of the stressed syllables of a made voice; between them it murmurs."""


def voice(count: int = 175) -> np.ndarray:
    """Make the opening of a mouth: five syllables that stand out of a quick murmur."""
    frames = np.arange(count)
    murmur = 0.12 + 0.10 * np.sin(2 * np.pi * frames / 5)
    return murmur + sum(0.75 * np.exp(-0.5 * ((frames - frame) / 2.0) ** 2) for frame in LOUD)


def curves(moves: list) -> np.ndarray:
    """Give roll, right, down, growth, pitch and yaw for each frame."""
    return np.array([astuple(move) for move in moves])


def test_stressed_syllables_are_found_and_the_murmur_is_not() -> None:
    """Each within a frame, in order."""
    found = [frame for frame, _ in stressed_syllables(voice(), FPS)]

    assert len(found) == len(LOUD)
    assert np.abs(np.subtract(found, LOUD)).max() <= 1


def test_the_head_nods_with_the_stress() -> None:
    """The pitch is lowest within 3 frames of each stressed syllable, by a degree, and between them it comes back."""
    moves = head_motion(voice(), np.ones(175), React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), FPS)
    pitch = curves(moves)[:, 4]

    for frame in LOUD:
        around = pitch[frame - 6 : frame + 7]
        assert around.max() > 1.0
        assert abs(int(around.argmax()) - 6) <= 3
    assert pitch[70] < 0.2


@pytest.mark.parametrize("prompt", list(RECIPES))
def test_the_motion_is_band_limited_and_eased(prompt: str) -> None:
    """Beyond 4 Hz lies under a thousandth of its energy; it begins and ends at rest, and so do untouched frames."""
    weights = np.concatenate([np.zeros(10), np.ones(155), np.zeros(10)])

    motion = curves(
        head_motion(voice(), weights, React1Choices(prompt=prompt, temperature=1.0, model_mode="head"), FPS)
    )

    assert not motion[:10].any() and not motion[-10:].any()
    assert np.abs(motion[[10, -11]]).max() < 0.02 * np.abs(motion).max()
    power = np.abs(np.fft.rfft(motion, axis=0)) ** 2
    fast = np.fft.rfftfreq(len(motion), 1 / float(FPS)) > 4
    assert power[fast].sum() < 1e-3 * power.sum()


def test_the_head_turns_and_leans_within_a_natural_reach() -> None:
    """A few degrees, to both sides, and a hotter temperature goes further; the same voice gives the same motion."""
    hot, cool = (
        curves(
            head_motion(
                voice(), np.ones(175), React1Choices(prompt="angry", temperature=temperature, model_mode="head"), FPS
            )
        )
        for temperature in (1.0, 0.3)
    )
    again = curves(
        head_motion(voice(), np.ones(175), React1Choices(prompt="angry", temperature=1.0, model_mode="head"), FPS)
    )

    assert hot[:, 5].min() < -0.3 and hot[:, 5].max() > 0.3
    assert np.abs(hot[:, [0, 4, 5]]).max() < 6
    assert np.abs(cool).max() < 0.6 * np.abs(hot).max()
    assert np.array_equal(hot, again)


def test_without_a_voice_the_head_breathes() -> None:
    """Slowly, by less than a degree; a voice that is silent counts as none."""
    none, silent = (
        curves(
            head_motion(opened, np.ones(175), React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), FPS)
        )
        for opened in (None, np.zeros(175))
    )

    assert np.array_equal(none, silent)
    assert 0.2 < np.abs(none[:, 4]).max() < 1.0
    assert np.abs(np.diff(none[:, 4])).max() < 0.05


def test_the_head_follows_the_voice_through_the_whole_performance(portrait) -> None:
    """It nods with what is said; without a voice it only breathes."""
    from react1.pipeline.engine.planning.animate import animate
    from react1.pipeline.engine.voice.speech import Speech
    from react1.pipeline.media.sync_modes import plan_output

    still = np.zeros(175)
    said = Speech(voice(), still, still, still, still, np.zeros((175, 1)))
    layout, line = plan_output("bounce", 175, None, 0, FPS), [portrait.face.points_px] * 175

    wanted, weights = React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), np.ones(175)

    spoken, silent = (
        [pose.head.pitch_deg for pose in animate(line, layout, weights, heard, wanted, FPS)] for heard in (said, None)
    )

    assert max(spoken[frame + 2] for frame in LOUD) > 1.0 > max(silent)


@pytest.mark.parametrize("frames", [8, 14, 25])
def test_a_short_segment_moves_less_and_turns_without_a_jerk(frames: int) -> None:
    """The quickest change of speed is about that of a long segment at most."""

    def quickest(count: int) -> float:
        weights = np.concatenate([np.zeros(10), np.ones(count), np.zeros(10)])
        moves = curves(
            head_motion(None, weights, React1Choices(prompt="disgusted", temperature=1.0, model_mode="head"), FPS)
        )
        return float(np.abs(np.diff(moves[:, 0], 2)).max())

    assert quickest(frames) < 1.5 * quickest(120)
