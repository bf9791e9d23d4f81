"""Check a finished film at the borders of its new lines: for clicks, and for steps of loudness.

A click is how much sharper the wave is at a joint than in the sounds that were joined. Samples are `(channels, samples)
float32`, full scale 1.0.

Source: Godsill and Rayner, Digital Audio Restoration, chapter 5: a click stands out in the residual of linear
prediction. The filter is fitted to both sounds at once and is linear, so the residual of a slow fade between them is at
most the sum of both residuals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.nodes.node import NodeContext
from ...core.values import AudioStream, Media
from ...media.audio.samples import first_track, read_span
from ...media.frames.film_readers import open_media
from .lines import DialogueLine, Sound
from .loudness_match import AROUND_S, db, dialogue_channels, is_silent, measure_lufs

_BORDER_S, _REFERENCE_S = 0.08, 0.1
"""What is measured on either side of a border, margin packets included, and what it is compared with."""
MAX_MEASURED_S = 60
"""A line is measured over its first minute, to bound memory."""
_LEAST_HELD_DB = 0.1
"""Peaks that keep a line less than this below its level are not reported."""
_READ_ONCE_S = 10
"""Up to this length a line and what is heard on either side are read at once, not piece by piece."""


def check_borders(
    context: NodeContext, film: Path, source: Path, media: Media, lines: Sequence[DialogueLine]
) -> dict[str, Any]:
    """Measure a film's dialogue track at the borders of its lines.

    `click_db` is by how much the wave near a border is sharper than the film's own sound and the line there (0 and
    below: no click). `loudness_step_lu` is how much louder a line is than what is heard on either side of it, besides
    the gain that its edit asks for; absent if one of them is near-silent. `peak_limited_db` is how much of that its
    peaks have caused: a line that is too soft by that is not failed. The worst of several lines counts;
    `sound_lines` has all of them.

    Raises:
        InputMediaError: a track cannot be read.
        ToolFailed: ffmpeg failed.
    """
    track = _DialogueTracks(film, source, media.audio[0])
    rows = [_line_metrics(context, track, line) for line in lines]
    worst: dict[str, Any] = {}
    for name, size in (("click_db", lambda value: value), ("loudness_step_lu", abs)):
        values = [row[name] for row in rows if name in row]
        worst |= {name: max(values, key=size)} if values else {}
    return {**worst, "sound_lines": rows}


class _DialogueTracks:
    """The dialogue tracks of the film and of its source."""

    def __init__(self, film: Path, source: Path, audio: AudioStream) -> None:
        self.rate_hz, self.layout = audio.sample_rate_hz, audio.layout
        with open_media(film) as container:
            index = int(first_track(container).index)
        self._film, self._source = _Track(film, index, self.rate_hz), _Track(source, audio.index, self.rate_hz)

    def read_ahead(self, line: DialogueLine) -> None:
        """Read all that a line needs at once, unless it is long; the next line's takes its place."""
        if line.end - line.start <= _READ_ONCE_S * self.rate_hz:
            for track, around_s in ((self._film, AROUND_S), (self._source, _REFERENCE_S)):
                around = round(around_s * self.rate_hz)
                track.keep(line.start - around, line.end + around)

    def source_samples(self, low: int, high: int) -> Sound:
        """Read the source's samples [low, high)."""
        return self._source.samples(low, high)

    def film_samples(self, low: int, high: int) -> Sound:
        """Read the film's samples [low, high)."""
        return self._film.samples(low, high)


class _Track:
    """One track of a file, and a span of its samples that is kept in memory."""

    def __init__(self, path: Path, index: int, rate_hz: int) -> None:
        self._path, self._index, self._rate_hz = path, index, rate_hz
        self._first, self._buffer = 0, np.zeros((1, 0), np.float32)

    def keep(self, low: int, high: int) -> None:
        """Read the samples [low, high), and keep them in place of those before."""
        self._first, self._buffer = low, read_samples(self._path, self._index, self._rate_hz, low, high)

    def samples(self, low: int, high: int) -> Sound:
        """Return the samples [low, high)."""
        if self._first <= low and high <= self._first + self._buffer.shape[1]:
            return self._buffer[:, low - self._first : high - self._first].copy()
        return read_samples(self._path, self._index, self._rate_hz, low, high)


def read_samples(path: Path, index: int, rate_hz: int, low: int, high: int) -> Sound:
    """Read the samples [low, high) of a track on the shown clock; silence where it has none."""
    return read_span(path, index, Fraction(low, rate_hz), Fraction(high, rate_hz))[0]


