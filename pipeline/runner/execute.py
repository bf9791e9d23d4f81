"""Run a job from the first check to the last file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..config.checked_job import Job, Step
from ..core.cancellation import raise_if_stopped, stop_checked_by
from ..core.errors import InternalError, Interrupted, React1Error, StorageFailed
from ..core.file import File
from ..core.values import Media, Record, Report, Value
from ..executors.base import CallMonitor
from ..executors.choose_executor import SharedExecutors, open_executors
from ..interchange.readers import TIMELINES
from ..jobs.budget import Estimate, SpendingPolicy, runs_usd
from ..jobs.ledger import Ledger
from ..splicing.pictures.kept_changes import keeping_changes
from ..store.atomic import write_text
from ..store.export import export
from ..store.store import Store
from .deliveries import Delivered, check_outputs, deliver_result, delivery, source_paths
from .events import RunEnded, RunStarted, SilentWatcher, StepMoved, Watcher, log_event
from .external_inputs import ingest, require_providers, resolve_providers
from .observe import ObservedEvents
from .run_records.housekeeping import prune_to_limit, release_intermediates
from .run_records.outcome import RunResult, collect_notes, run_status, segment_results
from .run_records.run_folder import RunFolder, new_run
from .scheduling.paid_steps import open_paid_steps, spent_usd
from .scheduling.scheduler import Scheduler
from .scheduling.step import StepRunner, as_list, joins_takes, make_record
from .scheduling.take_matrix import extract_picks, job_owner, makes_takes

if TYPE_CHECKING:
    from ..jobs.connection import Hosts


T = TypeVar("T")


@dataclass(frozen=True)
class Shared:
    """What the runs of one process share: one pace per host, one budget, one set of workers."""

    hosts: Hosts
    executors: SharedExecutors


@dataclass(frozen=True)
class Options:
    """What a run may do, and where it keeps its data."""

    home: Path
    replace: bool = False
    """Whether an existing file at an output path may be replaced (`--replace`)."""
    max_cost_usd: float | None = None
    own_limit_usd: float | None = None
    """The limit that a resume keeps: `--max-cost`; REACT1_MAX_COST is read again then."""
    spent_usd: float | None = None
    """What was spent of `max_cost_usd` before; None for what the ledger has of the run."""
    approved: bool = False
    """Whether money may be spent without a question (`--pay`)."""
    confirm: Callable[[Estimate], bool] | None = None
    """Shows the estimate to the user and returns the answer; None if there is nobody to ask."""
    only: str = ""
    """The segment, by its name or as `@N`, to which the steps that run per segment are limited."""
    watcher: Watcher = SilentWatcher()  # noqa: RUF009 it has no state
    shared: Shared | None = None
    """What it shares with other runs of this process; they are stopped together, by their owner."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


async def execute(job: Job, options: Options, run: RunFolder | None = None) -> RunResult:
    """Run a job; with `run`, resume it in that run's folder.

    Raises:
        PresetError: the job cannot run; nothing ran.
        Interrupted: the run was stopped; the message says how to resume it.
        React1Error: a step failed; run.json says which.
    """
    job = resolve_providers(job)
    require_providers(job)
    observed = ObservedEvents(job, options.watcher)
    options = replace(options, watcher=observed)
    store = Store(options.home)
    owner = job_owner(job.document)
    check_outputs(job, store, owner, replace=options.replace)
    if options.shared is None:
        SharedExecutors(store)  # refuses a wrong setting; starts nothing
    is_new, run = run is None, run or new_run(options.home, options.now())
    with contextlib.closing(run.lock()), contextlib.closing(store):
        earlier_usd, _ = (0.0, 0.0) if is_new else await asyncio.to_thread(spent_usd, options.home, run.name)
        run.begin(
            options.now(),
            what=job.name,
            document=job.document,
            replace=options.replace,
            agreed=options.approved,
            max_cost_usd=options.own_limit_usd,
            only=options.only,
        )
        options.watcher.on(RunStarted(run.name))
        try:
            result = await _run(job, options, run, store, owner)
        except BaseException as error:
            failure = _convert_error(error, run)
            status, cost_usd = "interrupted" if isinstance(failure, Interrupted) else "failed", 0.0
            with contextlib.suppress(StorageFailed):  # on a full disk the failure says more, such as which job is kept
                cost_usd = round(sum(await asyncio.to_thread(spent_usd, options.home, run.name)), 6)
                run.write(cost_usd=cost_usd, status=status, **_describe_failure(failure, run))
            if isinstance(failure, React1Error):
                failure.cost_usd = cost_usd
            log_event(logging.ERROR, "run_failed", run=run.name, error=str(failure), cost_usd=cost_usd)
            await asyncio.to_thread(observed.ended, status, cost_usd, failure)
            if failure is error:
                raise
            raise failure from error
        takes_usd, failures_usd = await asyncio.to_thread(spent_usd, options.home, run.name)
        # The result lacks takes that were paid for and not used; the ledger counts jobs for the run that began them.
        new_usd = max(result.cost_usd, takes_usd - earlier_usd)
        result = replace(result, cost_usd=round(earlier_usd + new_usd + failures_usd, 6))
        log_event(logging.INFO, "run_ended", run=run.name, status=result.status, cost_usd=result.cost_usd)
        run.write(status=result.status, result=result.to_json(), notes=list(result.notes))
        await asyncio.to_thread(observed.ended, result.status, result.cost_usd)
    await asyncio.to_thread(prune_to_limit, options.home, options.watcher)
    return result


