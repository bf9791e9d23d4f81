"""Run many films in one process: one ledger, one pace per host, one budget, and no failure stops the others.

batches/batch-20261128-213000-a1b2/batch.json   every film: its job, its run, how it went
batches/batch-20261128-213000-a1b2/index.html   the summary page

glibc keeps what a thread has freed in that thread's arena, so a batch whose films wait would hold the buffers of all
decoders and encoders that have ended: freed memory is returned to the system every second. Other C libraries have no
such call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..config.checked_job import output_path
from ..config.film_list import BatchJob, load_batch
from ..config.load import job_from_document
from ..core.errors import InternalError, Interrupted, PresetError, React1Error
from ..core.file import real_path
from ..core.freed_memory import glibc
from ..core.nodes.registry import Registry
from ..executors.choose_executor import SharedExecutors
from ..jobs.connection import Hosts
from ..report.page import render_batch_page
from ..store.atomic import FileLock, write_text
from ..store.store import Store
from .deliveries import delivery, source_paths
from .events import Event, RunStarted, StepEnded, StepMoved, StepStarted
from .execute import Options, Shared, execute, stop_on_signals
from .observe import require_metrics_folder, require_places
from .run_records.outcome import RunResult
from .run_records.run_folder import RunFolder, lock_folder, new_folder

TRIM_EVERY_S = 1.0
_M_ARENA_MAX = -8  # malloc.h
_MAX_ARENAS = 2


@contextlib.asynccontextmanager
async def freed_memory_returned() -> AsyncIterator[None]:
    """Return freed memory to the system every second, while the block runs."""
    libc = glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_M_ARENA_MAX, _MAX_ARENAS)
    trimming = asyncio.create_task(_trim(libc))
    try:
        yield
    finally:
        trimming.cancel()


async def _trim(libc: Any) -> None:
    while True:
        await asyncio.sleep(TRIM_EVERY_S)
        await asyncio.to_thread(libc.malloc_trim, 0)


FINISHED = ("done", "choose", "kept-original")
"""States of films that `react1 resume` does not run again."""
BATCH_PREFIX = "batch-"


@dataclass
class BatchItem:
    """One film of a batch, and how it went."""

    name: str
    document: dict[str, Any] | None
    """Its job as JSON; None if it cannot be loaded."""
    status: str = "waiting"
    """`waiting`, `running`, or the state of its run."""
    run: str | None = None
    output: str | None = None
    report: str | None = None
    cost_usd: float = 0.0
    error: str | None = None
    exit_status: int = 0
    step: str = ""
    """The step that runs, with its segment."""
    share: float = 0.0
    """The share of its steps that is done, 0 to 1."""
    started_at: float = 0.0
    """When it started, in seconds since the epoch."""

    def remaining_s(self, now: float) -> float | None:
        """Return the estimated time left in seconds; None if it does not run, or nothing is done yet."""
        if self.status != "running" or not self.share:
            return None
        return max(0.0, now - self.started_at) * (1 - self.share) / self.share

    def to_json(self) -> dict[str, Any]:
        """Return its part of the `--json` output."""
        names = ("name", "status", "run", "output", "report", "cost_usd", "error", "exit_status")
        return {name: getattr(self, name) for name in names}


@dataclass
class Batch:
    """A batch on disk."""

    folder: Path
    source: str
    """The list that it was read from."""
    options: dict[str, Any]
    """`defaults` of the list's jobs, `replace`, `agreed` and `max_cost_usd`, for a resume."""
    items: list[BatchItem] = field(default_factory=list)
    _saving: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def page(self) -> Path:
        """The summary page."""
        return self.folder / "index.html"

    @property
    def share(self) -> float:
        """The share of all films that is done, 0 to 1; a film that ended counts as done, however it ended."""
        shares = [item.share if item.status in ("running", "waiting") else 1.0 for item in self.items]
        return sum(shares) / max(1, len(shares))

    def remaining_s(self, now: float) -> float | None:
        """Return the estimated time left for all films in seconds; None if nothing that runs here has got anywhere.

        It is the time since the first film started here, for the share that was done since.
        """
        started = [item for item in self.items if item.started_at]
        done = sum(item.share if item.status == "running" else 1.0 for item in started)
        left = len(self.items) * (1 - self.share)
        if not started or not done:
            return None
        return max(0.0, now - min(item.started_at for item in started)) * left / done

    @property
    def exit_status(self) -> int:
        """0 if every film is done, 6 if some failed or kept original footage."""
        return 0 if all(item.status in ("done", "choose") for item in self.items) else 6

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "batch": self.name,
            "counts": dict(Counter(item.status for item in self.items)),
            "cost_usd": round(sum(item.cost_usd for item in self.items), 6),
            "page": str(self.page),
            "jobs": [item.to_json() for item in self.items],
        }

    def save(self) -> None:
        """Write batch.json and the page, each atomically; what is on disk is never older than the last call."""
        self.save_state()
        with self._saving:
            write_text(self.page, render_batch_page(self.to_json(), self.source))

    def save_state(self) -> None:
        """Write batch.json alone: the page takes most of the time."""
        with self._saving:
            data = {"source": self.source, "options": self.options, "items": [vars(item) for item in self.items]}
            write_text(self.folder / "batch.json", json.dumps(data, indent=1))

    def lock(self) -> FileLock:
        """Lock the batch for this process.

        Raises:
            PresetError: another process works on it.
        """
        return lock_folder(self.folder, f"batch {self.name}")


