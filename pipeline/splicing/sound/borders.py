"""Listen to a finished film where its new lines begin and end: for clicks, and for steps of loudness.

Takes   the film and its source, with the lines that were laid, in samples of the shown clock.
Gives   flat figures for the whole film, and the same for each line.
Raises  BadInput where a track cannot be read; ToolFailed when ffmpeg does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...kinds import AudioStream, Media
from ...media.opening import opened
from ...media.sound import read_span
from ...node import Room
from .clicks import click_db
from .lines import Line, Sound
from .match import AROUND_S, dialogue_channels, is_silent, lufs

_NEAR_S, _BESIDE_S = 0.08, 0.1
"""What is looked at on either side of a border, margin packets included, and what it is held against."""
LONGEST_S = 60
"""A line is measured over its first minute, so that memory has a bound."""


def sound_checks(room: Room, film: Path, source: Path, media: Media, lines: Sequence[Line]) -> dict[str, Any]:
    """Measure a film's dialogue track at the borders of its lines.

    `click_db` tells by how much the wave near a border is sharper than the film's own sound and the line are there
    (0 and below: nothing is added). `loudness_step_lu` tells how much louder a line is than what is heard on either
    side of it; it is absent where one of them is near-silent. Of several lines the worst counts; `sound_lines` has all.
    """
    track = _Tracks(film, source, media.audio[0])
    rows = [_row(room, track, line) for line in lines]
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
        with opened(film) as container:
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


def _row(room: Room, track: _Tracks, line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {"name": line.name, "over": line.over}
    row["click_db"] = round(max(_click_db(track, *border) for border in _borders(line, track)), 1)
    step = _step_lu(room, track, line)
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


def _step_lu(room: Room, track: _Tracks, line: Line) -> float | None:
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
    levels = [lufs(room, samples[kept], track.rate_hz) for samples in (heard, beside)]
    return None if any(is_silent(level) for level in levels) else levels[0] - levels[1]
