"""New lines of dialogue on a sound track, as samples.

Shapes: `(channels, samples) float32`, -1 to 1. A line begins at the in point, is cut at the out point, and is
followed by silence where it is shorter; both ends cross-fade with the film's own sound at equal power.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
FADE_S = 0.02


@dataclass(frozen=True)
class Line:
    """A line for the samples [start, end) of a track."""

    start: int
    end: int
    path: Path


def read_line(path: Path, rate_hz: int, layout: str, count: int) -> Sound:
    """Decode the first `count` samples of a file's first sound track at a rate and layout; the rest is silence."""
    with av.open(f"file:{path}") as container:
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
        parts: list[Any] = []
        got = 0
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            parts += [made.to_ndarray() for made in resampler.resample(frame)]
            got = sum(part.shape[1] for part in parts)
            if got >= count:
                break
        else:
            parts += [made.to_ndarray() for made in resampler.resample(None)]
    channels = av.AudioLayout(layout).nb_channels
    heard = np.concatenate(parts, 1)[:, :count] if parts else np.zeros((channels, 0), np.float32)
    return np.pad(heard, ((0, 0), (0, count - heard.shape[1]))).astype(np.float32)


def lay(track: Sound, first: int, line: Line, rate_hz: int, layout: str) -> None:
    """Put a line onto a stretch of a track that begins at sample `first`; the stretch is changed in place."""
    start, end = max(line.start - first, 0), min(line.end - first, track.shape[1])
    if end <= start:
        return
    ahead = first + start - line.start
    own = track[:, start:end].copy()
    new = read_line(line.path, rate_hz, layout, line.end - line.start)[:, ahead : ahead + end - start]
    place = np.arange(ahead, ahead + end - start)
    share = fade(place, line.end - line.start, max(1, round(FADE_S * rate_hz)))
    track[:, start:end] = new * np.sin(share * np.pi / 2) + own * np.cos(share * np.pi / 2)


def fade(place: NDArray[np.int64], length: int, fade_samples: int) -> NDArray[np.float32]:
    """Give the new sound's share, 0 to 1, at places of a line of `length` samples."""
    fade_samples = min(fade_samples, max(1, length // 2))
    rise = (place + 0.5) / fade_samples
    fall = (length - place - 0.5) / fade_samples
    return np.clip(np.minimum(rise, fall), 0, 1).astype(np.float32)
