"""When the mouth follows the voice, and when it keeps its own words."""

from __future__ import annotations

from fractions import Fraction

import astronaut
import numpy as np
import pytest
from phones import say

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.planning.animate import animate, driving_speech, pose_for
from react1.pipeline.engine.voice.speech import Moment, speech
from react1.pipeline.engine.voice.voice_samples import Sound
from react1.pipeline.media.sync_modes import plan_output

FPS = Fraction(25)
FRAMES = 60
SAMPLES = say("_ a m a s o p e _ d ae b a t- t o m e _ a f a _ _ _").samples[: FRAMES * astronaut.RATE // 25]
VOICE = Sound(SAMPLES[None].astype(np.float32), astronaut.RATE)
HEARD = speech(SAMPLES, astronaut.RATE, FRAMES, FPS).open
SAME = plan_output("bounce", FRAMES, VOICE.count, astronaut.RATE, FPS)


@pytest.fixture
def line(portrait):
    """Give the portrait's face with its lips apart as each of some numbers says, in units."""

    def make(gaps) -> list[np.ndarray]:
        faces = []
        for gap in gaps:
            local = portrait.face.local.copy()
            local[14, 1] = local[13, 1] + gap
            faces.append(local * 60.0)
        return faces

    return make


def test_a_mouth_that_speaks_the_voice_keeps_its_timing(line) -> None:
    """Its gap follows the voice: left alone, and said."""
    said: list[str] = []

    assert driving_speech(VOICE, SAME, line(0.3 * HEARD), FPS, None, said) is None
    assert "own timing" in said[0]


def test_a_short_clip_needs_a_closer_likeness_than_a_long_one(line) -> None:
    """A mouth that follows the voice by about 0.5: chance in 2.4 s, and its own words in three times that."""
    other = np.random.default_rng(2).permutation(HEARD)
    alike = line(0.3 * (0.43 * HEARD + 0.57 * other))
    long = Sound(np.tile(VOICE.samples, 3), astronaut.RATE)
    layout = plan_output("bounce", 3 * FRAMES, long.count, astronaut.RATE, FPS)

    assert driving_speech(VOICE, SAME, alike, FPS, None, []) is not None
    assert driving_speech(long, layout, alike * 3, FPS, None, []) is None


@pytest.mark.parametrize(("own_voice", "kept"), [(None, False), (True, True), (False, False)])
def test_the_caller_may_say_whose_voice_it_is(line, own_voice, kept: bool) -> None:
    """A mouth that talks out of step: by default it follows the voice, and only the caller's word keeps it."""
    other = 0.1 + 0.1 * np.sin(np.arange(FRAMES) * 0.9)

    heard = driving_speech(VOICE, SAME, line(other), FPS, own_voice, [])

    assert (heard is None) is kept


def test_a_still_mouth_is_given_the_voice_whoever_speaks(line) -> None:
    """A face that does not talk has no timing of its own, not even for its own voice."""
    heard = driving_speech(VOICE, SAME, line([0.1] * FRAMES), FPS, True, [])

    assert heard is not None
    assert np.allclose(heard.open, HEARD, atol=1e-4)


def test_frames_in_another_order_follow_the_voice_on_the_outputs_clock(line) -> None:
    """A bounce to twice the length: the own timing is gone, and the openness has the output's length."""
    long = Sound(np.tile(VOICE.samples, 2), astronaut.RATE)
    layout = plan_output("bounce", FRAMES, long.count, astronaut.RATE, FPS)

    heard = driving_speech(long, layout, line(0.3 * HEARD), FPS, True, [])

    assert heard is not None
    assert len(heard.open) == 2 * FRAMES
    poses = animate(line([0.0] * FRAMES), layout, np.ones(2 * FRAMES), heard, React1Choices(prompt="neutral"), FPS)
    gaps = np.array([pose.gap - pose.spoken.parted for pose in poses])
    assert np.allclose(gaps, 0.30 * heard.open)


def test_a_ramp_leads_from_the_mouth_to_the_voice() -> None:
    """At weight 0 the gap is the performer's, at 1 the voice's, in between a mix."""
    shape = MouthShape(0.0, 0.8, 0.10)

    gaps = [
        pose_for(React1Choices(prompt="neutral"), shape, shape, weight, moment=Moment(1.0)).gap
        for weight in (0.0, 0.5, 1.0)
    ]

    assert gaps == pytest.approx([0.10, 0.20, 0.30])


def test_frames_without_weight_or_face_have_no_pose(line) -> None:
    """None for both."""
    faces = line([0.1] * 4)
    faces[2] = None
    weights = np.array([0.0, 1.0, 1.0, 1.0])

    poses = animate(faces, plan_output("loop", 4, None, 0, FPS), weights, None, React1Choices(), FPS)

    assert [pose is None for pose in poses] == [True, False, True, False]