def load_films(path: Path, registry: Registry, defaults: Mapping[str, Any]) -> list[BatchJob]:
    """Load a list as `load_batch` does; a job that would overwrite a film of another one gets an error in its place.

    With `--replace` the last of two jobs that write one file would win, and a job that writes to another one's source
    would destroy it. That a job writes to its own source is refused by its run.
    """
    films = load_batch(path, registry, defaults)
    labels = [f"film {number} of the list, {film.name}" for number, film in enumerate(films, 1)]
    read = [[real_path(source) for source in source_paths(film.job)] if film.job else [] for film in films]
    sources = {place: label for places, label in zip(reversed(read), reversed(labels), strict=True) for place in places}
    writers: dict[Path, str] = {}
    checked = []
    for film, label, own in zip(films, labels, read, strict=True):
        written = _written_paths(film)
        others = {place: name for place, name in sources.items() if place not in own}
        reason = _overwritten(written, others, writers)
        if reason:
            checked.append(BatchJob(film.name, error=PresetError(f"{reason}; give this one another `output`")))
        else:
            checked.append(film)
            writers |= dict.fromkeys(written.values(), label)
    return checked


def _overwritten(written: Mapping[Path, Path], sources: Mapping[Path, str], writers: Mapping[Path, str]) -> str:
    """Return which file of another film would be overwritten, or ""."""
    for path, place in written.items():
        if place in writers:
            return f"{path} is also the output of {writers[place]}"
        if place in sources:
            return f"{path} is the source of {sources[place]}"
    return ""


def _written_paths(film: BatchJob) -> dict[Path, Path]:
    """Return what a film's job writes, and where that is without links; packages add files of a new version."""
    steps = film.job.steps if film.job else ()
    paths = [path for step in steps if (path := output_path(step)) and delivery(step) != "package"]
    return {path: real_path(path) for path in paths}


def new_batch(home: Path, source: str, jobs: Sequence[BatchJob], options: dict[str, Any]) -> Batch:
    """Create the folder of a new batch, named by the time and four random hexadecimal digits.

    Raises:
        StorageFailed: it cannot be created.
    """
    folder = new_folder(home, "batches", datetime.now(UTC), BATCH_PREFIX)
    return Batch(folder, source, options, [_item(job) for job in jobs])


