"""Prepare the segments of a job up to the choice of a face, with the store and the keys of a run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ...config.checked_job import Job
from ...core.errors import PresetError
from ...core.nodes.node import NodeContext
from ...core.values import Segment
from ...executors.base import CallMonitor, StoreContext
from ...executors.local_executor import LocalExecutor
from ...store.store import Store
from ..execute import Options
from ..external_inputs import ingest, resolve_providers
from ..scheduling.scheduler import Scheduler
from ..scheduling.step import StepRunner, as_list
from ..scheduling.take_matrix import extract_picks

Result = TypeVar("Result")
_LONGEST_S = 24 * 3600.0


def with_prepared_segments(job: Job, options: Options, use: Callable[[NodeContext, list[Segment]], Result]) -> Result:
    """Run the steps of a job before its step `face`, and call `use` with a context and the segments.

    What is made is stored, and a run of the same job uses it.

    Raises:
        PresetError: the job has no such step.
        React1Error: a step failed.
    """
    before = [step for step in job.steps if getattr(step.info.cls, "reads_face", False)]
    if not before:
        raise PresetError(f"{job.name} has no step face, which chooses one; add it before `upload`")
    job = resolve_providers(job)
    job = replace(job, steps=tuple(step for step in job.steps[: [step.id for step in job.steps].index(before[0].id)]))
    with contextlib.closing(Store(options.home)) as store:
        segments = asyncio.run(_prepare(job, options, store))
        context = StoreContext(store, CallMonitor(), time.monotonic() + _LONGEST_S)
        with contextlib.closing(context):
            return use(context, segments)


async def _prepare(job: Job, options: Options, store: Store) -> list[Segment]:
    await asyncio.to_thread(store.sweep)
    job = replace(job, steps=tuple([await asyncio.to_thread(ingest, step, store) for step in job.steps]))
    job, picks = extract_picks(job)
    runner = StepRunner(store, options.watcher, job.name)
    runner.executor = runner.local_executor = LocalExecutor(store, runner.report_progress)
    scheduler = Scheduler(job, runner, "", picks)
    try:
        await scheduler.run()
    finally:
        await runner.executor.aclose()
    results = as_list(scheduler.results[job.steps[-1].id])
    return [value for value in results if isinstance(value, Segment)]
