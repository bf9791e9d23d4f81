"""When the mouth follows the voice, and when it keeps its own timing."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import astronaut
import numpy as np
import pytest
from phones import synthesize

from react1.pipeline.core.edits.choices import Prompt, React1Choices
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.planning.animate import animate, driving_speech, pose_for
from react1.pipeline.engine.voice.speech import SpeechFrame, analyze_speech
from react1.pipeline.engine.voice.voice_features import VoiceAudio
from react1.pipeline.media.timing.sync_modes import plan_output

FPS = Fraction(25)
FRAMES = 60
SAMPLES = synthesize("_ a m a s o p e _ d ae b a t- t o m e _ a f a _ _ _").samples[: FRAMES * astronaut.RATE // 25]
VOICE = VoiceAudio(SAMPLES[None].astype(np.float32), astronaut.RATE)
HEARD = analyze_speech(SAMPLES, astronaut.RATE, FRAMES, FPS).open
SAME = plan_output("bounce", FRAMES, VOICE.count, astronaut.RATE, FPS)


@pytest.fixture
def faces_with_gaps(portrait):
    """Return a function that makes one face per gap between the lips, in units."""

    def make(gaps) -> list[np.ndarray]:
        faces = []
        for gap in gaps:
            local = portrait.face.local.copy()
            local[14, 1] = local[13, 1] + gap
            faces.append(local * 60.0)
        return faces

    return make


def test_a_mouth_that_speaks_the_voice_keeps_its_timing(faces_with_gaps) -> None:
    """A gap that follows the voice is unchanged, and a note says so."""
    notes: list[str] = []

    assert driving_speech(VOICE, SAME, faces_with_gaps(0.3 * HEARD), FPS, None, notes) is None
    assert "own timing" in notes[0]


def test_a_short_clip_needs_a_higher_correlation_than_a_long_one(faces_with_gaps) -> None:
    """A correlation of about 0.5 counts as chance in 2.4 s, and as the same speech in three times that."""
    other = np.random.default_rng(2).permutation(HEARD)
    similar = faces_with_gaps(0.3 * (0.43 * HEARD + 0.57 * other))
    long = VoiceAudio(np.tile(VOICE.samples, 3), astronaut.RATE)
    layout = plan_output("bounce", 3 * FRAMES, long.count, astronaut.RATE, FPS)

    assert driving_speech(VOICE, SAME, similar, FPS, None, []) is not None
    assert driving_speech(long, layout, similar * 3, FPS, None, []) is None


@pytest.mark.parametrize(("own_voice", "keeps_timing"), [(None, False), (True, True), (False, False)])
def test_the_caller_can_set_whose_voice_it_is(faces_with_gaps, own_voice, keeps_timing: bool) -> None:
    """A mouth that talks out of step follows the voice by default; the clip's own sound does not move it."""
    other = 0.1 + 0.1 * np.sin(np.arange(FRAMES) * 0.9)

    heard = driving_speech(VOICE, SAME, faces_with_gaps(other), FPS, own_voice, [])

    assert (heard is None) is keeps_timing


def test_the_own_sound_of_a_clip_moves_no_lips_unasked(faces_with_gaps) -> None:
    """Neither a shut mouth under music nor one that talks; nothing is noted, because nothing else was asked for."""
    for gaps in ([0.0] * FRAMES, 0.1 + 0.1 * np.sin(np.arange(FRAMES) * 0.9)):
        notes: list[str] = []

        assert driving_speech(VOICE, SAME, faces_with_gaps(gaps), FPS, True, notes) is None
        assert notes == []


def test_resync_moves_a_talking_mouth_and_leaves_a_shut_one_shut(faces_with_gaps) -> None:
    """A dubbed mouth follows the film's sound while it talks; while and where it is shut, the sound opens nothing."""
    talks_first = 0.1 + 0.1 * np.sin(np.arange(FRAMES) * 0.9)
    talks_first[20:] = 0.0
    notes: list[str] = []

    dubbed = driving_speech(VOICE, SAME, faces_with_gaps(talks_first), FPS, True, [], resync=True)
    shut = driving_speech(VOICE, SAME, faces_with_gaps([0.0] * FRAMES), FPS, True, notes, resync=True)

    assert dubbed is not None
    assert dubbed.open[:8] == pytest.approx(HEARD[:8], abs=0.1)
    assert HEARD[40:].max() > 0.15
    assert dubbed.open[40:].max() < 0.05
    assert shut is None
    assert notes == ["the mouth does not speak in this span, so the film's own sound does not move it"]


