"""Run a job from its first check to its last file.

Takes   a job, a home folder, and what the user allowed.
Gives   a `RunResult`; the film, the page and run.json are on disk.
Raises  PresetError before anything ran; every other React1Error with the run's folder telling of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..config.checked_job import Job, Step
from ..core.errors import InternalError, Interrupted, React1Error
from ..core.values import Media, Report, Turnover, Value
from ..executors.base import CallMonitor
from ..executors.local_executor import LocalExecutor
from ..jobs.budget import Estimate, SpendingPolicy
from ..store.atomic import write_text
from ..store.export import export
from ..store.store import Store
from .deliveries import check_outputs, deliver_result, source_paths
from .events import RunStarted, SilentWatcher, StepMoved, Watcher
from .external_inputs import ingest, require_providers, resolve_providers
from .outcome import RunResult, collect_notes, run_status, segment_results
from .paid_steps import open_paid_steps, spent_usd
from .record import make_record
from .run_folder import RunFolder, new_run
from .scheduler import Scheduler
from .step import StepRunner
from .take_matrix import extract_picks, job_owner


@dataclass(frozen=True)
class Options:
    """What a run may do, and where it keeps its things."""

    home: Path
    replace: bool = False
    """Whether a file that stands where the result is wanted may be replaced (`--yes`)."""
    max_cost_usd: float | None = None
    agreed: bool = False
    """Whether calls that cost money may be made unasked (`--yes`)."""
    ask: Callable[[Estimate], bool] | None = None
    """Shows what would be spent to somebody, and gives the answer; None where nobody is there."""
    watcher: Watcher = SilentWatcher()  # noqa: RUF009 it holds nothing
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


async def execute(job: Job, options: Options, run: RunFolder | None = None) -> RunResult:
    """Run a job; with `run`, carry on in that run's folder.

    Raises:
        PresetError: it cannot be run as it is; nothing ran.
        Interrupted: it was stopped; the message says how to resume.
        React1Error: a step failed.
    """
    job = resolve_providers(job)
    require_providers(job)
    store = Store(options.home)
    owner = job_owner(job.document)
    check_outputs(job, store, owner, replace=options.replace)
    run = run or new_run(options.home, options.now())
    with contextlib.closing(run.hold()), contextlib.closing(store):
        run.begin(options.now(), what=job.name, document=job.document, replace=options.replace, agreed=options.agreed)
        options.watcher.on(RunStarted(run.name))
        try:
            result = await _run(job, options, run, store, owner)
        except BaseException as error:
            told = _told(error, run)
            spent_usd = await asyncio.to_thread(spent_usd, options.home, run.name)
            if isinstance(told, React1Error):
                told.cost_usd = spent_usd
            run.write(
                cost_usd=spent_usd,
                status="interrupted" if isinstance(told, Interrupted) else "failed",
                **_facts(told, run),
            )
            if told is error:
                raise
            raise told from error
        run.write(status=result.status, result=result.to_json(), notes=list(result.notes), error=None)
    return result


def _told(error: BaseException, run: RunFolder) -> BaseException:
    """Give a failure with the run's name; what stopped the run tells how to go on."""
    if isinstance(error, (Interrupted, asyncio.CancelledError, KeyboardInterrupt)):
        error = Interrupted(f"stopped; carry on with: react1 resume {run.name}")
    if isinstance(error, React1Error):
        error.run = run.name
    return error


def _facts(error: BaseException, run: RunFolder) -> dict[str, Any]:
    """Tell run.json of a failure, and write down the details of one that is somebody's fault."""
    status = error.exit_status if isinstance(error, React1Error) else 1
    if not isinstance(error, React1Error) or isinstance(error, InternalError):
        with contextlib.suppress(React1Error):
            write_text(run.folder / "fault.txt", "".join(traceback.format_exception(error)))
    return {"error": str(error) or type(error).__name__, "exit_status": status}


