"""Nodes and a complete film for the conformance suite of an executor.

The nodes wait in known places, and say which process they are in.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..pipeline.config.load import load_job
from ..pipeline.config.presets.preset_builder import PresetText
from ..pipeline.core.errors import CheckFailed, InputMediaError
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.nodes.registry import Registry, describe, load_registry
from ..pipeline.core.values import Media, Segment
from ..pipeline.executors.base import Executor
from ..pipeline.executors.choose_executor import SharedExecutors
from ..pipeline.jobs.connection import Hosts
from ..pipeline.runner.execute import Options, Shared, execute
from ..pipeline.store.store import Store

TOOL = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / f"tool-{os.getpid()}").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
"""
"""A tool that runs until the file `go` exists."""


class ProbeParams(Params):
    """What a probe does before it writes its text."""

    folder: str
    """Where it leaves files: `at-<kind>-<pid>` once it waits, `tool-<pid>` for a tool."""
    text: str = "take"
    waits: Literal["", "python", "tool", "stored"] = ""
    """Where it waits for the file `go`: in Python code, in a tool, or after it has stored its file."""
    end: Literal["", "input", "check", "unknown", "full", "crash"] = ""
    """How it fails at last."""


class Probe:
    """Write a text file, which is the result."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: ProbeParams) -> Media:
        """Wait and fail as the parameters say."""
        folder = Path(params.folder)
        path = context.temp_path("text.txt")
        path.write_text(params.text)
        (folder / f"at-{params.waits}-{os.getpid()}").touch()
        if params.waits == "tool":
            context.run_tool([sys.executable, "-c", TOOL, str(folder)])
        elif params.waits == "python":
            _wait(context, folder)
        _fail(params.end)
        media = Media(file=context.store(path), container="text", start_s=0, duration_s=1)
        if params.waits == "stored":
            _wait(context, folder)
        return media


class HoldParams(Params):
    """Where a call waits."""

    folder: str
    """It waits for the file `go` there, and leaves `at-hold-<pid>`."""


class Hold:
    """Return a segment unchanged; in a film's steps a call waits here to be killed with its worker."""

    name: ClassVar[str] = "hold"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: HoldParams, segment: Segment) -> Segment:
        """Wait, and return the segment."""
        folder = Path(params.folder)
        if not (folder / "go").exists():
            (folder / f"at-hold-{os.getpid()}").touch()
            _wait(context, folder)
        return segment


def _wait(context: NodeContext, folder: Path) -> None:
    while not (folder / "go").exists():
        context.progress(0.5)
        time.sleep(0.005)


def _fail(end: str) -> None:
    failures: dict[str, Any] = {
        "input": InputMediaError("no face here"),
        "check": CheckFailed("the joint shows", findings={"s01": "it does not fit"}),
        "unknown": ZeroDivisionError("an unexpected error"),
        "full": OSError(errno.ENOSPC, "No space left on device"),
    }
    if end == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if end:
        raise failures[end]


STEPS = """
name: suite
inputs:
  source: {kind: media}
  edits: {kind: edits}
  out: {kind: path}
  folder: {kind: text}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits, handles: 4f}
  - hold: {folder: $folder}
  - transcode
  - normalize_audio
  - upload
  - react1
  - conform
  - splice: {out: $out, checks: {seam_delta_e: null}}
"""


async def make_film(clip: Path, folder: Path, home: Path, executor: Executor | None = None) -> None:
    """Make `film.mp4` in a folder, whose file `go` lets the step `hold` go on; without an executor, by threads here."""
    registry = Registry({**load_registry().nodes, Hold.name: describe(Hold, "the conformance suite")})
    job = load_job(
        PresetText("suite", STEPS),
        registry=registry,
        sets={"source": str(clip), "folder": str(folder)},
        edits=["8f-14f:sad"],
        provider="fake",
        out=str(folder / "film.mp4"),
        base=folder,
    )
    executors = SharedExecutors(Store(home))
    executors.main = executor or executors.local
    try:
        async with Hosts() as hosts:
            await execute(job, Options(home, approved=True, shared=Shared(hosts, executors)))
    finally:
        await executors.local.aclose()