def _line_metrics(context: NodeContext, track: _DialogueTracks, line: DialogueLine) -> dict[str, Any]:
    track.read_ahead(line)
    row: dict[str, Any] = {"name": line.name, "over": line.is_mixed}
    row["click_db"] = round(max(_click_db(track, *border) for border in _borders(line, track)), 1)
    step = _step_lu(context, track, line)
    if step is None:
        return row
    held = {"peak_limited_db": round(line.held_db, 2)} if line.held_db >= _LEAST_HELD_DB else {}
    return {**row, "loudness_step_lu": round(step, 2), **held}


def _borders(line: DialogueLine, track: _DialogueTracks) -> Iterator[tuple[int, list[Sound]]]:
    """Yield each border's sample, and what is heard of the lines beside it."""
    length, reach = line.end - line.start, round(_REFERENCE_S * track.rate_hz)

    def render(of: DialogueLine, low: int, high: int) -> Sound:
        return of.render(track.rate_hz, track.layout, max(low, 0), high)

    at_start = [render(line, 0, min(reach, length))]
    if line.previous is not None:
        end = line.previous.end - line.previous.start
        at_start.append(render(line.previous, end - reach, end + line.previous.fade_samples(track.rate_hz)))
    yield line.start, at_start
    if not line.has_next:  # where lines meet, the border of the second is measured
        yield line.end, [render(line, length - reach, length)]


def _click_db(track: _DialogueTracks, border: int, references: Sequence[Sound]) -> float:
    near, reach = round(_BORDER_S * track.rate_hz), round(_REFERENCE_S * track.rate_hz)
    return click_db(
        track.film_samples(border - near, border + near),
        [track.source_samples(border - reach, border + reach), *references],
    )


def _step_lu(context: NodeContext, track: _DialogueTracks, line: DialogueLine) -> float | None:
    """Return how much louder a line is than what is heard on either side; None if there is nothing to compare."""
    around, fade = AROUND_S * track.rate_hz, line.fade_samples(track.rate_hz)
    # The fades are left out: there the film's own sound is heard, also if the line is silent.
    start, end = (line.start + fade, line.end - fade) if line.end - line.start > 4 * fade else (line.start, line.end)
    end = min(end, start + MAX_MEASURED_S * track.rate_hz)
    line_samples = track.film_samples(start, end)
    if line.is_mixed:
        line_samples -= track.source_samples(start, end)
    references = np.concatenate(
        [track.film_samples(line.start - around, line.start), track.film_samples(line.end, line.end + around)], axis=1
    )
    channels = dialogue_channels(line.render(track.rate_hz, track.layout, 0, end - start), track.layout)
    levels = [measure_lufs(context, samples[channels], track.rate_hz) for samples in (line_samples, references)]
    return None if any(is_silent(level) for level in levels) else levels[0] - levels[1] - line.wanted_db


_FILTER_ORDER = 32
_WHITE_NOISE = 1e-6
"""White noise added 60 dB below the sounds, where the noise of a lossy track begins."""
_MIN_RESIDUAL = 1e-3
"""60 dB below full scale: next to a pure tone, which is predicted completely, the bend of a fade itself would count."""


def click_db(joint: Sound, sounds: Sequence[Sound]) -> float:
    """Return by how much the largest residual of a joint exceeds those of the joined sounds, in dB.

    0 and below: no click. A hard cut through a voice mostly gives 5 to 30.
    """
    taps = _whitening_filter(sounds)
    expected = sum(_peak(sound, taps) for sound in sounds)
    return db((_peak(joint, taps) + _MIN_RESIDUAL) / (expected + _MIN_RESIDUAL))


def _whitening_filter(sounds: Sequence[Sound]) -> NDArray[np.float64]:
    """Return the taps of the filter whose output is the residual of linear prediction of the sounds."""
    total = np.zeros(_FILTER_ORDER + 1)
    for sound in sounds:
        correlation = _correlation(sound)
        total += correlation / correlation[0] if correlation[0] > 0 else 0
    if total[0] <= 0:
        return np.array([1.0, -1.0])
    total[0] *= 1 + _WHITE_NOISE
    lags = np.abs(np.subtract.outer(np.arange(_FILTER_ORDER), np.arange(_FILTER_ORDER)))
    return np.concatenate([[1.0], -np.linalg.solve(total[lags], total[1:])])


def _correlation(sound: Sound) -> NDArray[np.float64]:
    """Return the autocorrelation of a sound for lags up to 32, over all channels."""
    count = sound.shape[1]
    size = 1 << (count + _FILTER_ORDER).bit_length()
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64) * np.hanning(count), size)) ** 2
    correlation: NDArray[np.float64] = np.fft.irfft(spectrum.sum(axis=0))[: _FILTER_ORDER + 1]
    return correlation


def _peak(sound: Sound, taps: NDArray[np.float64]) -> float:
    if sound.shape[1] < len(taps):
        return 0.0
    return max(float(np.abs(np.convolve(channel, taps, "valid")).max()) for channel in sound)