async def _run(job: Job, options: Options, run: RunFolder, store: Store, owner: str) -> RunResult:
    await asyncio.to_thread(store.sweep)
    with _stop_on_signals():
        sources = source_paths(job)
        job = replace(job, steps=tuple([await _ingest(step, store, options.watcher) for step in job.steps]))
        job, picks = extract_picks(job)
        async with open_paid_steps(job, store, terms(options), run.name, options.watcher) as paying:
            runner = StepRunner(store, options.watcher, job.name, paying)
            executor = LocalExecutor(store, runner.moved)
            runner.executor = executor
            flow = Scheduler(job, runner, run.name, picks)
            try:
                await flow.run()
            finally:
                await executor.aclose()
        run.write(choices=[offer.to_json() for offer in flow.offers.values()])
        places = {}
        for step in job.steps:
            if flow.waiting and step.info.ports.output is not Report:
                continue  # nothing of a film is delivered before every choice was made
            serving = partial(deliver_result, step, flow.results[step.id], store, sources, owner, replace=options.replace)
            places[step.id] = await asyncio.to_thread(serving)
        return await asyncio.to_thread(_finish, job, run, store, places, flow)


def terms(options: Options) -> SpendingPolicy:
    """Give what the user has allowed to be spent."""
    return SpendingPolicy(options.max_cost_usd, options.agreed, options.ask)


async def _ingest(step: Step, store: Store, watcher: Watcher) -> Step:
    """Hash a step's files in a thread that can be stopped."""
    watch = CallMonitor(lambda share: watcher.on(StepMoved(step.id, "", share)))

    def go_on(share: float) -> None:
        watch.check()
        watch.report(share)

    try:
        return await asyncio.to_thread(ingest, step, store, go_on)
    except asyncio.CancelledError:
        watch.stopped = True
        raise


def _finish(job: Job, run: RunFolder, store: Store, places: dict[str, Path | None], flow: Scheduler) -> RunResult:
    told = make_record(run.name, job, job.steps, flow.results, flow.records, flow.waiting)
    page = _page(run, store, list(flow.results.values()))
    paid = next((step.id for step in job.steps if step.info.cls.workload == "paid"), None)
    results = segment_results(told, flow.records, paid)
    return RunResult(
        run=run.name,
        status=run_status(results),
        output=None if flow.waiting else _output(job, places, flow.results, store),
        report=page,
        cost_usd=sum(segment.cost_usd for segment in results),
        segments=results,
        checks=dict(told.film.metrics.get("splice", {})) if told.film else {},
        notes=collect_notes(told),
    )


def _output(
    job: Job, places: dict[str, Path | None], results: dict[str, Value | list[Value]], store: Store
) -> Path | None:
    """Give the place of the last film or folder that the user wanted; else where the store keeps the last film."""
    wanted = [(step.info.ports.output, place) for step in job.steps if (place := places.get(step.id))]
    for beside in ((Report, Turnover), (Report,)):  # what goes with a film is named only where there is no film
        if found := [place for gives, place in wanted if gives not in beside]:
            return found[-1]
    films = [value for value in results.values() if isinstance(value, Media)]
    return store.path(films[-1].file) if len(films) > 1 else None


def _page(run: RunFolder, store: Store, results: list[Value | list[Value]]) -> Path | None:
    reports = [value for value in results if isinstance(value, Report)]
    if not reports:
        return None
    export(store, reports[-1].data, run.folder / "report.json", run.name)
    export(store, reports[-1].page, run.folder / "report.html", run.name)
    for name, sheet in reports[-1].sheets.items():
        export(store, sheet, run.folder / name, run.name)
    return run.folder / "report.html"


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Make Ctrl-C and a polite kill stop the run cleanly; only the main thread may ask for signals."""
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or task is None:
        yield
        return
    loop = asyncio.get_running_loop()
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for name in before:
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, task.cancel)
    try:
        yield
    finally:
        for name, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
            signal.signal(name, signal.SIG_DFL if handler is None else handler)
