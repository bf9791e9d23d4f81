"""How loud a new line is to stand in a film: one gain for the whole edit.

Takes   the samples of a line as they would be laid, and of the film's own dialogue track in and around its span.
Gives   `Level`: the gain, where it dips, what was measured and what the user should hear of it.
Raises  ToolFailed when ffmpeg does.
Source  EBU R 128: gated loudness, so that pauses in the dialogue do not count; true peaks at most -1 dBTP.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np

from ...core.node import NodeContext
from ...media.audio import loudness
from ...media.audio.samples import write_wav
from .headroom import CEILING_DBTP, amplitude, db, levels, true_peak
from .lines import Sound

AROUND_S = 5
"""This much of the film on either side of a span is its neighbourhood."""
FURTHEST_DB = 20.0
"""A line that is further off than this is not what the film's sound was measured to be."""
SAID_DB = 1.0


@dataclass(frozen=True)
class Level:
    """How an edit's line stands on the track."""

    gain: float = 1.0
    dips: Sound | None = None
    """One factor per sample of the whole edit, where the film's own sound leaves too little room for a mixed line."""
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """What is measured: a line without gain, and the film around it, both at one rate and layout."""

    line: Sound
    own: Sound
    """The film's own sound under the line, of the same shape."""
    around: Sound
    """The film's own sound in and around the span."""
    rate_hz: int
    layout: str


def leveled(context: NodeContext, name: str, heard: Heard, *, over: bool, match: bool) -> Level:
    """Choose the gain of an edit's line; `over` for one that is mixed over the film's own sound."""
    wanted, figures, said = _matched(context, name, heard) if match else (0.0, {}, [])
    gain, dips = amplitude(wanted), None
    if over:
        ceiling = max(amplitude(CEILING_DBTP), min(true_peak(heard.own), 1.0))
        gain, dips = levels(heard.own, heard.line, gain, ceiling)
        said += _lowered(name, db(gain) - wanted, dips)
    elif match:
        gain = _under_the_ceiling(heard.line, wanted)
        short_db = wanted - db(gain)
        if short_db > SAID_DB:
            said.append(f"the new line of {name} stays {short_db:.1f} dB below that: its peaks reach -1 dBTP")
    return Level(gain, dips, {"name": name, "gain_db": round(db(gain), 2), **figures}, tuple(said))


def _matched(context: NodeContext, name: str, heard: Heard) -> tuple[float, dict[str, Any], list[str]]:
    """Give the gain in dB that brings the line to the film's dialogue, what was measured, and what is to be said."""
    kept = dialogue_channels(heard.line, heard.layout)
    own, line = (lufs(context, samples[kept], heard.rate_hz) for samples in (heard.around, heard.line))
    figures = {"film_lufs": _told(own), "line_lufs": _told(line)}
    silent = [what for what, level in (("the film's own sound there", own), ("the line", line)) if is_silent(level)]
    if silent:
        return 0.0, figures, [f"the new line of {name} keeps its own level: {' and '.join(silent)} is near-silent"]
    wanted = min(max(own - line, -FURTHEST_DB), FURTHEST_DB)
    if wanted != own - line:
        note = f"the new line of {name} is {abs(own - line):.0f} LU from the film's dialogue: only 20 dB were made good"
        return wanted, figures, [note]
    if abs(wanted) <= SAID_DB:
        return wanted, figures, []
    way = "raised" if wanted > 0 else "lowered"
    return (
        wanted,
        figures,
        [f"the new line of {name} was {way} by {abs(wanted):.1f} dB to the film's dialogue around it"],
    )


def lufs(context: NodeContext, samples: Sound, rate_hz: int) -> float:
    """Measure the gated loudness of samples; -inf for digital silence and for none at all."""
    length_s = samples.shape[1] / rate_hz
    if not samples.any():
        return -math.inf
    return loudness.integrated_lufs(context, write_wav(context.temp_path("measured.wav"), samples, rate_hz), length_s)


def dialogue_channels(line: Sound, layout: str) -> Sequence[int]:
    """Give the channels to compare: the centre where the line is heard there alone, since no other holds dialogue."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    sounding = np.flatnonzero(np.abs(line).max(axis=1, initial=0) > 0).tolist()
    return sounding if [names[one] for one in sounding] == ["FC"] else range(len(line))


def is_silent(level_lufs: float) -> bool:
    """Tell whether a loudness is that of noise and not of a voice."""
    return level_lufs < loudness.NEAR_SILENCE_LUFS


def _under_the_ceiling(line: Sound, wanted: float) -> float:
    peak = true_peak(line)
    return min(amplitude(wanted), amplitude(CEILING_DBTP) / peak) if peak else amplitude(wanted)


def _lowered(name: str, by_db: float, dips: Sound | None) -> list[str]:
    said = []
    if by_db < -SAID_DB:
        said.append(f"the new line of {name} was lowered by {-by_db:.1f} dB so that the mix does not clip")
    if dips is not None:
        said.append(f"the new line of {name} dips for moments where the film's own peaks leave no room for it")
    return said


def _told(level: float) -> float | None:
    return round(level, 2) if math.isfinite(level) else None
