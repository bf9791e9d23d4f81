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

from ..errors import BadInput


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
    """Read the first audio stream of a file; mono stays mono, everything else becomes stereo."""
    parts: list[NDArray[np.float32]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise BadInput(f"{path.name} has no sound; give a wav with the voice")
            stream = container.streams.audio[0]
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            rate = stream.codec_context.sample_rate
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(stream):
                parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(frame)]
            parts += [part.to_ndarray().astype(np.float32) for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise BadInput(f"{path.name} cannot be read: {error}; give a wav with the voice") from error
    samples = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
    if not samples.shape[1]:
        raise BadInput(f"{path.name} holds no sound; give a wav with the voice")
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
        raise BadInput(f"{video.name} cannot be read: {error}") from error
    return None if silent else read_sound(video)