def read_batch(home: Path, name: str) -> Batch:
    """Return the batch with this name.

    Raises:
        PresetError: there is none, or it cannot be read.
    """
    folder = home / "batches" / name
    try:
        data = json.loads((folder / "batch.json").read_text(encoding="utf-8"))
        items = [BatchItem(**item) for item in data["items"]]
        return Batch(folder, data["source"], data["options"], items)
    except FileNotFoundError:
        raise PresetError(f"there is no batch {name!r} in {home / 'batches'}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PresetError(f"batch {name} cannot be read: {error}; start it again with `react1 batch`") from error


def reload_broken(batch: Batch, registry: Registry) -> None:
    """Load those jobs of a list again that could not be loaded, for example because a film was missing."""
    if all(item.document is not None for item in batch.items):
        return
    jobs = load_films(Path(batch.source), registry, batch.options.get("defaults", {}))
    for item, job in zip(batch.items, jobs, strict=False):  # by place: one film may have several jobs
        if item.document is None and item.name == job.name:
            vars(item).update(vars(_item(job)))


async def run_batch(
    batch: Batch,
    registry: Registry,
    options: Options,
    parallel: int,
    on_change: Callable[[BatchItem], None] = lambda _: None,
) -> None:
    """Run every film that is not finished yet; `batch.items` then say how each went.

    Args:
        batch: the films.
        registry: the available nodes.
        options: for every run; `max_cost_usd` is for all together.
        parallel: how many films are worked on at the same time.
        on_change: called after each event of a film.

    Steps run in worker processes unless REACT1_EXECUTOR says otherwise: so films that wait for their provider share one
    small coordinator, and a crash in one film's step harms no other.

    Raises:
        Interrupted: the batch was stopped; the message says how to resume it.
        PresetError: REACT1_EXECUTOR is wrong, REACT1_METRICS is one file, or REACT1_TRACE a folder.
    """
    require_metrics_folder(os.environ)
    require_places(os.environ)
    turns = asyncio.Semaphore(parallel)
    for item in batch.items:
        item.started_at = 0.0  # of an earlier process
    with contextlib.closing(batch.lock()), contextlib.closing(Store(options.home)) as store:
        executors = SharedExecutors(store, default="processes")
        batch.save()
        try:
            with stop_on_signals():
                async with Hosts() as hosts, freed_memory_returned(), contextlib.aclosing(executors):
                    options = replace(options, shared=Shared(hosts, executors))
                    open_items = [item for item in batch.items if item.status not in FINISHED]
                    await asyncio.gather(
                        *(_run_item(item, batch, registry, options, turns, on_change) for item in open_items)
                    )
        except asyncio.CancelledError:
            raise Interrupted(f"stopped; resume with: react1 resume {batch.name}") from None
        finally:
            batch.save()


async def _run_item(
    item: BatchItem,
    batch: Batch,
    registry: Registry,
    options: Options,
    turns: asyncio.Semaphore,
    on_change: Callable[[BatchItem], None],
) -> None:
    """Run one film and record how it went; only a stop of the whole batch is raised."""
    if item.document is None:
        on_change(item)
        return
    async with turns:
        item.status, item.error, item.exit_status, item.share = "running", None, 0, 0.0
        item.started_at = time.time()
        try:
            job = await asyncio.to_thread(job_from_document, item.document, registry)
            watcher = _ItemWatcher(item, len(job.steps), on_change, batch.save_state)
            run = _find_run(options.home, item.run)
            _record_result(item, await execute(job, replace(options, watcher=watcher), run))
        except asyncio.CancelledError:
            item.status = "interrupted"
            on_change(item)
            raise
        except Exception as error:  # a film that fails never stops the others
            _record_failure(item, error)
        if item.status != "interrupted":  # a batch that is stopped is saved once, for all its films
            await asyncio.to_thread(batch.save)
        on_change(item)


def _record_result(item: BatchItem, result: RunResult) -> None:
    item.status, item.run, item.cost_usd, item.share = result.status, result.run, round(result.cost_usd, 6), 1.0
    item.output = str(result.output) if result.output else None
    item.report = str(result.report) if result.report else None
    item.exit_status = result.exit_status


def _record_failure(item: BatchItem, error: Exception) -> None:
    failure = error if isinstance(error, React1Error) else InternalError(f"{type(error).__name__}: {error}")
    item.status = "interrupted" if isinstance(failure, Interrupted) else "failed"
    item.error, item.exit_status = str(failure), failure.exit_status
    if failure.run:  # else it was refused before its run, or what is left of it, has begun
        item.run, item.cost_usd = failure.run, round(failure.cost_usd, 6)


def _find_run(home: Path, name: str | None) -> RunFolder | None:
    folder = home / "runs" / (name or "")
    return RunFolder(name, folder) if name and (folder / "run.json").is_file() else None


def _item(job: BatchJob) -> BatchItem:
    if job.job is None:
        error = job.error or PresetError("it cannot be loaded")
        return BatchItem(job.name, None, "failed", error=str(error), exit_status=error.exit_status)
    return BatchItem(job.name, job.job.document)


class _ItemWatcher:
    """Follow one film: the step that runs, and the share of all steps that is done."""

    def __init__(
        self, item: BatchItem, steps: int, on_change: Callable[[BatchItem], None], save: Callable[[], None]
    ) -> None:
        """Follow nothing yet; `save` records the film's run."""
        self._item, self._steps, self._on_change, self._save = item, max(1, steps), on_change, save
        self._shares: dict[str, dict[str, float]] = {}

    def on(self, event: Event) -> None:
        """Update the film from an event."""
        if isinstance(event, RunStarted):
            self._item.run = event.run
            self._save()  # before the run spends anything: after a crash, the batch's limit counts its runs
        elif isinstance(event, (StepStarted, StepMoved, StepEnded)):
            self._item.step = f"{event.step} {event.segment}".strip()
            share = {StepStarted: 0.0, StepEnded: 1.0}.get(type(event), getattr(event, "share", 0.0))
            self._shares.setdefault(event.step, {})[event.segment] = share
            # A copy: other threads report other steps meanwhile.
            done = sum(sum(parts.values()) / len(parts) for parts in list(self._shares.values()))
            self._item.share = min(1.0, done / self._steps)
        self._on_change(self._item)
