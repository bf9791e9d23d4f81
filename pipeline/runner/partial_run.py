"""Run less than a job: one node alone, or the steps before a choice of a face.

Both use the store, the keys and the executor calls of a run, so that a run of the same job reuses what was made.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..config.checked_job import Job, Step, output_path
from ..core.errors import PresetError, Problem
from ..core.nodes.node import NodeContext
from ..core.nodes.registry import NodeInfo
from ..core.values import Media, Segment, Value
from ..executors.base import CallMonitor, StoreContext
from ..executors.local_executor import LocalExecutor
from ..jobs.budget import SpendingPolicy
from ..store.export import check_destination
from ..store.keys import digest
from ..store.store import Store
from .deliveries import deliver_result, delivery, file_targets, require_suffix
from .events import SilentWatcher, Watcher
from .execute import Options, in_stoppable_thread, ingest_stoppable
from .external_inputs import require_providers, resolve_provider, resolve_providers
from .scheduling.paid_steps import costs_money, find_segment, open_paid_steps
from .scheduling.scheduler import Scheduler
from .scheduling.step import StepRunner, as_list, key_parts
from .scheduling.take_matrix import extract_picks, makes_takes, picked_inputs, reads_face


async def run_single(
    info: NodeInfo,
    params: Mapping[str, Any],
    inputs: Mapping[str, Value | list[Value] | None],
    store: Store,
    policy: SpendingPolicy | None = None,
    watcher: Watcher | None = None,
) -> Value | list[Value]:
    """Return the result of one node, from the store if it is there; a paid call needs a `policy` that allows it.

    A file at the node's `out` is replaced only if an earlier call wrote it from the same films. When this is
    cancelled, everything that it started has ended.

    Raises:
        PresetError: the node refuses the parameters, or `out` would overwrite something.
        React1Error: what the node raises.
    """
    watcher = watcher or SilentWatcher()
    step = await ingest_stoppable(resolve_provider(_step(info, params)), store, SilentWatcher())
    if makes_takes(step):
        inputs = picked_inputs(inputs)
    media = [item for item in inputs.values() if isinstance(item, Media)]
    sources = [store.path(item.file) for item in media]
    owner = digest([info.name, [item.file.digest for item in media]])
    _check_output(step, media, store, owner, sources)
    job = Job(step.id, "", (step,), {}, {})
    if costs_money(step):
        require_providers(job)
    async with open_paid_steps(job, store, policy or SpendingPolicy(), "", watcher) as paid_steps:
        runner = StepRunner(store, watcher, job.name, paid_steps)
        runner.executor = runner.local_executor = LocalExecutor(store, runner.report_progress)
        try:
            if paid_steps is not None:
                await runner.check_all(step, [inputs], fail_fast=True)
            segment = find_segment(inputs.values())
            value, _ = await runner.run(step, segment.name if segment else "", inputs)
        finally:
            await runner.executor.aclose()
    await in_stoppable_thread(partial(_deliver, step, value, store, sources, owner, watcher))
    return value


def _step(info: NodeInfo, params: Mapping[str, Any]) -> Step:
    try:
        checked = info.ports.params.model_validate(dict(params))
    except ValidationError as error:
        raise PresetError(
            [Problem(problem["msg"], ".".join(map(str, problem["loc"])), info.name) for problem in error.errors()]
        ) from error
    return Step(id=info.name, info=info, params=checked, wires={})


def _check_output(step: Step, media: list[Media], store: Store, owner: str, sources: list[Path]) -> None:
    """Refuse an output path before anything runs."""
    path, how = output_path(step), delivery(step)
    if path is None:
        return
    if how == "film" and media:
        require_suffix(path, media[0].file.suffix)
    is_folder = how not in ("film", "file")
    check_destination(store, path, owner, replace=how == "package", sources=sources, folder=is_folder)


def _deliver(
    step: Step, value: Value | list[Value], store: Store, sources: list[Path], owner: str, watcher: Watcher
) -> None:
    path = output_path(step)
    if path is not None and delivery(step) == "file":
        for file, target in file_targets(value, path):
            if path.suffix and target != path:
                raise PresetError(f"out {path} does not end with {file.suffix}, the container that {step.id} writes")
    deliver_result(step, value, store, sources, owner, replace=False, watcher=watcher)


Result = TypeVar("Result")
_LONGEST_S = 24 * 3600.0


StoredChoice = Callable[[Segment], Segment | None]
"""Returns the segment with the faces that an earlier run has chosen, which a run uses again; None if there is none."""


def with_prepared_segments(
    job: Job, options: Options, use: Callable[[NodeContext, list[Segment], StoredChoice], Result]
) -> Result:
    """Run the steps of a job before its step `face`, and call `use` with a context, the segments and stored choices.

    What is made is stored, and a run of the same job uses it.

    Raises:
        PresetError: the job has no such step.
        React1Error: a step failed.
    """
    job = resolve_providers(job)
    place = next((at for at, step in enumerate(job.steps) if reads_face(step)), None)
    if place is None:
        raise PresetError(f"{job.name} has no step face, which chooses one; add it before `upload`")
    face_step, job = job.steps[place], replace(job, steps=job.steps[:place])
    with contextlib.closing(Store(options.home)) as store:
        segments = asyncio.run(_prepare(job, options, store))
        context = StoreContext(store, CallMonitor(), time.monotonic() + _LONGEST_S)
        with contextlib.closing(context):
            return use(context, segments, lambda segment: _stored_choice(store, face_step, segment))


def _stored_choice(store: Store, step: Step, segment: Segment) -> Segment | None:
    """Return the stored result of the step that chooses faces, for any kind of provider."""
    (port,) = step.info.ports.inputs
    for host_chooses in (None, False, True):
        params = step.params.model_copy(update={"host_chooses": host_chooses})
        stored = store.result(digest(key_parts(replace(step, params=params), {port.name: segment})))
        with contextlib.suppress(ValidationError):
            if stored is not None:
                return Segment.model_validate(stored["value"])
    return None


async def _prepare(job: Job, options: Options, store: Store) -> list[Segment]:
    await asyncio.to_thread(store.sweep)
    job = replace(job, steps=tuple([await ingest_stoppable(step, store, SilentWatcher()) for step in job.steps]))
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
