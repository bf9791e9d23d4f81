"""Voices as they come: of any rate, of one to six channels, and damaged ones refused."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import astronaut
import av
import numpy as np
import pytest

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.engine.frames.take_encoder import TakeWriter
from react1.pipeline.engine.voice.voice_samples import read_audio


def write_floats(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("rate", "count", "kept"), [(48_000, 9_600, 48_000), (8_000, 1_600, 8_000), (192_000, 38_400, 48_000)]
)
def test_a_voice_of_any_rate_can_be_written(tmp_path: Path, rate: int, count: int, kept: int) -> None:
    """A rate that AAC carries is kept, another one becomes 48 kHz; 0.2 s stay 0.2 s."""
    sound = read_audio(astronaut.write_wav(tmp_path / "v.wav", np.zeros(count), rate))

    with TakeWriter(tmp_path / "take.mp4", astronaut.FORMAT, sound) as writer:
        for _ in range(5):
            writer.write(astronaut.planes(np.zeros((288, 384, 3), np.uint8)))

    with av.open(str(tmp_path / "take.mp4")) as made:
        stream = made.streams.audio[0]
        assert (sound.rate, stream.rate) == (kept, kept)
        assert stream.duration * stream.time_base == Fraction(1, 5)


def test_more_channels_than_two_become_two(tmp_path: Path) -> None:
    """A voice in the middle of six channels is heard in both of two."""
    with wave.open(str(tmp_path / "v.wav"), "wb") as file:
        file.setnchannels(6)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.tile([0, 0, 9_000, 0, 0, 0], 4_800).astype("<i2").tobytes())

    sound = read_audio(tmp_path / "v.wav")

    assert sound.samples.shape == (2, 4_800)
    assert sound.samples[:, 2_400].min() > 0.05


@pytest.mark.parametrize(("wrong", "told"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e30, "1e\\+30")])
def test_numbers_that_are_no_sound_are_refused(tmp_path: Path, wrong: float, told: str) -> None:
    """One bad sample among good ones: the message says where and what."""
    samples = np.full(9_600, 1.5)
    samples[4_800] = wrong

    with pytest.raises(InputMediaError, match=rf"v\.wav holds numbers that are no sound, {told} at 0\.100 s"):
        read_audio(write_floats(tmp_path / "v.wav", samples))
