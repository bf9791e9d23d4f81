"""Run a job from its first check to its last file.

Takes   a job, a home folder, and what the user allowed.
Gives   a `RunResult`; the film, the page and run.json are on disk.
Raises  PresetError before anything ran; every other React1Error with the run's folder telling of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Interrupted, React1Error
from ..executors.local import LocalExecutor
from ..kinds import Media, Report, Value
from ..preset.model import Job
from ..store.deliver import deliver
from ..store.keys import digest
from ..store.store import Store
from .deliveries import check_places, serve
from .events import RunStarted, Silent, Watcher
from .flow import Flow, make_record
from .hosts import require_hosts, settle_hosts
from .ingest import ingest
from .outcome import RunResult, said_by, segment_results
from .runs import RunFolder, new_run
from .step import StepRunner


@dataclass(frozen=True)
class Options:
    """What a run may do, and where it keeps its things."""

    home: Path
    replace: bool = False
    """Whether a file that stands where the result is wanted may be replaced (`--yes`)."""
    max_cost_usd: float | None = None
    watcher: Watcher = Silent()  # noqa: RUF009 it holds nothing
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


async def execute(job: Job, options: Options, run: RunFolder | None = None) -> RunResult:
    """Run a job; with `run`, carry on in that run's folder.

    Raises:
        PresetError: it cannot be run as it is; nothing ran.
        Interrupted: it was stopped; the message says how to resume.
        React1Error: a step failed.
    """
    job = settle_hosts(job)
    require_hosts(job)
    store = Store(options.home)
    owner = digest(job.document)
    check_places(job, store, owner, replace=options.replace)
    run = run or new_run(options.home, options.now())
    run.write(run=run.name, status="running", process=os.getpid(), created=options.now().isoformat(timespec="seconds"))
    run.write(what=job.name, document=job.document, replace=options.replace)
    options.watcher.on(RunStarted(run.name))
    try:
        result = await _run(job, options, run, store, owner)
    except (Interrupted, asyncio.CancelledError) as stopped:
        run.write(status="interrupted")
        raise _of_run(Interrupted(f"stopped; carry on with: react1 resume {run.name}"), run) from stopped
    except React1Error as error:
        _of_run(error, run)
        run.write(status="failed", error=str(error), exit_status=error.exit_status)
        raise
    except BaseException:
        run.write(status="failed", error="a fault of react1 itself", exit_status=1)
        raise
    run.write(status=result.status, result=result.to_json(), said=list(result.said))
    return result


def _of_run(error: React1Error, run: RunFolder) -> React1Error:
    error.run = run.name
    return error


async def _run(job: Job, options: Options, run: RunFolder, store: Store, owner: str) -> RunResult:
    await asyncio.to_thread(store.sweep)
    with _stop_on_signals():
        steps = [await asyncio.to_thread(ingest, step, store) for step in job.steps]
        job = replace(job, steps=tuple(steps))
        runner = StepRunner(store, options.watcher, job.name)
        executor = LocalExecutor(store, runner.moved)
        runner.executor = executor
        flow = Flow(job, runner, run.name)
        try:
            await flow.run()
        finally:
            await executor.aclose()
        return await asyncio.to_thread(_finish, job, run, store, owner, flow)


def _finish(job: Job, run: RunFolder, store: Store, owner: str, flow: Flow) -> RunResult:
    places = {step.id: serve(step, flow.results[step.id], store, owner) for step in job.steps}
    told = make_record(run.name, job, job.steps, flow.results, flow.records)
    page = _page(run, store, list(flow.results.values()))
    takes, segments = list(told.takes), list(told.segments)
    paid = next((step.id for step in job.steps if step.info.cls.kind == "paid"), None)
    results = segment_results(segments, takes, flow.records, paid)
    kept = any(segment.status == "original" for segment in results)
    return RunResult(
        run=run.name,
        status="kept-original" if kept else "done",
        output=_output(job, places, flow.results, store),
        report=page,
        cost_usd=sum(segment.cost_usd for segment in results),
        segments=results,
        checks=dict(told.film.figures.get("splice", {})) if told.film else {},
        said=said_by(told.film, segments, takes),
    )


def _output(
    job: Job, places: dict[str, Path | None], results: dict[str, Value | list[Value]], store: Store
) -> Path | None:
    """Give the place of the last film or folder that the user wanted; else where the store keeps the last film."""
    wanted = [place for step in job.steps if (place := places[step.id]) and step.info.ports.gives is not Report]
    if wanted:
        return wanted[-1]
    films = [value for value in results.values() if isinstance(value, Media)]
    return store.path(films[-1].file) if len(films) > 1 else None


def _page(run: RunFolder, store: Store, results: list[Value | list[Value]]) -> Path | None:
    reports = [value for value in results if isinstance(value, Report)]
    if not reports:
        return None
    deliver(store, reports[-1].data, run.folder / "report.json", run.name)
    deliver(store, reports[-1].page, run.folder / "report.html", run.name)
    return run.folder / "report.html"


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Make Ctrl-C and a polite kill stop the run cleanly; only the main thread may ask for signals."""
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or task is None:
        yield
        return
    loop = asyncio.get_running_loop()
    names = (signal.SIGINT, signal.SIGTERM)
    for name in names:
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, task.cancel)
    try:
        yield
    finally:
        for name in names:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
