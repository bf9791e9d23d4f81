"""The five sync modes, frame by frame and sample by sample."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react1.pipeline.media.timing.sync_modes import output_span, plan_output

MODES = ("bounce", "loop", "cut_off", "silence", "remap")
FPS = Fraction(25)
PER_FRAME = 1920
"""Samples of one frame at 48 kHz and 25 frames/s."""


def plan_for(mode: str, video_frames: int, audio_frames: int):
    return plan_output(mode, video_frames, audio_frames * PER_FRAME, 48_000, FPS)


@pytest.mark.parametrize(
    ("mode", "audio_frames", "frames"),
    [
        ("bounce", 11, [0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2]),
        ("loop", 11, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]),
        ("cut_off", 11, [0, 1, 2, 3]),
        ("silence", 11, [0, 1, 2, 3]),
        ("remap", 8, [0, 0, 1, 1, 2, 2, 3, 3]),
        ("bounce", 2, [0, 1]),
        ("loop", 2, [0, 1]),
        ("cut_off", 2, [0, 1]),
        ("silence", 2, [0, 1, 2, 3]),
        ("remap", 2, [0, 2]),
    ],
)
def test_each_mode_shows_its_frames(mode: str, audio_frames: int, frames: list[int]) -> None:
    """Four frames of video under a longer and a shorter voice."""
    if (mode, audio_frames) == ("silence", 11):
        frames = [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3]

    assert list(plan_for(mode, 4, audio_frames).frames) == frames


@pytest.mark.parametrize(
    ("mode", "long_voice", "short_voice"),
    [("bounce", 11, 2), ("loop", 11, 2), ("remap", 11, 2), ("cut_off", 4, 2), ("silence", 11, 4)],
)
def test_each_mode_has_its_audio_length(mode: str, long_voice: int, short_voice: int) -> None:
    """The length D of the sound, in frames' worth of samples, under a longer and a shorter voice."""
    assert plan_for(mode, 4, 11).samples == long_voice * PER_FRAME
    assert plan_for(mode, 4, 2).samples == short_voice * PER_FRAME


@pytest.mark.parametrize("mode", MODES)
def test_equal_lengths_change_nothing(mode: str) -> None:
    """A voice as long as the picture, give or take less than half a frame, leaves every frame in its place."""
    for samples in (100 * PER_FRAME, 100 * PER_FRAME - 959, 100 * PER_FRAME + 959):
        assert plan_output(mode, 100, samples, 48_000, FPS).frames == tuple(range(100))


@pytest.mark.slow
@given(
    mode=st.sampled_from(MODES),
    video_frames=st.integers(1, 400),
    samples=st.integers(1, 800_000),
    fps=st.sampled_from([Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001)]),
)
def test_picture_and_sound_end_together(mode: str, video_frames: int, samples: int, fps: Fraction) -> None:
    """Frames exist, there is at least one, and picture and sound differ by half a frame at most."""
    layout = plan_output(mode, video_frames, samples, 48_000, fps)

    assert layout.frames
    assert all(0 <= frame < video_frames for frame in layout.frames)
    difference_frames = abs(len(layout.frames) - Fraction(layout.samples, 48_000) * fps)
    assert difference_frames <= Fraction(1, 2) + fps / 48_000 or len(layout.frames) == 1


def test_without_a_voice_the_picture_is_unchanged() -> None:
    """No audio: all frames once, and no samples."""
    for mode in MODES:
        layout = plan_output(mode, 7, None, 0, FPS)

        assert (layout.frames, layout.samples) == (tuple(range(7)), 0)


@pytest.mark.parametrize(("frames", "samples", "rate"), [(0, 100, 48_000), (3, 0, 48_000), (3, 100, 0)])
def test_empty_input_is_refused(frames: int, samples: int, rate: int) -> None:
    """No frame, no sample, no rate."""
    with pytest.raises(ValueError, match=r"invalid (picture|audio)"):
        plan_output("loop", frames, samples, rate, FPS)


@pytest.mark.parametrize(
    ("mode", "output_frames", "shown"),
    [
        ("bounce", 20, (4, 17)),  # as it was
        ("bounce", 30, (4, 27)),  # longer: the tail of three frames stays at the end
        ("cut_off", 12, (4, 12)),  # shorter: it ends within the span
        ("cut_off", 3, (3, 3)),  # shorter than the head
        ("remap", 40, (8, 34)),  # stretched with the rest
    ],
)
def test_span_keeps_its_seams(mode: str, output_frames: int, shown: tuple[int, int]) -> None:
    """Frames 4 to 17 of 20, in outputs of other lengths."""
    assert output_span(mode, (4, 17), 20, output_frames) == shown
