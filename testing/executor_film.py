"""A complete film for the conformance suite of an executor."""

from __future__ import annotations

from pathlib import Path

from ..pipeline.config.load import load_job
from ..pipeline.config.presets.preset_builder import PresetText
from ..pipeline.core.nodes.registry import Registry, describe, load_registry
from ..pipeline.executors.base import Executor
from ..pipeline.executors.choose_executor import SharedExecutors
from ..pipeline.jobs.connection import Hosts
from ..pipeline.runner.execute import Options, Shared, execute
from ..pipeline.store.store import Store
from .executor_nodes import Hold

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