def _convert_error(error: BaseException, run: RunFolder) -> BaseException:
    """Add the run's name to an error, and convert a stop into `Interrupted` with the command that resumes it."""
    if isinstance(error, (Interrupted, asyncio.CancelledError, KeyboardInterrupt)):
        reason = error.message if isinstance(error, Interrupted) else "stopped"
        error = Interrupted(f"{reason}; resume with: react1 resume {run.name}")
    if isinstance(error, React1Error):
        error.run = run.name
    return error


def _describe_failure(error: BaseException, run: RunFolder) -> dict[str, Any]:
    """Return the entries for run.json, and write the traceback of an internal error into the run's folder."""
    status = error.exit_status if isinstance(error, React1Error) else 1
    if not isinstance(error, React1Error) or isinstance(error, InternalError):
        with contextlib.suppress(React1Error):
            write_text(run.folder / "fault.txt", "".join(traceback.format_exception(error)))
    return {"error": str(error) or type(error).__name__, "exit_status": status}


async def _run(job: Job, options: Options, run: RunFolder, store: Store, owner: str) -> RunResult:
    await asyncio.to_thread(store.sweep)
    shared = options.shared
    with stop_on_signals() if shared is None else contextlib.nullcontext():
        sources = source_paths(job)
        job = replace(job, steps=tuple([await ingest_stoppable(step, store, options.watcher) for step in job.steps]))
        job, picks = extract_picks(job)
        hosts, executors = (shared.hosts, shared.executors) if shared else (None, None)
        policy = await asyncio.to_thread(_spending_policy, options, run.name)
        async with open_paid_steps(job, store, policy, run.name, options.watcher, hosts) as paid_steps:
            runner = StepRunner(store, options.watcher, job.name, paid_steps, run.add_key)
            scheduler = Scheduler(job, runner, run.name, picks, options.only)
            with keeping_changes():
                async with open_executors(store, runner.report_progress, executors) as opened:
                    runner.executor, runner.local_executor = opened.main, opened.local
                    await scheduler.run()
        run.write(choices=[offer.to_json() for offer in scheduler.offers.values()])
        delivered: dict[str, Delivered] = {}
        for step in job.steps:
            if scheduler.waiting and delivery(step) != "page":
                continue  # no part of a film is delivered before every choice is made
            result = scheduler.results[step.id]
            deliver = partial(deliver_result, step, result, store, sources, owner, replace=options.replace)
            delivered[step.id] = await in_stoppable_thread(partial(deliver, watcher=options.watcher))
        record = make_record(run.name, job, job.steps, scheduler.results, scheduler.records, scheduler.waiting)
        options.watcher.on(RunEnded(record))
        outcome = await in_stoppable_thread(partial(_finish, job, run, store, delivered, scheduler, record))
        if record.film is not None and not scheduler.waiting:
            reproducible = {step.id for step in job.steps if getattr(step.info.cls, "reproducible", False)}
            keys = [each.key for each in scheduler.records if each.step in reproducible]
            await asyncio.to_thread(release_intermediates, options.home, store, run, keys)
        return outcome


def _spending_policy(options: Options, run: str) -> SpendingPolicy:
    """Return what the user allows to be spent by a run."""
    spent = options.spent_usd
    if spent is None and options.max_cost_usd is not None:
        spent = runs_usd(Ledger(options.home), {run})
    return SpendingPolicy(options.max_cost_usd, options.approved, options.confirm, spent_usd=spent or 0.0)


