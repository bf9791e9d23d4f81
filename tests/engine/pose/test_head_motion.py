"""Head motion with a voice: where the head nods, how smoothly, and that it begins and ends at rest."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.pose.head_motion import head_motion, stressed_syllables
from react1.pipeline.engine.pose.pose import RECIPES

FPS = Fraction(25)
LOUD = (30, 52, 88, 120, 141)
"""Frames of the stressed syllables of a synthetic voice; between them it murmurs."""


def voice(count: int = 175) -> np.ndarray:
    """Return the opening of a mouth per frame: five stressed syllables in a quick murmur."""
    frames = np.arange(count)
    murmur = 0.12 + 0.10 * np.sin(2 * np.pi * frames / 5)
    return murmur + sum(0.75 * np.exp(-0.5 * ((frames - frame) / 2.0) ** 2) for frame in LOUD)


def curves(moves: list) -> np.ndarray:
    """Return roll, right, down, growth, pitch and yaw for each frame."""
    return np.array([astuple(move) for move in moves])


def test_stressed_syllables_are_found_and_the_murmur_is_not() -> None:
    """The five syllables are found, each within a frame, and nothing else."""
    frames = [frame for frame, _ in stressed_syllables(voice(), FPS)]

    assert len(frames) == len(LOUD)
    assert np.abs(np.subtract(frames, LOUD)).max() <= 1


def test_the_head_nods_with_the_stress() -> None:
    """A nod of at least a degree peaks within 3 frames of each stressed syllable; between them the head returns."""
    moves = head_motion(voice(), np.ones(175), React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), FPS)
    pitch = curves(moves)[:, 4]

    for frame in LOUD:
        around = pitch[frame - 6 : frame + 7]
        assert around.max() > 1.0
        assert abs(int(around.argmax()) - 6) <= 3
    assert pitch[70] < 0.2


@pytest.mark.parametrize("prompt", list(RECIPES))
def test_the_motion_is_band_limited_and_eased(prompt: str) -> None:
    """Less than a thousandth of the energy is above 4 Hz; the motion starts and ends at rest."""
    weights = np.concatenate([np.zeros(10), np.ones(155), np.zeros(10)])

    motion = curves(
        head_motion(voice(), weights, React1Choices(prompt=prompt, temperature=1.0, model_mode="head"), FPS)
    )

    assert not motion[:10].any() and not motion[-10:].any()
    assert np.abs(motion[[10, -11]]).max() < 0.02 * np.abs(motion).max()
    power = np.abs(np.fft.rfft(motion, axis=0)) ** 2
    fast = np.fft.rfftfreq(len(motion), 1 / float(FPS)) > 4
    assert power[fast].sum() < 1e-3 * power.sum()


def test_the_head_turns_and_tilts_within_natural_limits() -> None:
    """Turns are a few degrees to both sides, larger at a higher temperature, and equal for equal voices."""
    high, low = (
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

    assert high[:, 5].min() < -0.3 and high[:, 5].max() > 0.3
    assert np.abs(high[:, [0, 4, 5]]).max() < 6
    assert np.abs(low).max() < 0.6 * np.abs(high).max()
    assert np.array_equal(high, again)


def test_without_a_voice_the_head_breathes() -> None:
    """The head moves slowly by less than a degree; a silent voice counts as none."""
    none, silent = (
        curves(
            head_motion(opened, np.ones(175), React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), FPS)
        )
        for opened in (None, np.zeros(175))
    )

    assert np.array_equal(none, silent)
    assert 0.2 < np.abs(none[:, 4]).max() < 1.0
    assert np.abs(np.diff(none[:, 4])).max() < 0.05


@pytest.mark.slow
def test_poses_contain_the_head_motion_of_the_voice(portrait) -> None:
    """Animated poses nod with the speech; without a voice they only breathe."""
    from react1.pipeline.engine.planning.animate import animate
    from react1.pipeline.engine.voice.speech import Speech
    from react1.pipeline.media.timing.sync_modes import plan_output

    still = np.zeros(175)
    heard_speech = Speech(voice(), still, still, still, still, np.zeros((175, 1)))
    layout, line = plan_output("bounce", 175, None, 0, FPS), [portrait.face.points_px] * 175

    choices, weights = React1Choices(prompt="neutral", temperature=1.0, model_mode="head"), np.ones(175)

    nods, breathing = (
        [pose.head.pitch_deg for pose in animate(line, layout, weights, heard, choices, FPS)]
        for heard in (heard_speech, None)
    )

    assert max(nods[frame + 2] for frame in LOUD) > 1.0 > max(breathing)


@pytest.mark.parametrize("frames", [8, 14, 25])
def test_a_short_segment_moves_less_and_without_a_jerk(frames: int) -> None:
    """The highest acceleration is at most 1.5 times that of a long segment."""

    def highest_acceleration(count: int) -> float:
        weights = np.concatenate([np.zeros(10), np.ones(count), np.zeros(10)])
        moves = curves(
            head_motion(None, weights, React1Choices(prompt="disgusted", temperature=1.0, model_mode="head"), FPS)
        )
        return float(np.abs(np.diff(moves[:, 0], 2)).max())

    assert highest_acceleration(frames) < 1.5 * highest_acceleration(120)
