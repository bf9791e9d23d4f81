"""Measure a voice by EBU R128, and bring it to a loudness by one gain.

Takes   a WAV file.
Gives   measures; a gain in dB; a WAV with that gain and nothing else changed.
Raises  ToolFailed when ffmpeg does, or says nothing that can be read.
Source  EBU R 128 and ITU-R BS.1770-4: gated loudness in LUFS, true peak in dBTP. The loudnorm filter itself would
        switch to a moving gain where one gain does not reach the target; so it only measures here.
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
from ...core.node import NodeContext
from ..ffmpeg import ffmpeg_path

NEAR_SILENCE_LUFS = -50.0
"""Below this a track holds noise, not a voice: raising it would only raise the noise."""
GATE_S = 0.4
"""BS.1770's gating block; anything shorter has no loudness by itself."""
_JSON = re.compile(r"\{[^{}]*\"input_i\"[^{}]*\}")
_INTEGRATED = re.compile(r"lavfi\.r128\.I=(-?[\d.]+)")
_GATE_LUFS = -70.0
"""What never rises above BS.1770's absolute gate has no loudness; ebur128 says this number of it."""


@dataclass(frozen=True)
class Loudness:
    """What was measured; -inf for digital silence."""

    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float

    @property
    def is_near_silence(self) -> bool:
        """Whether there is no voice to bring to a loudness."""
        return self.integrated_lufs < NEAR_SILENCE_LUFS

    def metrics(self) -> dict[str, float | None]:
        """Spell it for a record, which has no infinities: None stands for silence."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def measure(context: NodeContext, path: Path, length_s: float) -> Loudness:
    """Measure a file of `length_s` seconds; one shorter than a gating block is measured in a loop."""
    said = context.run_tool(measure_argv(path, _loops(length_s)))
    found = _JSON.findall(said.replace("\n", " "))
    if not found:
        raise ToolFailed("ffmpeg's loudnorm gave no measures", tail=said[-500:])
    told = json.loads(found[-1])
    return Loudness(float(told["input_i"]), float(told["input_tp"]), float(told["input_lra"]))


def integrated_lufs(context: NodeContext, path: Path, length_s: float) -> float:
    """Measure the gated loudness alone, to 0.01 LU and in a fifth of loudnorm's time; -inf for what is never heard."""
    said = context.run_tool(integrated_argv(path, _loops(length_s)))
    found = _INTEGRATED.findall(said)
    if not found:
        raise ToolFailed("ffmpeg's ebur128 gave no measures", tail=said[-500:])
    told = float(found[-1])
    return told if told > _GATE_LUFS else -math.inf


def _loops(length_s: float) -> int:
    return 0 if length_s >= GATE_S else math.ceil(1 / max(length_s, 0.001))


def gain_db(found: Loudness, target_lufs: float, true_peak_db: float) -> float:
    """Give the gain that reaches the target, or as much of it as the true-peak ceiling leaves; 0 for near-silence."""
    if found.is_near_silence:
        return 0.0
    return min(target_lufs - found.integrated_lufs, true_peak_db - found.true_peak_dbtp)


def measure_argv(path: Path, loops: int = 0) -> list[str]:
    """Spell the measuring pass; it writes nothing."""
    return _spelled(_voice(path, loops).filter("loudnorm", print_format="json"))


def integrated_argv(path: Path, loops: int = 0) -> list[str]:
    """Spell the pass that measures the loudness so far at every tenth of a second; the last one counts."""
    measured = _voice(path, loops).filter("ebur128", metadata=1, framelog="verbose")
    return _spelled(measured.filter("ametadata", mode="print", key="lavfi.r128.I"))


def _voice(path: Path, loops: int = 0) -> Any:
    """Open a WAV, and as nothing else: a steady tone can look like a transport stream."""
    looped = {"stream_loop": loops} if loops else {}
    return ffmpeg.input(f"file:{path}", f="wav", **looped).audio


def _spelled(measured: Any) -> list[str]:
    spelled: list[str] = measured.output("-", format="null").compile(cmd=ffmpeg_path())
    return spelled


def apply_argv(path: Path, gain: float, made: Path) -> list[str]:
    """Spell the pass that applies a gain in dB and writes 16-bit PCM, the same bytes each time."""
    voice = _voice(path).filter("volume", f"{gain:.4f}dB", precision="float")
    output = voice.output(
        f"file:{made}",
        **{"c:a": "pcm_s16le", "fflags": "+bitexact", "flags:a": "+bitexact", "map_metadata": "-1"},
    )
    spelled: list[str] = output.overwrite_output().compile(cmd=ffmpeg_path())
    return spelled
