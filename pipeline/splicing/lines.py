"""New lines of dialogue on a sound track, as samples.

Shapes: `(channels, samples) float32`, -1 to 1. A line begins at the in point, is cut at the out point, and is
followed by silence where it is shorter; both ends cross-fade with the film's own sound at equal power. Where two
lines meet, the first goes on into the second for the length of a fade, and nothing of the film's own sound is heard.
A mono line keeps its level: it goes to the centre where the track has one, else to the left and the right in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
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
    skip: int = 0
    """How many samples of the recording lie before `start`: where the first part of an edit kept its footage."""
    before: tuple[Path, int] | None = None
    """The line that ends where this one starts, and how many samples of its recording come before."""
    met: bool = False
    """Whether another line starts where this one ends."""

    def moved(self, shift: int) -> Line:
        """Give the line on a clock that is `shift` samples behind."""
        return replace(self, start=self.start - shift, end=self.end - shift)


def joined(lines: Sequence[Line]) -> list[Line]:
    """Sort lines and tell those that meet of each other, so that they fade from one to the next."""
    made: list[Line] = []
    for line in sorted(lines, key=lambda one: one.start):
        if made and made[-1].end == line.start:
            last = made[-1]
            made[-1] = replace(last, met=True)
            made.append(replace(line, before=(last.path, last.skip + last.end - last.start)))
        else:
            made.append(line)
    return made


@lru_cache(maxsize=4)
def read_line(path: Path, rate_hz: int, layout: str, count: int) -> Sound:
    """Decode the first `count` samples of a file's first sound track at a rate and layout; the rest is silence.

    Kept for the next call, because tracks are laid packet by packet; the array is not to be written to.
    """
    with av.open(f"file:{path}") as container:
        mono = container.streams.audio[0].layout.nb_channels == 1
        resampler = av.AudioResampler(format="fltp", layout="mono" if mono else layout, rate=rate_hz)
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
    channels = 1 if mono else av.AudioLayout(layout).nb_channels
    heard = np.concatenate(parts, 1)[:, :count] if parts else np.zeros((channels, 0), np.float32)
    heard = np.pad(heard, ((0, 0), (0, count - heard.shape[1]))).astype(np.float32)
    heard = _placed(heard, layout) if mono else heard
    heard.setflags(write=False)
    return heard


def _placed(heard: Sound, layout: str) -> Sound:
    """Put one channel at its full level into a layout; a resampler would lower it by 3 dB for stereo."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    wanted = {"FC"} & set(names) or {"FL", "FR"} & set(names) or set(names)
    return np.concatenate([heard if name in wanted else np.zeros_like(heard) for name in names])


def lay(track: Sound, first: int, line: Line, rate_hz: int, layout: str) -> None:
    """Put a line onto a stretch of a track that begins at sample `first`; the stretch is changed in place."""
    start, end = max(line.start - first, 0), min(line.end - first, track.shape[1])
    if end <= start:
        return
    length, fade_samples = line.end - line.start, max(1, round(FADE_S * rate_hz))
    ahead = first + start - line.start
    span = slice(ahead, ahead + end - start)
    new = read_line(line.path, rate_hz, layout, line.skip + length)[:, line.skip :][:, span]
    under = track[:, start:end].copy()
    if line.before is not None and ahead < fade_samples:
        path, laid = line.before
        tail = read_line(path, rate_hz, layout, laid + fade_samples)[:, laid:][:, span]
        under[:, : tail.shape[1]] = tail
    share = fade(np.arange(span.start, span.stop), length, fade_samples, falls=not line.met)
    track[:, start:end] = new * np.sin(share * np.pi / 2) + under * np.cos(share * np.pi / 2)


def fade(place: NDArray[np.int64], length: int, fade_samples: int, *, falls: bool = True) -> NDArray[np.float32]:
    """Give the new sound's share, 0 to 1, at places of a line of `length` samples."""
    fade_samples = min(fade_samples, max(1, length // 2))
    rise = (place + 0.5) / fade_samples
    fall = (length - place - 0.5) / fade_samples
    return np.clip(np.minimum(rise, fall) if falls else rise, 0, 1).astype(np.float32)
