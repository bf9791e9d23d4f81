"""The queue: accepts requests, renders them on a fixed number of workers, and records the state of each.

Everything but a renderer runs on the event loop. A state is written to disk before any client sees it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from ..core.errors import Interrupted, React1Error, StorageFailed
from .job_store import Job, JobStore, RequestRefused, utc_text
from .renderers import Renderer
from .server_options import USD_PER_OUTPUT_S, ServerOptions
from .worker_protocol import WorkerResult, request_for

MAX_ATTEMPTS = 3
"""A request that was PROCESSING when the server stopped this many times is not started again."""
SWEEP_INTERVAL_S = 600
MAX_CONCURRENT_UPLOADS = 2
"""Each upload as JSON holds its body in memory."""
DISK_RETRY_S = 5.0
"""How often a state is written again that a full disk did not take."""
RETRY_AFTER_S = 30
"""When a client that met a full queue may try again."""
_log = logging.getLogger(__name__)


class JobQueue:
    """All requests of one server."""

    def __init__(
        self,
        store: JobStore,
        options: ServerOptions,
        renderer: Renderer,
        report: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.options, self.report, self.now = store, options, report, now
        self.uploads = asyncio.Semaphore(MAX_CONCURRENT_UPLOADS)
        self._renderer = renderer
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._arriving = 0
        self._spent_usd = 0.0
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="react1-take")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load the requests on disk, queue the unfinished ones, and start the workers."""
        for job in sorted(self.store.jobs(), key=lambda job: job.created_s):
            self._register(job)
            self._spent_usd += job.cost_usd
            if job.state == "PROCESSING" and job.attempts >= MAX_ATTEMPTS:
                reason = f"the server was stopped {job.attempts} times while it worked on this request; submit it again"
                self._tasks.append(asyncio.create_task(self._end(job, WorkerResult(error=reason, at_fault="server"))))
            elif not job.ended:
                self._register(job.model_copy(update={"state": "QUEUED"}))
                self._queue.put_nowait(job.id)
        self._tasks += [asyncio.create_task(self._work()) for _ in range(self.options.workers)]
        self._tasks.append(asyncio.create_task(self._sweep()))

    async def close(self) -> None:
        """Stop all work; the next server with this home queues unfinished requests again."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)

    @property
    def balance_usd(self) -> float:
        """Remaining credits."""
        return round(max(0.0, self.options.credits - self._spent_usd), 6)

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a worker."""
        return self._queue.qsize() + self._arriving

    def find(self, job_id: str) -> Job | None:
        """Return a request; None if it is unknown or its result has expired."""
        job = self._jobs.get(job_id)
        expired = job is not None and job.ended and self.now() - job.ended_s > self.options.limits.results_s
        return None if expired else job

    def all(self) -> list[Job]:
        """Return every request on record, newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created_s, reverse=True)

    def recorded(self, job_id: str) -> Job | None:
        """Return a request on record, expired or not; None if it is unknown."""
        return self._jobs.get(job_id)

    def check_capacity(self) -> None:
        """Refuse a request that the balance or the queue cannot take.

        Raises:
            RequestRefused: 406 without credits, 429 with a full queue.
        """
        if self.balance_usd <= 0:
            raise RequestRefused(406, "Insufficient credits: the balance is 0.00 USD; no request was created")
        if self.waiting >= self.options.queue_size:
            reset = {"x-rate-limit-reset-at-utc": utc_text(self.now() + RETRY_AFTER_S)}
            raise RequestRefused(
                429, f"the queue is full ({self.options.queue_size} requests wait); no request was created", reset
            )

    async def submit(self, **fields: Any) -> Job:
        """Accept a request; `fields` are those of `Job` that the caller knows.

        Raises:
            RequestRefused: 406 without credits, 429 with a full queue.
            StorageFailed: the request could not be written to disk, so it does not exist.
        """
        self.check_capacity()
        job = Job(id=str(uuid4()), created_s=self.now(), **fields)
        self._arriving += 1
        try:
            await asyncio.to_thread(self.store.put, job)
        finally:
            self._arriving -= 1
        self._register(job)
        self._queue.put_nowait(job.id)
        return job

    async def wait(self, job_id: str) -> Job:
        """Wait for the end of a request and return its final state."""
        await self._ended[job_id].wait()
        return self._jobs[job_id]

    def _register(self, job: Job) -> Job:
        self._jobs[job.id] = job
        event = self._ended.setdefault(job.id, asyncio.Event())
        if job.ended:
            event.set()
        return job

    async def _work(self) -> None:
        while True:
            job = self._jobs[await self._queue.get()]
            started = {"state": "PROCESSING", "started_s": self.now(), "attempts": job.attempts + 1}
            job = await self._record(job.model_copy(update=started))
            await asyncio.sleep(job.hold_s)
            if job.blocked:
                await self._end(job, WorkerResult(error=job.blocked, at_fault="request"))
                continue
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._render, job)
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                await asyncio.wait([work])
                work.exception()
                raise
            error = work.exception()
            if isinstance(error, Interrupted):
                return
            await self._end(job, work.result() if error is None else _failure_of(error))

    def _render(self, job: Job) -> WorkerResult:
        folder = self.store.scratch(job.id)
        try:
            request = request_for(job, self.options)
            result = self._renderer(request, folder, self._check_running, self.options.limits.take_s)
            if result.file:
                self.store.keep_output(folder / result.file, job.id)
            return result
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _check_running(self) -> None:
        if self._stopping.is_set():
            raise Interrupted("the server was stopped")

    async def _end(self, job: Job, result: WorkerResult) -> None:
        cost_usd = round(result.output_s * USD_PER_OUTPUT_S, 6) if result.file else 0.0
        self._spent_usd += cost_usd
        update = {
            "state": "COMPLETED" if result.file else "FAILED",
            "ended_s": self.now(),
            "error": result.error,
            "at_fault": result.at_fault,
            "cost_usd": cost_usd,
            "remaining_usd": self.balance_usd,
            "output_s": result.output_s,
            "notes": result.notes,
        }
        job = await self._record(job.model_copy(update=update))
        duration = f"{job.ended_s - job.started_s:.1f} s"
        self.report(f"{job.id} {job.state} after {duration}{': ' + job.error if job.error else ''}")

    async def _record(self, job: Job) -> Job:
        """Write a state to disk, then make it visible.

        On a full disk, wait until there is space: a client must not see what a restart would take back.
        """
        reported = ""
        while True:
            try:
                await asyncio.to_thread(self.store.put, job)
                return self._register(job)
            except StorageFailed as error:
                if str(error) != reported:
                    reported = str(error)
                    self.report(f"{job.id}: waits to become {job.state}, which cannot be written: {error}")
            await asyncio.sleep(DISK_RETRY_S)

    async def _sweep(self) -> None:
        while True:
            limits, now_s = self.options.limits, self.now()
            outdated = [job for job in self._jobs.values() if job.ended and now_s - job.ended_s > limits.history_s]
            try:
                await asyncio.to_thread(self.store.sweep, now_s, limits.files_s)
                for job in outdated:
                    self.store.forget(job.id)
                    del self._jobs[job.id], self._ended[job.id]
            except StorageFailed as error:
                self.report(f"old files are not removed: {error}")
            await asyncio.sleep(SWEEP_INTERVAL_S)


def _failure_of(error: BaseException) -> WorkerResult:
    """Return the result for a renderer's exception; clients see React1Errors, others are only logged."""
    _log.error("renderer_failed error=%r", error)
    reason = str(error) if isinstance(error, React1Error) else "the renderer failed"
    return WorkerResult(error=f"{reason}; submit it again", at_fault="server")
