"""Choose how loud a new line is: matched to the film's dialogue around it, and without clipping.

Source: EBU R 128: gated loudness, so that pauses in the dialogue do not count; true peaks at most -1 dBTP.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np

from ...core.nodes.node import NodeContext
from ...media.audio import loudness
from ...media.audio.samples import write_wav
from .headroom import CEILING_DBTP, amplitude, db, fit_gain, true_peak
from .lines import Sound

AROUND_S = 5
"""How much of the film on either side of a span is measured."""
MAX_GAIN_DB = 20.0
"""A line that is further from the film's dialogue is not matched completely."""
REPORTED_DB = 1.0


@dataclass(frozen=True)
class LineLevel:
    """How loud an edit's line is on the track."""

    gain: float = 1.0
    dips: Sound | None = None
    """A factor per sample of the complete edit, where the film's own sound leaves too little headroom."""
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LevelInputs:
    """What is measured: a line without gain, and the film around it, at one rate and layout."""

    line: Sound
    own: Sound
    """The film's own sound under the line, of the same shape."""
    around: Sound
    """The film's own sound in and around the span."""
    rate_hz: int
    layout: str


def choose_level(context: NodeContext, name: str, inputs: LevelInputs, *, is_mixed: bool, match: bool) -> LineLevel:
    """Choose the gain of an edit's line; `is_mixed` if it does not replace the film's own sound.

    Raises:
        ToolFailed: ffmpeg failed.
    """
    gain_db, metrics, notes = _match_loudness(context, name, inputs) if match else (0.0, {}, [])
    gain, dips = amplitude(gain_db), None
    if is_mixed:
        ceiling = max(amplitude(CEILING_DBTP), min(true_peak(inputs.own), 1.0))
        gain, dips = fit_gain(inputs.own, inputs.line, gain, ceiling)
        notes += _lowering_notes(name, db(gain) - gain_db, dips)
    elif match:
        gain = _limit_peak(inputs.line, gain_db)
        short_db = gain_db - db(gain)
        if short_db > REPORTED_DB:
            notes.append(f"the new line of {name} stays {short_db:.1f} dB below that: its peaks reach -1 dBTP")
    return LineLevel(gain, dips, {"name": name, "gain_db": round(db(gain), 2), **metrics}, tuple(notes))


def _match_loudness(context: NodeContext, name: str, inputs: LevelInputs) -> tuple[float, dict[str, Any], list[str]]:
    """Return the gain in dB that matches the line to the film's dialogue, the measurements, and notes."""
    channels = dialogue_channels(inputs.line, inputs.layout)
    own, line = (measure_lufs(context, samples[channels], inputs.rate_hz) for samples in (inputs.around, inputs.line))
    metrics = {"film_lufs": _rounded(own), "line_lufs": _rounded(line)}
    silent = [label for label, level in (("the film's own sound there", own), ("the line", line)) if is_silent(level)]
    if silent:
        return 0.0, metrics, [f"the new line of {name} keeps its own level: {' and '.join(silent)} is near-silent"]
    gain_db = min(max(own - line, -MAX_GAIN_DB), MAX_GAIN_DB)
    if gain_db != own - line:
        note = f"the new line of {name} is {abs(own - line):.0f} LU from the film's dialogue: gain limited to 20 dB"
        return gain_db, metrics, [note]
    if abs(gain_db) <= REPORTED_DB:
        return gain_db, metrics, []
    change = "raised" if gain_db > 0 else "lowered"
    note = f"the new line of {name} was {change} by {abs(gain_db):.1f} dB to the film's dialogue around it"
    return gain_db, metrics, [note]


def measure_lufs(context: NodeContext, samples: Sound, rate_hz: int) -> float:
    """Measure the gated loudness of samples; -inf for digital silence and no samples."""
    length_s = samples.shape[1] / rate_hz
    if not samples.any():
        return -math.inf
    path = write_wav(context.temp_path("measured.wav"), samples, rate_hz)
    return loudness.measure_integrated_lufs(context, path, length_s)


def dialogue_channels(line: Sound, layout: str) -> Sequence[int]:
    """Return the channels to compare: the center alone if the line is there alone, since no other holds dialogue."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    sounding = np.flatnonzero(np.abs(line).max(axis=1, initial=0) > 0).tolist()
    return sounding if [names[channel] for channel in sounding] == ["FC"] else range(len(line))


def is_silent(level_lufs: float) -> bool:
    """Check whether a loudness is that of noise and not of a voice."""
    return level_lufs < loudness.NEAR_SILENCE_LUFS


def _limit_peak(line: Sound, gain_db: float) -> float:
    peak = true_peak(line)
    return min(amplitude(gain_db), amplitude(CEILING_DBTP) / peak) if peak else amplitude(gain_db)


def _lowering_notes(name: str, by_db: float, dips: Sound | None) -> list[str]:
    notes = []
    if by_db < -REPORTED_DB:
        notes.append(f"the new line of {name} was lowered by {-by_db:.1f} dB so that the mix does not clip")
    if dips is not None:
        notes.append(f"the new line of {name} dips briefly where the film's own peaks leave no headroom")
    return notes


def _rounded(level: float) -> float | None:
    return round(level, 2) if math.isfinite(level) else None
