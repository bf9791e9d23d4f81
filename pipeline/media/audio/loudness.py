"""Measure the loudness of a WAV by EBU R128, and change it by one gain.

Source: EBU R 128 and ITU-R BS.1770-4: gated loudness in LUFS, true peak in dBTP. The loudnorm filter itself would
switch to a moving gain if one gain does not reach the target, so it only measures here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from ...core.errors import ToolFailed
from ...core.nodes.node import NodeContext
from ..tools.ffmpeg import ffmpeg_path

NEAR_SILENCE_LUFS = -50.0
"""Below this a track holds noise and no voice."""
GATING_BLOCK_S = 0.4
"""The gating block of BS.1770; anything shorter has no loudness by itself."""
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

    Raises:
        ToolFailed: ffmpeg failed, or its output has no measurements.
    """
    output = context.run_tool(build_integrated_command(path, _loop_count(length_s)))
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
