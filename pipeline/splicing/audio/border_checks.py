"""Listen to a finished film where its new lines begin and end: for clicks, and for steps of loudness.

Takes   the film and its source, with the lines that were laid, in samples of the shown clock.
Gives   flat figures for the whole film, and the same for each line.
Raises  BadInput where a track cannot be read; ToolFailed when ffmpeg does.

How much sharper a wave is at a joint than the sounds that were joined.

Shapes: `(channels, samples) float32`, full scale 1.0.
Source  Godsill and Rayner, Digital Audio Restoration, chapter 5: a click stands out in what linear prediction leaves
        over. The filter is fitted to both sounds at once and is linear, so a slow fade between them leaves over at most
        what both do together, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.node import NodeContext
from ...core.values import AudioStream, Media
from ...media.audio.samples import read_span
from ...media.decode import open_media
from .headroom import db
from .lines import Line, Sound
from .loudness_match import AROUND_S, dialogue_channels, is_silent, lufs

_NEAR_S, _BESIDE_S = 0.08, 0.1
"""What is looked at on either side of a border, margin packets included, and what it is held against."""
LONGEST_S = 60
"""A line is measured over its first minute, so that memory has a bound."""


def sound_checks(context: NodeContext, film: Path, source: Path, media: Media, lines: Sequence[Line]) -> dict[str, Any]:
    """Measure a film's dialogue track at the borders of its lines.

    `click_db` tells by how much the wave near a border is sharper than the film's own sound and the line are there
    (0 and below: nothing is added). `loudness_step_lu` tells how much louder a line is than what is heard on either
    side of it; it is absent where one of them is near-silent. Of several lines the worst counts; `sound_lines` has all.
    """
    track = _Tracks(film, source, media.audio[0])
    rows = [_row(context, track, line) for line in lines]
    worst: dict[str, Any] = {}
    for name, far in (("click_db", lambda value: value), ("loudness_step_lu", abs)):
        told = [row[name] for row in rows if name in row]
        worst |= {name: max(told, key=far)} if told else {}
    return {**worst, "sound_lines": rows}


class _Tracks:
    """The dialogue track of the film and of its source, read by the sample."""

    def __init__(self, film: Path, source: Path, audio: AudioStream) -> None:
        self.source, self.film, self.audio = source, film, audio
        self.rate_hz, self.layout = audio.sample_rate_hz, audio.layout
        with open_media(film) as container:
            self._index = int(container.streams.audio[0].index)

    def own(self, low: int, high: int) -> Sound:
        """Read the source's samples [low, high)."""
        return read_samples(self.source, self.audio.index, self.rate_hz, low, high)

    def made(self, low: int, high: int) -> Sound:
        """Read the film's samples [low, high)."""
        return read_samples(self.film, self._index, self.rate_hz, low, high)


def read_samples(path: Path, index: int, rate_hz: int, low: int, high: int) -> Sound:
    """Read the samples [low, high) of a track by the shown clock; silence where it holds none."""
    return read_span(path, index, Fraction(low, rate_hz), Fraction(high, rate_hz))[0]


def _row(context: NodeContext, track: _Tracks, line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {"name": line.name, "over": line.over}
    row["click_db"] = round(max(_click_db(track, *border) for border in _borders(line, track)), 1)
    step = _step_lu(context, track, line)
    return row if step is None else {**row, "loudness_step_lu": round(step, 2)}


def _borders(line: Line, track: _Tracks) -> Iterator[tuple[int, list[Sound]]]:
    """Give each border's sample, and what is heard of lines beside it."""
    length, reach = line.end - line.start, round(_BESIDE_S * track.rate_hz)

    def heard(one: Line, low: int, high: int) -> Sound:
        return one.heard(track.rate_hz, track.layout, max(low, 0), high)

    begin = [heard(line, 0, min(reach, length))]
    if line.before is not None:
        laid = line.before.end - line.before.start
        begin.append(heard(line.before, laid - reach, laid + line.before.fade_samples(track.rate_hz)))
    yield line.start, begin
    if not line.met:  # where lines meet, the second one's border is looked at
        yield line.end, [heard(line, length - reach, length)]


def _click_db(track: _Tracks, border: int, beside: Sequence[Sound]) -> float:
    near, reach = round(_NEAR_S * track.rate_hz), round(_BESIDE_S * track.rate_hz)
    return click_db(track.made(border - near, border + near), [track.own(border - reach, border + reach), *beside])


def _step_lu(context: NodeContext, track: _Tracks, line: Line) -> float | None:
    """Give how much louder a line is than what is heard on either side; None where there is nothing to compare."""
    around, fade = AROUND_S * track.rate_hz, line.fade_samples(track.rate_hz)
    # Under its fades the film's own sound is heard, which would stand for a line that is silent.
    start, end = (line.start + fade, line.end - fade) if line.end - line.start > 4 * fade else (line.start, line.end)
    end = min(end, start + LONGEST_S * track.rate_hz)
    heard = track.made(start, end)
    if line.over:
        heard -= track.own(start, end)
    beside = np.concatenate(
        [track.made(line.start - around, line.start), track.made(line.end, line.end + around)], axis=1
    )
    kept = dialogue_channels(line.heard(track.rate_hz, track.layout, 0, end - start), track.layout)
    levels = [lufs(context, samples[kept], track.rate_hz) for samples in (heard, beside)]
    return None if any(is_silent(level) for level in levels) else levels[0] - levels[1]


_ORDER = 32
_WHITE = 1e-6
"""60 dB below the sounds the filter trusts nothing: there the noise of a lossy track begins."""
_FLOOR = 1e-3
"""60 dB below full scale: next to a pure tone, which tells all its samples, the bend of a fade itself would show."""


def click_db(joint: Sound, sounds: Sequence[Sound]) -> float:
    """Give by how much the sharpest place of a joint exceeds the sharpest ones of the joined sounds, in dB.

    0 and below: nothing is added. A hard cut through a voice mostly gives 5 to 30.
    """
    taps = _whitening(sounds)
    usual = sum(_peak(sound, taps) for sound in sounds)
    return db((_peak(joint, taps) + _FLOOR) / (usual + _FLOOR))


def _whitening(sounds: Sequence[Sound]) -> NDArray[np.float64]:
    """Give the taps of the filter that leaves of the sounds only what their last samples do not tell."""
    total = np.zeros(_ORDER + 1)
    for sound in sounds:
        found = _correlation(sound)
        total += found / found[0] if found[0] > 0 else 0
    if total[0] <= 0:
        return np.array([1.0, -1.0])
    total[0] *= 1 + _WHITE
    apart = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
    return np.concatenate([[1.0], -np.linalg.solve(total[apart], total[1:])])


def _correlation(sound: Sound) -> NDArray[np.float64]:
    """Give how a sound correlates with itself up to 32 samples later, over all channels."""
    count = sound.shape[1]
    size = 1 << (count + _ORDER).bit_length()
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64) * np.hanning(count), size)) ** 2
    made: NDArray[np.float64] = np.fft.irfft(spectrum.sum(axis=0))[: _ORDER + 1]
    return made


def _peak(sound: Sound, taps: NDArray[np.float64]) -> float:
    if sound.shape[1] < len(taps):
        return 0.0
    return max(float(np.abs(np.convolve(channel, taps, "valid")).max()) for channel in sound)
