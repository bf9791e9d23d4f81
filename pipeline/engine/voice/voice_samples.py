"""Read the voice completely from an audio file, and fit it to the length of the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError

AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
"""Sample rates of AAC, ISO/IEC 14496-3 table 1.18; a voice of another rate is resampled to `DEFAULT_RATE`."""
DEFAULT_RATE = 48_000
MAX_SAMPLE = 100.0
"""A sample above this, 40 dB over full scale, means a damaged file, or integers declared as floats."""


@dataclass(frozen=True, eq=False)
class VoiceAudio:
    """Audio samples, (channels, count) float32 in -1..1."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def count(self) -> int:
        """Return the number of samples per channel."""
        return int(self.samples.shape[1])

    def mono(self) -> NDArray[np.float64]:
        """Mix the channels to one."""
        return np.asarray(self.samples.mean(0), np.float64)

    def fit_length(self, count: int) -> VoiceAudio:
        """Trim, or pad with silence, to a number of samples."""
        missing = max(0, count - self.count)
        return VoiceAudio(np.pad(self.samples[:, :count], ((0, 0), (0, missing))), self.rate)


def read_audio(path: Path) -> VoiceAudio:
    """Read the first audio stream of a file; mono stays mono, everything else becomes stereo.

    Raises:
        InputMediaError: the file cannot be read, has no sound, or has invalid samples.
    """
    parts: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputMediaError(f"{path.name} has no sound; give a wav with the voice")
            stream = container.streams.audio[0]
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            rate = stream.codec_context.sample_rate
            rate = rate if rate in AAC_RATES else DEFAULT_RATE
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(stream):
                parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(frame)]
            parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{path.name} cannot be read: {error}; give a wav with the voice") from error
    samples = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
    if not samples.shape[1]:
        raise InputMediaError(f"{path.name} has no sound; give a wav with the voice")
    invalid = np.flatnonzero(~(np.abs(samples).max(0) <= MAX_SAMPLE))
    if len(invalid):
        first = int(invalid[0])
        sample = f"{samples[:, first].max():g} at {first / rate:.3f} s"
        raise InputMediaError(f"{path.name} has invalid samples, {sample}; export it again, for example as 16-bit wav")
    return VoiceAudio(samples, rate)


def read_clip_audio(video: Path) -> VoiceAudio | None:
    """Read the sound of a clip; return None if it has none.

    Raises:
        InputMediaError: the clip cannot be read.
    """
    try:
        with av.open(str(video)) as container:
            silent = not container.streams.audio
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{video.name} cannot be read: {error}; give an H.264 mp4") from error
    return None if silent else read_audio(video)
