"""New lines of dialogue on a sound track, as samples.

Shapes: `(channels, samples) float32`, -1 to 1. A line begins at the in point, is cut at the out point, and is
followed by silence where it is shorter. In the place of the film's own sound both ends cross-fade with it at equal
power; mixed over it, the line fades in and out and the film's own sound stays as it is. Where two lines meet, the
first goes on into the second for the length of a fade, and nothing of a replaced sound is heard.
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
FADE_MS = 20.0


@dataclass(frozen=True)
class Line:
    """A line for the samples [start, end) of a track."""

    start: int
    end: int
    path: Path
    skip: int = 0
    """How many samples of the recording lie before `start`: where the first part of an edit kept its footage."""
    over: bool = False
    """Whether it is mixed over the film's own sound, and does not replace it."""
    gain: float = 1.0
    """By what the recording is multiplied."""
    dips: Sound | None = None
    """A second gain, one per sample of the line, where the film's own sound leaves too little room; 0 to 1."""
    fade_ms: float = FADE_MS
    before: Line | None = None
    """The line that ends where this one starts."""
    met: bool = False
    """Whether another line starts where this one ends."""
    name: str = ""
    """The edit's, for what is said of it."""

    def moved(self, shift: int) -> Line:
        """Give the line on a clock that is `shift` samples behind."""
        return replace(self, start=self.start - shift, end=self.end - shift)

    def fade_samples(self, rate_hz: int) -> int:
        """Give the length of its fades."""
        return round(self.fade_ms * rate_hz / 1000)

    def heard(self, rate_hz: int, layout: str, low: int, high: int, share: NDArray[np.float32] | None = None) -> Sound:
        """Give its samples [low, high), counted from `start`, at its level; a fade's length beyond its end at most.

        It fades by `share` where that is given, and out where the recording ends: that may be in the middle of a sound.
        """
        length, fade_samples = self.end - self.start, self.fade_samples(rate_hz)
        whole, recorded = _read(self.path, rate_hz, layout, self.skip + length + fade_samples)
        made: Sound = whole[:, self.skip + low : self.skip + high] * np.float32(self.gain)
        places = np.arange(low, low + made.shape[1])
        if self.dips is not None:
            made *= self.dips[np.minimum(places, length - 1)]
        ends = fade(places + self.skip, recorded, fade_samples, rises=False) if recorded < whole.shape[1] else 1
        made *= np.sin(np.minimum(1 if share is None else share, ends) * np.pi / 2)
        return made


def joined(lines: Sequence[Line]) -> list[Line]:
    """Sort lines and tell those that meet of each other, so that they fade from one to the next."""
    made: list[Line] = []
    for line in sorted(lines, key=lambda one: one.start):
        if made and made[-1].end == line.start and made[-1].over == line.over:
            made[-1] = replace(made[-1], met=True)
            made.append(replace(line, before=made[-1]))
        else:
            made.append(line)
    return made


def read_line(path: Path, rate_hz: int, layout: str, count: int) -> Sound:
    """Decode the first `count` samples of a file's first sound track at a rate and layout; the rest is silence."""
    return _read(path, rate_hz, layout, count)[0]


@lru_cache(maxsize=4)
def _read(path: Path, rate_hz: int, layout: str, count: int) -> tuple[Sound, int]:
    """Give the samples, and how many of them were recorded.

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
    recorded = heard.shape[1]
    heard = np.pad(heard, ((0, 0), (0, count - recorded))).astype(np.float32)
    heard = _placed(heard, layout) if mono else heard
    heard.setflags(write=False)
    return heard, recorded


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
    length, fade_samples = line.end - line.start, line.fade_samples(rate_hz)
    low, high = first + start - line.start, first + end - line.start
    share = fade(np.arange(low, high), length, fade_samples, falls=not line.met)
    new, own = line.heard(rate_hz, layout, low, high, share), track[:, start:end].copy()
    under = np.zeros_like(own) if line.over else own.copy()
    if line.before is not None and low < fade_samples:
        laid = line.before.end - line.before.start
        tail = line.before.heard(rate_hz, layout, laid + low, laid + min(high, line.before.fade_samples(rate_hz)))
        under[:, : tail.shape[1]] = tail
    made = new + under * np.cos(share * np.pi / 2)
    track[:, start:end] = own + made if line.over else made


def fade(
    place: NDArray[np.int64], length: int, fade_samples: int, *, rises: bool = True, falls: bool = True
) -> NDArray[np.float32]:
    """Give the new sound's share, 0 to 1, at places of a line of `length` samples."""
    fade_samples = min(fade_samples, max(1, length // 2))
    share = np.ones(len(place))
    if rises and fade_samples:
        share = np.minimum(share, (place + 0.5) / fade_samples)
    if falls and fade_samples:
        share = np.minimum(share, (length - place - 0.5) / fade_samples)
    return np.clip(share, 0, 1).astype(np.float32)
