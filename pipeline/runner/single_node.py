"""Run one node without a job, with the same store, keys and executor calls as a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..config.checked_job import Job, Step
from ..config.load import output_path
from ..core.errors import PresetError, Problem
from ..core.nodes.registry import NodeInfo
from ..core.values import Media, Value
from ..executors.base import CallMonitor
from ..executors.local_executor import LocalExecutor
from ..jobs.budget import SpendingPolicy
from ..store.export import check_destination
from ..store.keys import digest
from ..store.store import Store
from .deliveries import deliver_result, delivery, file_targets, require_suffix
from .events import SilentWatcher, Watcher
from .external_inputs import ingest, require_providers, resolve_provider
from .scheduling.paid_steps import costs_money, find_segment, open_paid_steps
from .scheduling.step import StepRunner
from .scheduling.take_matrix import makes_takes, picked_inputs


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
    step = await _ingest(resolve_provider(_step(info, params)), store)
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
    await asyncio.to_thread(_deliver, step, value, store, sources, owner)
    return value


def _step(info: NodeInfo, params: Mapping[str, Any]) -> Step:
    try:
        checked = info.ports.params.model_validate(dict(params))
    except ValidationError as error:
        raise PresetError(
            [Problem(problem["msg"], ".".join(map(str, problem["loc"])), info.name) for problem in error.errors()]
        ) from error
    return Step(id=info.name, info=info, params=checked, wires={})


async def _ingest(step: Step, store: Store) -> Step:
    """Hash the step's files in a thread that can be stopped."""
    monitor = CallMonitor()
    try:
        return await asyncio.to_thread(ingest, step, store, lambda _share: monitor.check())
    except asyncio.CancelledError:
        monitor.stopped = True
        raise


def _check_output(step: Step, media: list[Media], store: Store, owner: str, sources: list[Path]) -> None:
    """Refuse an output path before anything runs."""
    path, how = output_path(step), delivery(step)
    if path is None:
        return
    if how == "film" and media:
        require_suffix(path, media[0].file.suffix)
    is_folder = how not in ("film", "file")
    check_destination(store, path, owner, replace=how == "package", sources=sources, folder=is_folder)


def _deliver(step: Step, value: Value | list[Value], store: Store, sources: list[Path], owner: str) -> None:
    path = output_path(step)
    if path is not None and delivery(step) == "file":
        for file, target in file_targets(value, path):
            if path.suffix and target != path:
                raise PresetError(f"out {path} does not end with {file.suffix}, the container that {step.id} writes")
    deliver_result(step, value, store, sources, owner, replace=False)
