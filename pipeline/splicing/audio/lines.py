"""New lines of dialogue on an audio track, as samples.

Samples are `(channels, samples) float32`, -1 to 1. A line begins at the in point, is cut at the out point, and is
followed by silence if it is shorter. A line that replaces the film's own sound cross-fades with it at equal power at
both ends; a line that is mixed fades in and out, and the film's own sound is unchanged. Where two lines meet, the first
continues into the second for the length of a fade, and nothing of a replaced sound is heard. A mono line keeps its
level: it goes to the center channel if there is one, else to left and right at full level.
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

from ...media.audio.samples import decode_tolerant, first_track, resampled
from ...media.frames.film_readers import open_input

Sound = NDArray[np.float32]
FADE_MS = 20.0


@dataclass(frozen=True)
class DialogueLine:
    """A line for the samples [start, end) of a track."""

    start: int
    end: int
    path: Path
    skip: int = 0
    """Samples of the recording before `start`: used if the first part of an edit kept its footage."""
    is_mixed: bool = False
    """Whether it is mixed with the film's own sound instead of replacing it."""
    gain: float = 1.0
    """A factor for the recording."""
    wanted_db: float = 0.0
    """The part of the gain that the edit asks for, which is no step of loudness to be checked."""
    held_db: float = 0.0
    """By how much peaks keep it below the level that it should have, which no gain could change."""
    dips: Sound | None = None
    """A second factor, one per sample of the line, where the film's own sound leaves too little headroom; 0 to 1."""
    fade_ms: float = FADE_MS
    previous: DialogueLine | None = None
    """The line that ends where this one starts."""
    has_next: bool = False
    """Whether another line starts where this one ends."""
    name: str = ""
    """The edit's, for notes and metrics."""

    def shifted(self, shift: int) -> DialogueLine:
        """Return the line on a clock that is `shift` samples behind."""
        return replace(self, start=self.start - shift, end=self.end - shift)

    def fade_samples(self, rate_hz: int) -> int:
        """Return the length of its fades."""
        return round(self.fade_ms * rate_hz / 1000)

    def render(
        self, rate_hz: int, layout: str, low: int, high: int, envelope: NDArray[np.float32] | None = None
    ) -> Sound:
        """Return its samples [low, high), counted from `start`, at its level; at most a fade's length beyond its end.

        It fades by `envelope` if given, and out where the recording ends, which may be in the middle of a sound.
        """
        length, fade_samples = self.end - self.start, self.fade_samples(rate_hz)
        recording, recorded = _read_recording(self.path, rate_hz, layout, self.skip + length + fade_samples)
        samples: Sound = recording[:, self.skip + low : self.skip + high] * np.float32(self.gain)
        positions = np.arange(low, low + samples.shape[1])
        if self.dips is not None:
            samples *= self.dips[np.minimum(positions, length - 1)]
        ends = fade(positions + self.skip, recorded, fade_samples, rises=False) if recorded < recording.shape[1] else 1
        samples *= np.sin(np.minimum(1 if envelope is None else envelope, ends) * np.pi / 2)
        return samples


def link_lines(lines: Sequence[DialogueLine]) -> list[DialogueLine]:
    """Sort lines and link those that meet, so that they fade from one to the next."""
    linked: list[DialogueLine] = []
    for line in sorted(lines, key=lambda line: line.start):
        if linked and linked[-1].end == line.start and linked[-1].is_mixed == line.is_mixed:
            linked[-1] = replace(linked[-1], has_next=True)
            linked.append(replace(line, previous=linked[-1]))
        else:
            linked.append(line)
    return linked


@lru_cache(maxsize=4)
def _read_recording(path: Path, rate_hz: int, layout: str, count: int) -> tuple[Sound, int]:
    """Decode the first `count` samples of a file's first audio track at a rate and layout; the rest is silence.

    Also returns how many samples were recorded. Damaged packets are left out, as in the voice that the model hears.
    Cached, because tracks are mixed packet by packet; the array is read-only.
    """
    with open_input(path) as container:
        stream = first_track(container)
        mono = stream.layout.nb_channels == 1
        resampler = av.AudioResampler(format="fltp", layout="mono" if mono else layout, rate=rate_hz)
        parts: list[Any] = []
        decoded = 0
        for frame in decode_tolerant(container, stream):
            if frame is None:
                continue
            frame.pts = None
            new = resampled(resampler, frame)
            parts += new
            decoded += sum(part.shape[1] for part in new)
            if decoded >= count:
                break
        else:
            parts += resampled(resampler, None)
    channels = 1 if mono else av.AudioLayout(layout).nb_channels
    samples = np.concatenate(parts, 1)[:, :count] if parts else np.zeros((channels, 0), np.float32)
    recorded = samples.shape[1]
    samples = np.pad(samples, ((0, 0), (0, count - recorded))).astype(np.float32)
    samples = _to_layout(samples, layout) if mono else samples
    samples.setflags(write=False)
    return samples, recorded


def _to_layout(samples: Sound, layout: str) -> Sound:
    """Spread one channel over a layout at full level; a resampler would lower it by 3 dB for stereo."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    targets = {"FC"} & set(names) or {"FL", "FR"} & set(names) or set(names)
    return np.concatenate([samples if name in targets else np.zeros_like(samples) for name in names])


def mix_into(track: Sound, first: int, line: DialogueLine, rate_hz: int, layout: str) -> None:
    """Mix a line into a stretch of a track that begins at sample `first`, in place."""
    start, end = max(line.start - first, 0), min(line.end - first, track.shape[1])
    if end <= start:
        return
    length, fade_samples = line.end - line.start, line.fade_samples(rate_hz)
    low, high = first + start - line.start, first + end - line.start
    envelope = fade(np.arange(low, high), length, fade_samples, falls=not line.has_next)
    new, own = line.render(rate_hz, layout, low, high, envelope), track[:, start:end].copy()
    under = np.zeros_like(own) if line.is_mixed else own.copy()
    if line.previous is not None and low < fade_samples:
        end_of_previous = line.previous.end - line.previous.start
        tail = line.previous.render(
            rate_hz, layout, end_of_previous + low, end_of_previous + min(high, line.previous.fade_samples(rate_hz))
        )
        under[:, : tail.shape[1]] = tail
    mixed = new + under * np.cos(envelope * np.pi / 2)
    track[:, start:end] = own + mixed if line.is_mixed else mixed


def fade(
    positions: NDArray[np.int64], length: int, fade_samples: int, *, rises: bool = True, falls: bool = True
) -> NDArray[np.float32]:
    """Return the new sound's share, 0 to 1, at positions of a line of `length` samples."""
    fade_samples = min(fade_samples, max(1, length // 2))
    share = np.ones(len(positions))
    if rises and fade_samples:
        share = np.minimum(share, (positions + 0.5) / fade_samples)
    if falls and fade_samples:
        share = np.minimum(share, (length - positions - 0.5) / fade_samples)
    return np.clip(share, 0, 1).astype(np.float32)