async def in_stoppable_thread(work: Callable[[], T]) -> T:
    """Do `work` in a thread; when the task is cancelled, `raise_if_stopped` raises there.

    The event loop waits for its threads when it closes, so a thread that does not ask keeps a stopped run alive.
    """
    monitor = CallMonitor()
    try:
        with stop_checked_by(monitor.check):
            return await asyncio.to_thread(work)
    except asyncio.CancelledError:
        monitor.stopped = True
        raise


async def ingest_stoppable(step: Step, store: Store, watcher: Watcher) -> Step:
    """Hash a step's files in a thread that can be stopped."""

    def report(share: float) -> None:
        raise_if_stopped()
        watcher.on(StepMoved(step.id, "", share))

    return await in_stoppable_thread(partial(ingest, step, store, report))


def _finish(
    job: Job, run: RunFolder, store: Store, delivered: Mapping[str, Delivered], scheduler: Scheduler, record: Record
) -> RunResult:
    paths = {name: written.path for name, written in delivered.items()}
    packages = [written for step in job.steps if delivery(step) == "package" and (written := delivered.get(step.id))]
    output = None if scheduler.waiting else _output(job, paths, scheduler.results, store)
    page = _write_page(run, store, list(scheduler.results.values()), output if record.film else None)
    takes_step = next((step.id for step in job.steps if makes_takes(step)), None)
    segments = segment_results(record, scheduler.records, takes_step)
    run.write(consents=consents(record))
    film, spliced = (output if record.film else None), not job.until or record.film is not None
    segments = tuple(
        segment.with_files(film, record, partial(_lasting_path, store), spliced=spliced) for segment in segments
    )
    return RunResult(
        run=run.name,
        status=run_status(segments),
        output=output,
        report=page,
        cost_usd=sum(segment.cost_usd for segment in segments),
        segments=segments,
        checks=_checks(job, scheduler.results, record),
        notes=tuple(dict.fromkeys((*job.notes, *collect_notes(record)))),
        turnover=packages[-1].path if packages else None,
        timelines=tuple(path for path in packages[-1].files if path.suffix in TIMELINES) if packages else (),
        until=job.until,
    )


def _lasting_path(store: Store, file: File) -> Path:
    """Return a path that a user may keep: its content is not released any more."""
    path = store.path(file)
    store.recipes.drop(file)
    return path


def consents(record: Record) -> dict[str, dict[str, str]]:
    """Return who consented to which segment, by its name; documents by their digest."""
    of_segments = {segment.name: segment.edit.consent for segment in record.segments}
    return {name: consent.to_record() for name, consent in of_segments.items() if consent is not None}


def _checks(job: Job, results: Mapping[str, Value | list[Value]], record: Record) -> dict[str, Any]:
    """Return the metrics of the film under the names of the nodes that made it."""
    nodes = [step.info.name for step in job.steps if joins_takes(step) and as_list(results[step.id])]
    film = record.film
    return {key: value for node in nodes for key, value in film.metrics.get(node, {}).items()} if film else {}


def _output(
    job: Job, paths: Mapping[str, Path | None], results: Mapping[str, Value | list[Value]], store: Store
) -> Path | None:
    """Return the path of the last delivered film or folder, else of the last film in the store."""
    delivered = [(delivery(step), path) for step in job.steps if (path := paths.get(step.id))]
    for companions in (("page", "package"), ("page",)):  # companions of a film count only if there is no film
        if main := [path for how, path in delivered if how not in companions]:
            return main[-1]
    films = [value for value in results.values() if isinstance(value, Media)]
    return store.path(films[-1].file) if len(films) > 1 else None


def _write_page(run: RunFolder, store: Store, results: list[Value | list[Value]], film: Path | None) -> Path | None:
    """Write the last report into the run's folder, with a link to the film."""
    reports = [value for value in results if isinstance(value, Report)]
    if not reports:
        return None
    export(store, reports[-1].data, run.folder / "report.json", run.name)
    if film is not None and film.is_file():
        from ..report.film_link import with_film_link

        text = store.path(reports[-1].page).read_text("utf-8")
        write_text(run.folder / "report.html", with_film_link(text, film))
    else:
        export(store, reports[-1].page, run.folder / "report.html", run.name)
    for name, sheet in reports[-1].sheets.items():
        export(store, sheet, run.folder / name, run.name)
    return run.folder / "report.html"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP stop the run cleanly; only the main thread can handle signals.

    A SIGHUP that is ignored, as under `nohup`, stays ignored.
    """
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or task is None:
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        handlers[hang_up] = signal.getsignal(hang_up)
    for name in handlers:
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, task.cancel)
    try:
        yield
    finally:
        for name, handler in handlers.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
            signal.signal(name, signal.SIG_DFL if handler is None else handler)
