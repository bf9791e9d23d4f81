"""Choose how loud a new line is: matched to the film's dialogue around it, and without clipping.

Gated loudness, so that pauses in the dialogue do not count; true peaks at most -1 dBTP (EBU R 128). A line is no louder
than the film's own sound allows before the sum would clip.

Samples are `(channels, samples) float32`, full scale 1.0. Source: ITU-R BS.1770-4, annex 2: the true peak is the
greatest value of the signal at four times its rate. The interpolation here is a windowed sinc of 24 taps instead of the
table there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ...core.nodes.node import NodeContext
from ...media.audio import loudness
from ...media.audio.samples import write_wav
from .lines import Sound

CEILING_DBTP = -1.0
MAX_LOWERING_DB = 6.0
"""A line is not lowered by more than this because of a few peaks; it dips there instead."""
_TAPS_PER_SIDE = 12
_DIP_SAMPLES = 512
"""About 10 ms: a shorter dip is heard as a click, a longer one as a hole."""
_BLOCK_SAMPLES = 480_000
_MIN_AMPLITUDE = 1e-6


def db(amplitude: float) -> float:
    """Return an amplitude in dB; -inf for 0."""
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf


def amplitude(level_db: float) -> float:
    """Return the factor of a level in dB."""
    return float(10 ** (level_db / 20))


def true_peak(samples: Sound) -> float:
    """Return the greatest absolute value at and between the samples, as an amplitude."""
    return max(
        (float(np.abs(part).max(initial=0)) for at in _blocks(samples) for part in _phases(samples, *at)), default=0
    )


def fit_gain(own: Sound, line: Sound, target: float, ceiling: float) -> tuple[float, Sound | None]:
    """Return one gain for a line so that no peak of `own + gain * line` exceeds `ceiling`, and dips.

    The gain is `target` if there is headroom, else up to 6 dB less. If that is not enough, the second value is a factor
    for each sample, else None. Where `own` itself exceeds the ceiling, the line is silent.
    """
    headroom = _headroom(own, line, ceiling)
    lowest = float(headroom.min(initial=target))
    if lowest >= target:
        return target, None
    gain = max(lowest, target * amplitude(-MAX_LOWERING_DB))
    return gain, None if lowest >= gain else _smooth_dips(np.minimum(headroom / gain, 1))


def _headroom(own: Sound, line: Sound, ceiling: float) -> NDArray[np.float64]:
    """Return for each sample the greatest gain of the line there, at least 0."""
    headroom = np.full(line.shape[1], np.inf)
    for low, high in _blocks(line):
        for below, above in zip(_phases(own, low, high), _phases(line, low, high), strict=True):
            size = np.abs(above)
            gains = (ceiling - np.sign(above) * below) / np.maximum(size, _MIN_AMPLITUDE)
            gains[size < _MIN_AMPLITUDE] = np.inf
            headroom[low:high] = np.minimum(headroom[low:high], gains.min(axis=0))
    positive: NDArray[np.float64] = np.maximum(headroom, 0)
    return positive


def _smooth_dips(gains: NDArray[np.float64]) -> Sound:
    """Smooth a curve of gains without exceeding it."""
    half = _DIP_SAMPLES // 2
    lowest, width = np.pad(gains, _DIP_SAMPLES, constant_values=1), 1
    while width < _DIP_SAMPLES:  # the minimum of twice as many samples each time
        lowest = np.minimum(lowest[:-width], lowest[width:])
        width *= 2
    # `lowest[k]` is the minimum of the padded samples k to k + 511; each mean is over the windows that hold the sample.
    total = np.cumsum(np.concatenate([[0.0], lowest]))
    mean = (total[half * 2 :] - total[: -half * 2]) / (half * 2)
    smooth: Sound = np.clip(mean[1 : 1 + len(gains)], 0, 1).astype(np.float32)
    return smooth


def _blocks(samples: Sound) -> Iterator[tuple[int, int]]:
    for at in range(0, samples.shape[1], _BLOCK_SAMPLES):
        yield at, min(at + _BLOCK_SAMPLES, samples.shape[1])


def _phases(samples: Sound, low: int, high: int) -> Iterator[NDArray[np.float64]]:
    """Yield the signal at and between the samples [low, high): four times `(channels, high - low)`."""
    begin, end = max(low - _TAPS_PER_SIDE + 1, 0), min(high + _TAPS_PER_SIDE, samples.shape[1])
    missing = (begin - (low - _TAPS_PER_SIDE + 1), high + _TAPS_PER_SIDE - end)
    padded = np.pad(samples[:, begin:end].astype(np.float64), ((0, 0), missing))
    yield padded[:, _TAPS_PER_SIDE - 1 : _TAPS_PER_SIDE - 1 + high - low]
    for quarter in (0.25, 0.5, 0.75):
        taps = _taps(quarter)
        yield np.stack([np.convolve(channel, taps[::-1], "valid") for channel in padded])


def _taps(part: float) -> NDArray[np.float64]:
    """Return the weights of the samples -11 to 12 for a position between samples 0 and 1."""
    distance = np.arange(-_TAPS_PER_SIDE + 1, _TAPS_PER_SIDE + 1) - part
    taps = np.sinc(distance) * np.cos(np.pi * distance / (2 * _TAPS_PER_SIDE)) ** 2
    normalized: NDArray[np.float64] = taps / taps.sum()
    return normalized


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
    held_db: float = 0.0
    """By how much peaks keep the line below the level that it should have."""
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


def choose_level(
    context: NodeContext, name: str, inputs: LevelInputs, *, is_mixed: bool, match: bool, wanted_db: float = 0.0
) -> LineLevel:
    """Choose the gain of an edit's line.

    Args:
        context: measures with ffmpeg.
        name: the edit's, for notes.
        inputs: what is measured.
        is_mixed: whether the line does not replace the film's own sound.
        match: whether it is brought to the loudness of the film's dialogue.
        wanted_db: the gain that the edit asks for, in addition.

    Raises:
        ToolFailed: ffmpeg failed.
    """
    gain_db, metrics, notes = _match_loudness(context, name, inputs) if match else (0.0, {}, [])
    gain_db += wanted_db
    if wanted_db:
        metrics["wanted_gain_db"] = wanted_db
    gain, dips = amplitude(gain_db), None
    if is_mixed:
        ceiling = max(amplitude(CEILING_DBTP), min(true_peak(inputs.own), 1.0))
        gain, dips = fit_gain(inputs.own, inputs.line, gain, ceiling)
        notes += _lowering_notes(name, db(gain) - gain_db, dips)
    elif match or wanted_db > 0:
        gain = _limit_peak(inputs.line, gain_db)
        short_db = gain_db - db(gain)
        if short_db > REPORTED_DB:
            wanted = "what `audio_gain` asks for" if wanted_db else "that"
            reason = "its peaks reach -1 dBTP; limit its peaks first"
            notes.append(f"the new line of {name} stays {short_db:.1f} dB below {wanted}: {reason}")
    held_db = max(gain_db - db(gain), 0.0) + _dipped_db(inputs.line, dips)
    return LineLevel(gain, dips, held_db, {"name": name, "gain_db": round(db(gain), 2), **metrics}, tuple(notes))


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


def _dipped_db(line: Sound, dips: Sound | None) -> float:
    """Return by how much dips lower a line as a whole."""
    power = float(np.square(line, dtype=np.float64).sum())
    if dips is None or not power:
        return 0.0
    left = float(np.square(line * dips, dtype=np.float64).sum())
    return MAX_GAIN_DB if left <= 0 else min(-10 * math.log10(left / power), MAX_GAIN_DB)


def _lowering_notes(name: str, by_db: float, dips: Sound | None) -> list[str]:
    notes = []
    if by_db < -REPORTED_DB:
        notes.append(f"the new line of {name} was lowered by {-by_db:.1f} dB so that the mix does not clip")
    if dips is not None:
        notes.append(f"the new line of {name} dips briefly where the film's own peaks leave no headroom")
    return notes


def _rounded(level: float) -> float | None:
    return round(level, 2) if math.isfinite(level) else None
