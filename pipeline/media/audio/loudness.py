"""Measure the loudness of a WAV by EBU R128 and change it by one gain; find the pauses in a voice.

Source: EBU R 128 and ITU-R BS.1770-4: gated loudness in LUFS, true peak in dBTP. The loudnorm filter itself would
switch to a moving gain if one gain does not reach the target, so it only measures here.

At a frame in a pause a span can be split. Source: ITU-T P.56: speech continues through gaps of up to 200 ms, and levels
are smoothed over 30 ms. The speech level here is the median of everything within 15 dB of the peak level (95th
percentile), so that neither a bang nor long silence moves it.

Music, traffic or another speaker under the voice can leave no pause. None is then found: the model would hear a split
there in the middle of a sound.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from ...core.errors import ToolFailed
from ...core.nodes.node import NodeContext
from ..timing.split_points import SplitPoint
from ..tools.ffmpeg import ffmpeg_path
from .samples import Samples

MIN_PAUSE_S = 0.2
BELOW_SPEECH_DB = 18.0
_BLOCK_S = 0.01
_SMOOTHING_BLOCKS = 3
_EPSILON = 1e-12
_MAX_DEPTH_DB, _SPEECH_RANGE_DB = 48.0, 15.0
"""A pause this far below the speech counts as silent; what is this near to the peak level is speech."""
_SUFFICIENT_S = 0.5
"""More silence than this on either side of a split is no better."""


@dataclass(frozen=True)
class Pause:
    """The samples [start, end) of a pause."""

    start: int
    end: int
    below_db: float = _MAX_DEPTH_DB
    """How far its level is below the speech's."""


def find_pauses(samples: Samples, rate_hz: int) -> list[Pause]:
    """Return the pauses of at least 200 ms in `(channels, samples) float32`; all of it is one if nobody speaks."""
    block = _block_samples(rate_hz)
    power = _block_power(samples, block)
    levels = 10 * np.log10(power + _EPSILON)
    loudest = _peak_level_db(levels)
    if loudest < NEAR_SILENCE_LUFS:
        return [Pause(0, samples.shape[1])]
    speech_db = float(np.median(levels[levels > loudest - _SPEECH_RANGE_DB]))
    pauses = []
    for first, last in _true_runs(levels < speech_db - BELOW_SPEECH_DB):
        if (last - first) * block >= MIN_PAUSE_S * rate_hz:
            below_db = speech_db - 10 * np.log10(power[first:last].mean() + _EPSILON)
            pauses.append(Pause(first * block, min(last * block, samples.shape[1]), float(below_db)))
    return pauses


def is_near_silence(samples: Samples, rate_hz: int) -> bool:
    """Check whether nobody speaks in `(channels, samples) float32`."""
    levels = 10 * np.log10(_block_power(samples, _block_samples(rate_hz)) + _EPSILON)
    return _peak_level_db(levels) < NEAR_SILENCE_LUFS


def split_points_in(pauses: list[Pause], rate_hz: int, first_frame: int, begins: NDArray[np.int64]) -> list[SplitPoint]:
    """Return the frames well inside a pause, or nearest to its middle; the middle has the best quality.

    Args:
        pauses: in samples.
        rate_hz: samples per second.
        first_frame: the frame of the first item of `begins`.
        begins: the sample at which each frame begins, ascending.
    """
    points: dict[int, SplitPoint] = {}
    for pause in pauses:
        clear_s = np.minimum(begins - pause.start, pause.end - begins) / rate_hz
        inside = np.flatnonzero(clear_s > 0)
        if not len(inside):
            continue
        middle = int(inside[np.argmax(clear_s[inside])])
        for at in (*np.flatnonzero(clear_s >= MIN_PAUSE_S / 2), middle):
            points[int(at)] = SplitPoint(first_frame + int(at), _point_quality(float(clear_s[at]), pause.below_db))
    return list(points.values())


def _point_quality(clear_s: float, below_db: float) -> float:
    depth = (below_db - BELOW_SPEECH_DB) / (_MAX_DEPTH_DB - BELOW_SPEECH_DB)
    return 0.6 * min(clear_s / _SUFFICIENT_S, 1.0) + 0.4 * min(max(depth, 0.0), 1.0)


def _block_samples(rate_hz: int) -> int:
    return max(1, round(_BLOCK_S * rate_hz))


def _peak_level_db(levels: NDArray[np.float64]) -> float:
    return float(np.percentile(levels, 95)) if len(levels) else -np.inf


