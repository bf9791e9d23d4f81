"""Measure a command: CPU seconds with all its children, wall seconds, peak memory; and a preset for many films."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

LIGHT_PRESET = """
name: light
inputs:
  source: {kind: media, about: "a film"}
  edits: {kind: edits, about: "what to change"}
  out: {kind: path, default: "{source.stem}.light{source.suffix}", about: "the new film"}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits, handles: 4f}
  - transcode: {profile: react1}
  - normalize_audio: {target_lufs: -16}
  - upload:
  - react1:
  - conform:
  - splice: {out: $out, checks: {seam_delta_e: null}}
"""
"""Without `face` and `report`; a film of a stand-in for the model is not held to its seams."""


@dataclass(frozen=True)
class Cost:
    """The cost of one job."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str = ""
    """Its standard output."""

    def __add__(self, other: Cost) -> Cost:
        """Return the cost of both, run one after the other."""
        return Cost(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s, max(self.peak_mb, other.peak_mb))


def measure(argv: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; its own message is on standard error.
    """
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(argv[:4])} … exited with {process.returncode}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss / unit, output)


def row(name: str, cost: Cost, note: str = "", *, scaled: float = 1) -> str:
    """Return one line of a table; scaled values, which were not measured, have a `~`."""
    mark = "~" if scaled != 1 else " "
    times = f"{mark}{cost.cpu_s * scaled:8.2f} {mark}{cost.wall_s * scaled:8.2f} {cost.peak_mb:9.0f}"
    return f"  {name:<44}{times}   {note}"


HEAD = f"  {'':<44}{'CPU s':>9} {'wall s':>9} {'peak MB':>9}"
