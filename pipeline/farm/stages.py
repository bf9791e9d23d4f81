"""The stages of a job on a farm: what runs once, what runs once per segment, and what pays.

Each stage is one `react1 run` that ends at a step; a shared store carries the results from one to the next, so that a
stage computes only its own steps. A stage that pays has one task, and every other one may not spend anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from ..config.checked_job import Job, Step
from ..core.errors import PresetError
from ..core.nodes.node import Need, need_of
from ..runner.external_inputs import resolve_providers
from ..runner.planning.plan import PlannedStep
from ..runner.scheduling.paid_steps import costs_money

Kind = Literal["film", "segments", "takes"]
_NAMES: dict[Kind, str] = {"film": "Film", "segments": "Segments", "takes": "Takes"}


@dataclass(frozen=True)
class Stage:
    """Some steps of a job in a row, as one step of the farm."""

    name: str
    kind: Kind
    """`film`: one task; `segments`: one task per segment; `takes`: one task, which alone may pay."""
    until: str
    """The last step; empty for the complete job."""
    need: Need
    """What one task takes."""


@dataclass(frozen=True)
class FarmJob:
    """A job in stages, each of which waits for the one before."""

    name: str
    file: str
    """The absolute path of the job, the same on every machine."""
    stages: tuple[Stage, ...]
    segments: tuple[str, ...]
    store: str
    home: str
    """The home folder of the task that pays; a retry on another machine must find its ledger there."""
    max_cost_usd: float
    provider: str = ""
    """The provider that every task names; empty: the job's."""


def farm_job(
    job: Job, rows: Sequence[PlannedStep], *, file: str, store: str, home: str, max_cost: float, provider: str = ""
) -> FarmJob:
    """Divide a job into stages; `rows` is its plan.

    Raises:
        PresetError: the segments are not known, or the store is not one that machines share.
    """
    if not store:
        raise PresetError("the machines of a farm share a store: give --store s3://bucket/prefix or a folder")
    steps = resolve_providers(job).steps
    segments = tuple(dict.fromkeys(row.segment for row in rows if row.segment))
    if not segments and any(step.fanned for step in steps):
        raise PresetError(
            "the segments are not known before the film is fetched; run `react1 run JOB --until trim` first"
        )
    return FarmJob(job.name, file, tuple(_named(list(_stages(steps)))), segments, store, home, max_cost, provider)


def _stages(steps: Sequence[Step]) -> Iterator[Stage]:
    for kind, group in groupby(steps, _kind):
        members = list(group)
        needs = [need_of(step.info.cls) for step in members]
        need = Need(
            cores=max(1, *(need.cores for need in needs)),
            memory_mb=max(need.memory_mb for need in needs),
            scratch_mb=max(need.scratch_mb for need in needs),
            gpus=max(need.gpus for need in needs),
            labels=tuple(sorted({label for need in needs for label in need.labels})),
        )
        yield Stage("", kind, "" if members[-1] is steps[-1] else members[-1].id, need)


def _kind(step: Step) -> Kind:
    if costs_money(step):
        return "takes"
    return "segments" if step.fanned else "film"


def _named(stages: Sequence[Stage]) -> Iterator[Stage]:
    """Name the stages by their kind and number, such as `Segments2`."""
    for number, stage in enumerate(stages, 1):
        yield replace(stage, name=f"{_NAMES[stage.kind]}{number}")


def command(farm: FarmJob, stage: Stage, segment: str, job: str, max_cost: str) -> list[str]:
    """Return the command of one task; `segment`, `job` and `max_cost` may be variables of the farm."""
    argv = ["react1", "run", job, "--quiet", "--replace"]
    if farm.provider:
        argv += ["--provider", farm.provider]
    if stage.until:
        argv += ["--until", stage.until]
    if stage.kind == "segments":
        argv += ["--segment", segment]
    if stage.kind == "takes":
        return [*argv, "--pay", "--max-cost", max_cost]
    return [*argv, "--max-cost", "0"]