def _block_power(samples: Samples, block: int) -> NDArray[np.float64]:
    """Return the mean power of each block over all channels, smoothed over its neighbours."""
    count = -(-samples.shape[1] // block)
    padded = np.pad(samples, ((0, 0), (0, count * block - samples.shape[1])))
    power = np.square(padded.astype(np.float64)).mean(axis=0).reshape(count, block).mean(axis=1)
    near = np.pad(power, _SMOOTHING_BLOCKS // 2, mode="edge")
    smoothed: NDArray[np.float64] = np.convolve(near, np.full(_SMOOTHING_BLOCKS, 1 / _SMOOTHING_BLOCKS), "valid")
    return smoothed


def _true_runs(quiet: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True as [first, last)."""
    edges = np.flatnonzero(np.diff(np.pad(quiet.astype(np.int8), 1)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


NEAR_SILENCE_LUFS = -50.0
"""Below this a track holds noise and no voice."""
GATING_BLOCK_S = 0.4
"""The gating block of BS.1770; anything shorter has no loudness by itself."""
_EBUR128_STEP_S = 0.1
"""ebur128 looks after steps of this, rounded down to samples, and counts nothing of a last one that is not complete."""
_JSON = re.compile(r"\{[^{}]*\"input_i\"[^{}]*\}")
_INTEGRATED = re.compile(r"lavfi\.r128\.I=(-?[\d.]+)")
_GATE_LUFS = -70.0
"""The absolute gate of BS.1770; ebur128 returns this number for what never rises above it."""


@dataclass(frozen=True)
class Loudness:
    """Measurements; -inf for digital silence."""

    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float

    @property
    def is_near_silence(self) -> bool:
        """Whether there is no voice to change the loudness of."""
        return self.integrated_lufs < NEAR_SILENCE_LUFS

    def metrics(self) -> dict[str, float | None]:
        """Return the measurements for JSON, which has no infinities: None means silence."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def measure(context: NodeContext, path: Path, length_s: float) -> Loudness:
    """Measure a file of `length_s` seconds; one shorter than a gating block is looped.

    Raises:
        ToolFailed: ffmpeg failed, or its output has no measurements.
    """
    output = context.run_tool(build_measure_command(path, _loop_count(length_s)))
    matches = _JSON.findall(output.replace("\n", " "))
    if not matches:
        raise ToolFailed("ffmpeg's loudnorm printed no measurements", tail=output[-500:])
    measured = json.loads(matches[-1])
    return Loudness(float(measured["input_i"]), float(measured["input_tp"]), float(measured["input_lra"]))


def measure_integrated_lufs(context: NodeContext, path: Path, length_s: float) -> float:
    """Measure the gated loudness alone, to 0.01 LU, in a fifth of loudnorm's time; -inf if it is never above the gate.

    A file shorter than a gating block and a step is looped.

    Raises:
        ToolFailed: ffmpeg failed, or its output has no measurements.
    """
    output = context.run_tool(build_integrated_command(path, _loop_count(length_s - _EBUR128_STEP_S)))
    matches = _INTEGRATED.findall(output)
    if not matches:
        raise ToolFailed("ffmpeg's ebur128 printed no measurements", tail=output[-500:])
    loudness = float(matches[-1])
    return loudness if loudness > _GATE_LUFS else -math.inf


def _loop_count(length_s: float) -> int:
    return 0 if length_s >= GATING_BLOCK_S else math.ceil(1 / max(length_s, 0.001))


def gain_db(measured: Loudness, target_lufs: float, true_peak_db: float) -> float:
    """Return the gain that reaches the target, or as much of it as the true-peak ceiling allows; 0 for near-silence."""
    if measured.is_near_silence:
        return 0.0
    return min(target_lufs - measured.integrated_lufs, true_peak_db - measured.true_peak_dbtp)


def build_measure_command(path: Path, loops: int = 0) -> list[str]:
    """Build the command of the measuring pass; it writes nothing."""
    return _compile(_wav_input(path, loops).filter("loudnorm", print_format="json"))


def build_integrated_command(path: Path, loops: int = 0) -> list[str]:
    """Build the command that prints the loudness so far every 0.1 s; the last line counts."""
    measured = _wav_input(path, loops).filter("ebur128", metadata=1, framelog="verbose")
    return _compile(measured.filter("ametadata", mode="print", key="lavfi.r128.I"))


def _wav_input(path: Path, loops: int = 0) -> Any:
    """Open a file as WAV only: a steady tone can look like a transport stream."""
    options = {"stream_loop": loops} if loops else {}
    return ffmpeg.input(f"file:{path}", f="wav", **options).audio


def _compile(measured: Any) -> list[str]:
    command: list[str] = measured.output("-", format="null").compile(cmd=ffmpeg_path())
    return command


def build_gain_command(path: Path, gain: float, target: Path) -> list[str]:
    """Build the command that applies a gain in dB and writes 16-bit PCM, the same bytes each time."""
    voice = _wav_input(path).filter("volume", f"{gain:.4f}dB", precision="float")
    output = voice.output(
        f"file:{target}",
        **{"c:a": "pcm_s16le", "fflags": "+bitexact", "flags:a": "+bitexact", "map_metadata": "-1"},
    )
    command: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return command
