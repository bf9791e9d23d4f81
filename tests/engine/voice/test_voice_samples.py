"""Voices of any rate and of one to six channels are read; damaged ones are refused."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import astronaut
import av
import numpy as np
import pytest

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.engine.frames.clip_frames import TakeWriter
from react1.pipeline.engine.voice.voice_features import VoiceAudio, read_audio
from react1.pipeline.splicing.audio.lines import DialogueLine


def write_floats(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("rate", "count", "expected"), [(48_000, 9_600, 48_000), (8_000, 1_600, 8_000), (192_000, 38_400, 48_000)]
)
def test_voice_of_any_rate_is_written(tmp_path: Path, rate: int, count: int, expected: int) -> None:
    """AAC rates are kept, others become 48 kHz; the duration stays 0.2 s."""
    sound = read_audio(astronaut.write_wav(tmp_path / "v.wav", np.zeros(count), rate))

    with TakeWriter(tmp_path / "take.mp4", astronaut.FORMAT, sound) as writer:
        for _ in range(5):
            writer.write(astronaut.planes(np.zeros((288, 384, 3), np.uint8)))

    with av.open(str(tmp_path / "take.mp4")) as take:
        stream = take.streams.audio[0]
        assert (sound.rate, stream.rate) == (expected, expected)
        assert stream.duration * stream.time_base == Fraction(1, 5)


def test_channels_of_opposite_sign_are_not_silent() -> None:
    """A second channel that is wired the wrong way round would leave nothing of the voice; one side alone is half."""
    voice = astronaut.syllables(1).astype(np.float32)
    reversed_sound, one_side = (VoiceAudio(np.stack([voice, other]), 48_000) for other in (-0.95 * voice, 0 * voice))

    assert np.allclose(reversed_sound.mono(), voice)
    assert np.allclose(one_side.mono(), voice / 2)


def test_six_channels_become_stereo(tmp_path: Path) -> None:
    """A voice in the center of six channels is in both channels of the stereo mix."""
    with wave.open(str(tmp_path / "v.wav"), "wb") as file:
        file.setnchannels(6)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.tile([0, 0, 9_000, 0, 0, 0], 4_800).astype("<i2").tobytes())

    sound = read_audio(tmp_path / "v.wav")

    assert sound.samples.shape == (2, 4_800)
    assert sound.samples[:, 2_400].min() > 0.05


def test_tags_of_another_encoding_do_not_matter(tmp_path: Path) -> None:
    """A recorder may write them in its own."""
    path = astronaut.write_wav(tmp_path / "v.wav", np.zeros(9_600), 48_000)
    body = b"INFOINAM" + (6).to_bytes(4, "little") + b"caf\xe9\xff\0"
    data = path.read_bytes() + b"LIST" + len(body).to_bytes(4, "little") + body
    path.write_bytes(b"RIFF" + (len(data) - 8).to_bytes(4, "little") + data[8:])

    sound = read_audio(path)
    line = DialogueLine(0, 4_800, path).render(48_000, "mono", 0, 4_800)

    assert sound.samples.shape == (1, 9_600) and line.shape == (1, 4_800)


@pytest.mark.parametrize(("sample", "message"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e30, "1e\\+30")])
def test_invalid_samples_are_refused(tmp_path: Path, sample: float, message: str) -> None:
    """The message gives the time and value of one invalid sample."""
    samples = np.full(9_600, 1.5)
    samples[4_800] = sample

    with pytest.raises(InputMediaError, match=rf"v\.wav has invalid samples, {message} at 0\.100 s"):
        read_audio(write_floats(tmp_path / "v.wav", samples))
