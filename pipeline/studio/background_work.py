"""Work in the background: takes and films are made one after another, with progress, and can be stopped.

Each item runs the same job as the command line would; what it makes is in the store when it ends, and a later start of
the studio finds it there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config.checked_job import Job
from ..core.errors import Interrupted, React1Error
from ..runner.events import Event, Message, RunStarted, StepEnded, StepMoved, StepStarted, Waiting
from ..runner.execute import Options, execute
from ..runner.run_records.outcome import RunResult
from .page_words import in_page_words

_WEIGHTS = {"react1": 12.0, "conform": 5.0, "splice": 5.0, "report": 4.0, "transcode": 2.0, "timeline": 4.0}
"""How long steps take, roughly, for the bar of progress; 1 for the others."""
_PAID_AT_ONCE = 4
_PLAIN_NAMES = {
    "fetch": "reading the film",
    "trim": "cutting the span",
    "transcode": "preparing the picture",
    "normalize_audio": "preparing the sound",
    "upload": "sending",
    "react1": "making the expression",
    "conform": "fitting it to the film",
    "splice": "splicing the film",
    "timeline": "writing the timelines",
    "report": "writing the report",
}

WAITS_FOR_OTHERS = "waiting for what was asked for before, also of other films"


@dataclass
class Progress:
    """How far an item is."""

    share: float = 0.0
    doing: str = "waiting"
    notes: list[str] = field(default_factory=list)


class _Watcher:
    """Turn the events of a run into one share, 0 to 1."""

    def __init__(self, job: Job, progress: Progress, changed: Callable[[], None]) -> None:
        self._weights = {step.id: _WEIGHTS.get(step.info.name, 1.0) for step in job.steps}
        self._names = {step.id: _PLAIN_NAMES.get(step.info.name, step.info.name) for step in job.steps}
        self._shares = dict.fromkeys(self._weights, 0.0)
        self._progress, self._changed = progress, changed
        self.run = ""

    def on(self, event: Event) -> None:
        """Handle one event."""
        if isinstance(event, RunStarted):
            self.run = event.run
        elif isinstance(event, Message):
            self._progress.notes.append(event.text)
            if isinstance(event, Waiting):
                self._progress.doing = in_page_words(event.text)
                self._changed()
        elif isinstance(event, (StepStarted, StepMoved, StepEnded)) and event.step in self._shares:
            before = self._progress.share
            share = 1.0 if isinstance(event, StepEnded) else getattr(event, "share", 0.0)
            self._shares[event.step] = max(self._shares[event.step], share)
            total = sum(self._weights[name] * done for name, done in self._shares.items())
            self._progress.share = total / sum(self._weights.values())
            if isinstance(event, (StepStarted, StepMoved)):
                self._progress.doing = self._names[event.step]
            if isinstance(event, StepStarted) or self._progress.share - before > 0.005 or share >= 1:
                self._changed()


class Work:
    """The items that are being made, by their IDs."""

    def __init__(self, home: Path, changed: Callable[[str, Progress], None]) -> None:
        """Start without work; `changed` gets the ID of an item whose progress has changed."""
        self._home, self._changed = home, changed
        self._free = ThreadPoolExecutor(1, thread_name_prefix="react1-studio-work")
        self._paid = ThreadPoolExecutor(_PAID_AT_ONCE, thread_name_prefix="react1-studio-paid")
        self._lock = threading.Lock()
        self._stops: dict[str, Callable[[], None]] = {}
        self._queued: dict[str, tuple[Future[None], Callable[[BaseException], None]]] = {}
        """The items that may not have begun, with what is called if they never do."""
        self._stopped: set[str] = set()
        self._unpaid: set[str] = set()
        """The items that are made one after another."""
        self.progress: dict[str, Progress] = {}

    def start(
        self,
        item: str,
        load: Callable[[], Job],
        done: Callable[[RunResult, Job, Progress], None],
        failed: Callable[[BaseException], None],
        *,
        paid: bool = False,
        agreed_usd: float | None = None,
        replace: bool = False,
    ) -> None:
        """Queue a job; nothing is done for an item that is being made already.

        Args:
            item: the ID of what it makes.
            load: returns the job when it begins.
            done: gets the result, in the worker's thread; what it raises is a failure.
            failed: gets the error.
            paid: whether it waits for a provider, so that several may run at once.
            agreed_usd: the cost that the person has agreed to; None allows no cost.
            replace: whether the film may replace a file that this job did not write.
        """
        progress = Progress()

        def run() -> None:
            try:
                with self._lock:
                    self._queued.pop(item, None)
                if item in self._stopped:
                    raise Interrupted("stopped")
                job = load()
                watcher = _Watcher(job, progress, lambda: self._changed(item, progress))
                options = Options(
                    self._home,
                    replace=replace,
                    approved=agreed_usd is not None,
                    max_cost_usd=agreed_usd,
                    own_limit_usd=agreed_usd,
                    watcher=watcher,
                )
                done(self._execute(item, job, options), job, progress)
            except React1Error as error:
                failed(error)
            except Exception as error:  # the page reports it; the other items go on
                failed(error)
            finally:
                self._forget(item)

        with self._lock:
            if item in self.progress:
                return
            if not paid:
                progress.doing = WAITS_FOR_OTHERS if self._unpaid else progress.doing
                self._unpaid.add(item)
            self.progress[item] = progress
            self._queued[item] = ((self._paid if paid else self._free).submit(run), failed)

    def _forget(self, item: str) -> None:
        with self._lock:
            self._stopped.discard(item)
            self._unpaid.discard(item)
            self._queued.pop(item, None)
            self.progress.pop(item, None)

    def stop(self, item: str) -> bool:
        """Stop an item, or keep it from starting; return whether it was there."""
        with self._lock:
            if item not in self.progress:
                return False
            self._stopped.add(item)
            stop, queued = self._stops.get(item), self._queued.get(item)
        if queued is not None and queued[0].cancel():  # it would else wait for its turn to be stopped
            self._forget(item)
            queued[1](Interrupted("stopped"))
        elif stop is not None:
            stop()
        return True

    def close(self) -> None:
        """Stop everything and wait for it."""
        for item in list(self.progress):
            self.stop(item)
        for pool in (self._free, self._paid):
            pool.shutdown(wait=True, cancel_futures=True)

    def _execute(self, item: str, job: Job, options: Options) -> RunResult:
        async def main() -> RunResult:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None
            with self._lock:
                self._stops[item] = lambda: _cancel(loop, task)
            if item in self._stopped:
                raise Interrupted("stopped")
            return await execute(job, options)

        try:
            return asyncio.run(main())
        except asyncio.CancelledError as error:
            raise Interrupted("stopped") from error
        finally:
            with self._lock:
                self._stops.pop(item, None)


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    try:
        loop.call_soon_threadsafe(task.cancel)
    except RuntimeError:  # it has just ended
        return