def _loud_music() -> VoiceAudio:
    """A beat of chords and noise, with peaks at -3 dBFS and 20 dB louder than the voice's pauses."""
    time_s = np.arange(FRAMES * astronaut.RATE // 25) / astronaut.RATE
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110, 220, 277.2, 329.6, 660, 1320))
    beat = np.exp(-8 * (time_s % 0.5)) * np.random.default_rng(3).standard_normal(time_s.size)
    mixed = chord / 3 + beat
    return VoiceAudio((0.7 * mixed / np.abs(mixed).max())[None].astype(np.float32), astronaut.RATE)


@pytest.mark.slow
@pytest.mark.parametrize("resync", [False, True])
@pytest.mark.parametrize("prompt", get_args(Prompt))
def test_loud_music_opens_no_shut_mouth(faces_with_gaps, prompt, resync) -> None:
    """With every expression the poses are those of silence, also where the film's sound may move the lips."""
    music, shut = _loud_music(), faces_with_gaps([0.0] * FRAMES)
    loud = 20 * np.log10(np.sqrt((music.samples**2).mean()))
    choices = React1Choices(prompt=prompt, temperature=1.0)
    assert -20 < loud < -6 and np.abs(music.samples).max() > 0.5
    assert analyze_speech(music.samples[0], astronaut.RATE, FRAMES, FPS).open.max() > 0.3

    heard = driving_speech(music, SAME, shut, FPS, True, [], resync=resync)
    poses = animate(shut, SAME, np.ones(FRAMES), heard, choices, FPS)
    silent = animate(shut, SAME, np.ones(FRAMES), None, choices, FPS)

    assert [pose.gap for pose in poses] == [pose.gap for pose in silent]
    assert [pose.spoken for pose in poses] == [pose.spoken for pose in silent]
    if prompt in ("neutral", "sad", "angry"):
        assert max(pose.gap for pose in poses) < 0.02


@pytest.mark.parametrize("prompt", ["sad", "angry"])
def test_a_talking_mouth_keeps_its_words(faces_with_gaps, prompt) -> None:
    """Lips that never close: no vowel shuts, and the opening still follows the mouth's own."""
    gaps = 0.14 + 0.06 * np.sin(np.arange(FRAMES) * 0.9)
    layout = plan_output("loop", FRAMES, None, 0, FPS)

    poses = animate(
        faces_with_gaps(gaps), layout, np.ones(FRAMES), None, React1Choices(prompt=prompt, temperature=1.0), FPS
    )

    opened = np.array([pose.gap for pose in poses])
    assert (opened >= 0.55 * gaps).all()
    assert np.corrcoef(opened, gaps)[0, 1] > 0.99


def test_a_still_mouth_always_follows_a_new_voice(faces_with_gaps) -> None:
    """A face that does not talk has no timing to keep."""
    heard = driving_speech(VOICE, SAME, faces_with_gaps([0.1] * FRAMES), FPS, None, [])

    assert heard is not None
    assert np.allclose(heard.open, HEARD, atol=1e-4)


def test_reordered_frames_follow_the_voice_on_the_output_clock(faces_with_gaps) -> None:
    """In a bounce to twice the length the own timing is lost, and the opening has the length of the output."""
    long = VoiceAudio(np.tile(VOICE.samples, 2), astronaut.RATE)
    layout = plan_output("bounce", FRAMES, long.count, astronaut.RATE, FPS)

    heard = driving_speech(long, layout, faces_with_gaps(0.3 * HEARD), FPS, True, [])

    assert heard is not None
    assert len(heard.open) == 2 * FRAMES
    poses = animate(
        faces_with_gaps([0.0] * FRAMES), layout, np.ones(2 * FRAMES), heard, React1Choices(prompt="neutral"), FPS
    )
    gaps = np.array([pose.gap - pose.spoken.parted for pose in poses])
    assert np.allclose(gaps, 0.30 * heard.open)


def test_a_ramp_blends_from_the_mouth_to_the_voice() -> None:
    """At weight 0 the gap is the performer's, at 1 the voice's, in between a blend."""
    shape = MouthShape(0.0, 0.8, 0.10)

    gaps = [
        pose_for(React1Choices(prompt="neutral"), shape, shape, weight, moment=SpeechFrame(1.0)).gap
        for weight in (0.0, 0.5, 1.0)
    ]

    assert gaps == pytest.approx([0.10, 0.20, 0.30])


def test_frames_without_weight_or_face_have_no_pose(faces_with_gaps) -> None:
    """Frames with weight 0, and frames without a face, have the pose None."""
    faces = faces_with_gaps([0.1] * 4)
    faces[2] = None
    weights = np.array([0.0, 1.0, 1.0, 1.0])

    poses = animate(faces, plan_output("loop", 4, None, 0, FPS), weights, None, React1Choices(), FPS)

    assert [pose is None for pose in poses] == [True, False, True, False]
