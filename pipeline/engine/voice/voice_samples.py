"""The voice: read whole from a wav, and fitted to the length of the output.

Raises  BadInput where the file cannot be read or holds no sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError

RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
"""What AAC can carry, ISO/IEC 14496-3 table 1.18; a voice of another rate is brought to `USUAL_RATE`."""
USUAL_RATE = 48_000
LOUDEST = 100.0
"""A sample above this, 40 dB over full scale, is no sound: a damaged file, or integers that are called floats."""


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples, (channels, count) float32 in -1..1."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def count(self) -> int:
        """Give the samples of each channel."""
        return int(self.samples.shape[1])

    def mono(self) -> NDArray[np.float64]:
        """Mix the channels to one."""
        return np.asarray(self.samples.mean(0), np.float64)

    def fitted(self, count: int) -> Sound:
        """Cut, or pad with silence, to a number of samples."""
        missing = max(0, count - self.count)
        return Sound(np.pad(self.samples[:, :count], ((0, 0), (0, missing))), self.rate)


def read_sound(path: Path) -> Sound:
    """Read the first audio stream of a file; mono stays mono, everything else becomes stereo.

    Raises:
        BadInput: it cannot be read, holds no sound, or numbers that are none.
    """
    parts: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputMediaError(f"{path.name} has no sound; give a wav with the voice")
            stream = container.streams.audio[0]
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            rate = stream.codec_context.sample_rate
            rate = rate if rate in RATES else USUAL_RATE
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(stream):
                parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(frame)]
            parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{path.name} cannot be read: {error}; give a wav with the voice") from error
    samples = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
    if not samples.shape[1]:
        raise InputMediaError(f"{path.name} holds no sound; give a wav with the voice")
    wrong = np.flatnonzero(~(np.abs(samples).max(0) <= LOUDEST))
    if len(wrong):
        first = int(wrong[0])
        at = f"{samples[:, first].max():g} at {first / rate:.3f} s"
        raise InputMediaError(f"{path.name} holds numbers that are no sound, {at}; write it again, as 16-bit wav say")
    return Sound(samples, rate)


def sound_of(video: Path) -> Sound | None:
    """Read the sound of a clip; None where it has none.

    Raises:
        BadInput: the clip cannot be read.
    """
    try:
        with av.open(str(video)) as container:
            silent = not container.streams.audio
    except (av.error.FFmpegError, OSError) as error:
        raise InputMediaError(f"{video.name} cannot be read: {error}; give an H.264 mp4") from error
    return None if silent else read_sound(video)
