"""The desk: takes requests in, has them worked on one per worker, and knows what became of each.

Everything but a maker runs on the event loop. The state is on disk before anybody is told of it.
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
from .job_store import Shelf
from .refusal import Refused
from .renderer import Maker
from .server_job import Job, moment
from .server_options import USD_PER_OUTPUT_S, ServerOptions
from .worker_protocol import Told, order_of

MOST_TRIES = 3
"""A request whose work ended with the server this often is not begun again."""
SWEEP_S = 600
UPLOADS_AT_ONCE = 2
"""Each holds its body in memory."""
BUSY_S = 30
"""When a client that met a full queue is told to come back."""
_log = logging.getLogger(__name__)


class Desk:
    """All requests of one server."""

    def __init__(
        self,
        shelf: Shelf,
        options: ServerOptions,
        make: Maker,
        tell: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.shelf, self.options, self.tell, self.now = shelf, options, tell, now
        self.uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._make = make
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._arriving = 0
        self._spent_usd = 0.0
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="react1-take")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up what an earlier server left, and begin to work."""
        for job in sorted(self.shelf.jobs(), key=lambda one: one.created_s):
            self._know(job)
            self._spent_usd += job.cost_usd
            if job.state == "PROCESSING" and job.tries >= MOST_TRIES:
                why = f"the server was stopped {job.tries} times while it worked on this request; submit it again"
                await self._end(job, Told(error=why, at_fault="server"))
            elif not job.ended:
                self._know(job.model_copy(update={"state": "QUEUED"}))
                self._queue.put_nowait(job.id)
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self.options.workers)]
        self._tasks.append(asyncio.create_task(self._sweep()))

    async def close(self) -> None:
        """Stop all work; what is unfinished is taken up by the next server of this home."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)

    @property
    def balance_usd(self) -> float:
        """What is left of the credits."""
        return round(max(0.0, self.options.credits - self._spent_usd), 6)

    @property
    def waiting(self) -> int:
        """How many requests wait for a worker."""
        return self._queue.qsize() + self._arriving

    def find(self, job_id: str) -> Job | None:
        """Give a request; None where it is unknown or its result has expired."""
        job = self._jobs.get(job_id)
        expired = job is not None and job.ended and self.now() - job.ended_s > self.options.limits.results_s
        return None if expired else job

    def all(self) -> list[Job]:
        """Give every request that is still on record, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created_s, reverse=True)

    def recorded(self, job_id: str) -> Job | None:
        """Give a request that is on record, expired or not."""
        return self._jobs.get(job_id)

    def check_room(self) -> None:
        """Refuse a request that can be neither paid nor queued.

        Raises:
            Refused: 406 without credits, 429 with a full queue.
        """
        if self.balance_usd <= 0:
            raise Refused(406, "Insufficient credits: the balance is 0.00 USD; no request was made")
        if self.waiting >= self.options.queue_size:
            reset = {"x-rate-limit-reset-at-utc": moment(self.now() + BUSY_S)}
            raise Refused(
                429, f"the queue is full ({self.options.queue_size} requests wait); no request was made", reset
            )

    async def submit(self, **fields: Any) -> Job:
        """Take a request in; `fields` are those of `Job` that the caller knows.

        Raises:
            Refused: 406 without credits, 429 with a full queue.
            StorageFailed: it could not be written down, so there is none.
        """
        self.check_room()
        job = Job(id=str(uuid4()), created_s=self.now(), **fields)
        self._arriving += 1
        try:
            await asyncio.to_thread(self.shelf.put, job)
        finally:
            self._arriving -= 1
        self._know(job)
        self._queue.put_nowait(job.id)
        return job

    async def wait(self, job_id: str) -> Job:
        """Wait for the end of a request."""
        await self._ended[job_id].wait()
        return self._jobs[job_id]

    def _know(self, job: Job) -> Job:
        self._jobs[job.id] = job
        event = self._ended.setdefault(job.id, asyncio.Event())
        if job.ended:
            event.set()
        return job

    async def _work(self) -> None:
        while True:
            job = self._jobs[await self._queue.get()]
            begun = {"state": "PROCESSING", "started_s": self.now(), "tries": job.tries + 1}
            job = await self._put(job.model_copy(update=begun))
            await asyncio.sleep(job.hold_s)
            if job.blocked:
                await self._end(job, Told(error=job.blocked, at_fault="request"))
                continue
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._made, job)
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                await asyncio.wait([work])
                work.exception()
                raise
            error = work.exception()
            if isinstance(error, Interrupted):
                return
            await self._end(job, work.result() if error is None else _broke(error))

    def _made(self, job: Job) -> Told:
        folder = self.shelf.scratch(job.id)
        try:
            told = self._make(order_of(job, self.options), folder, self._go_on, self.options.limits.take_s)
            if told.file:
                self.shelf.keep_output(folder / told.file, job.id)
            return told
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Interrupted("the server was stopped")

    async def _end(self, job: Job, told: Told) -> None:
        cost_usd = round(told.output_s * USD_PER_OUTPUT_S, 6) if told.file else 0.0
        self._spent_usd += cost_usd
        update = {
            "state": "COMPLETED" if told.file else "FAILED",
            "ended_s": self.now(),
            "error": told.error,
            "at_fault": told.at_fault,
            "cost_usd": cost_usd,
            "remaining_usd": self.balance_usd,
            "output_s": told.output_s,
            "said": told.notes,
        }
        job = await self._put(job.model_copy(update=update))
        took = f"{job.ended_s - job.started_s:.1f} s"
        self.tell(f"{job.id} {job.state} after {took}{': ' + job.error if job.error else ''}")

    async def _put(self, job: Job) -> Job:
        """Write a state down, then let it be known; a full disk must not end the work of the others."""
        try:
            await asyncio.to_thread(self.shelf.put, job)
        except StorageFailed as error:
            self.tell(f"{job.id}: its state is not on disk: {error}")
        return self._know(job)

    async def _sweep(self) -> None:
        while True:
            limits, now_s = self.options.limits, self.now()
            try:
                await asyncio.to_thread(self.shelf.sweep, now_s, limits.files_s)
            except StorageFailed as error:
                self.tell(f"old files stay: {error}")
            for job in [one for one in self._jobs.values() if one.ended and now_s - one.ended_s > limits.history_s]:
                del self._jobs[job.id], self._ended[job.id]
                self.shelf.forget(job.id)
            await asyncio.sleep(SWEEP_S)


def _broke(error: BaseException) -> Told:
    """Put down what a maker raised: its cause is told where it is meant for readers, else only logged."""
    _log.error("take_broke error=%r", error)
    why = str(error) if isinstance(error, React1Error) else "the engine broke"
    return Told(error=f"{why}; submit it again", at_fault="server")
