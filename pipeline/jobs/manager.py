"""Manage the paid jobs of a run: each is submitted once, polled to its end, and its take stored.

First `check_all` for all requests of a step (media, budget, approval), then `run` for each. This is the only code that
may submit a call that costs money; how it does is in `attempt.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType

from ..core.errors import InputMediaError, ProviderError, React1Error
from ..net.http_pool import HttpPool
from ..store.atomic import FileLock
from ..store.store import Store
from .attempt import Attempt
from .budget import (
    Check,
    Estimate,
    EstimateItem,
    SpendingPolicy,
    check_request,
    require_approval,
    require_within_budget,
)
from .compaction import compact
from .connection import Hosts, ProviderConnection, open_uploads
from .context import JobContext
from .ledger import Ledger
from .ledger_entry import Entry
from .request import Clock, JobRequest
from .take_download import JobResult
from .uploads import Uploads

MAX_DOWNLOADS = 6
"""Takes that are downloaded at the same time."""
LOCK_RETRY_S = 1.0
"""How often to check whether another process has released a call."""
LOST_RESPONSE_NOTE = "no response was received; it is resubmitted only if the provider has no record of it"


class JobManager:
    """All paid jobs of one run."""

    def __init__(
        self,
        store: Store,
        policy: SpendingPolicy,
        *,
        run: str = "",
        project: str = "",
        notify: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        pool: HttpPool | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            store: the store; its folder has the ledger too.
            policy: what may be spent.
            run: the run's name, for the ledger.
            project: the project that the calls count for.
            notify: gets messages for the user.
            clock: the time.
            pool: the connection pool; it is closed with the manager.
            hosts: connections and spending that other runs of this process share; they outlive the manager.
        """
        self._store, self._policy, self._run, self._notify = store, policy, run, notify
        self._project = project
        self._clock = clock or Clock()
        self._hosts, self._owns_hosts = hosts or Hosts(pool), hosts is None
        self._ledger = Ledger(store.root)
        self._uploads: dict[tuple[object, ...], Uploads] = {}
        self._call_locks: dict[str, asyncio.Lock] = {}
        self._approved: set[str] = set()
        self._notices: set[str] = set()
        self._rejected: dict[str, InputMediaError] = {}
        self._committed_usd = self._hosts.committed_usd
        self._stack = AsyncExitStack()
        self._threads = ThreadPoolExecutor(MAX_DOWNLOADS, thread_name_prefix="react1-download")

    async def __aenter__(self) -> JobManager:
        """Open the connection pool."""
        if self._owns_hosts:
            await self._stack.enter_async_context(self._hosts)
        await asyncio.to_thread(self._ledger.sweep)
        await asyncio.to_thread(self._compact)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove uploads that no open job needs, and close the connection pool."""
        in_use = await asyncio.to_thread(self._uploads_in_use) if self._uploads else None
        for uploads in self._uploads.values():
            with suppress(React1Error):
                for message in await uploads.remove_unused(lambda name: in_use is None or name in in_use):
                    self._notify(message)
        await self._stack.aclose()
        await asyncio.to_thread(self._compact)
        await asyncio.to_thread(self._threads.shutdown)

    def _uploads_in_use(self) -> set[str] | None:
        """Return the names of the uploads that an open job needs; None if that is not known."""
        try:
            intentions = [entry.intended for entry in self._ledger.open_entries() if entry.intended is not None]
        except React1Error as error:
            self._notify(f"no upload was removed: {error}")
            return None
        return {name for intended in intentions for name in (intended.video_name, intended.audio_name)}

    def _compact(self) -> None:
        try:
            compact(self._ledger)
        except React1Error as error:  # the run does not depend on it
            self._notify(f"the ledger was not compacted: {error}")

    async def check_all(self, requests: Sequence[JobRequest], *, fail_fast: bool) -> None:
        """Check all requests of a step, and their total cost, before anything is uploaded or paid.

        Args:
            requests: every segment of the step that is not stored yet.
            fail_fast: whether an unusable segment stops the run; else `run` rejects it.

        Raises:
            InputMediaError: a segment cannot be used.
            OverBudget: it costs more than is allowed, or nobody has approved.
        """
        items: list[EstimateItem] = []
        approved: set[str] = set()
        checks: dict[tuple[object, ...], Check] = {}
        for request in requests:
            refusals = request.provider.refusals(request.choices)
            clip = (request.segment.name, request.call.video, request.leaves_face_open, *refusals)
            is_first = clip not in checks  # the takes of a matrix share one clip, which is checked once
            entry = await asyncio.to_thread(self._ledger.latest, request.call)
            if entry is not None and entry.charged_failure is not None:
                continue  # `run` says so; nothing is sent
            is_lost = entry is not None and entry.open and not entry.request_id
            is_new = is_lost or entry is None or not (entry.open or entry.state == "done")
            notes: tuple[str, ...] = (LOST_RESPONSE_NOTE,) if is_lost else ()
            if is_new and not is_lost:
                if is_first:
                    checks[clip] = await asyncio.to_thread(check_request, request, self._store)
                notes, error = checks[clip]
                if error is not None and fail_fast:
                    raise error
                if error is not None:
                    self._rejected[request.call.key] = error
                    continue
                for note in notes if is_first else ():
                    self._notify(f"{request.segment.name}: {note}")
            if is_new:
                approved.add(request.call.key)
            items.append(
                EstimateItem(
                    _label(request, requests),
                    request.provider.name,
                    float(request.duration_s),
                    request.estimate_usd,
                    is_new,
                    notes if is_first else (),
                    rehearsal=request.provider.settings.is_local_server,
                    committed=is_lost and self._began_this_month(entry),
                )
            )
        await self.approve(items)
        self._approved |= approved

    def _began_this_month(self, entry: Entry | None) -> bool:
        intended = entry.intended if entry is not None else None
        return intended is not None and intended.at.startswith(self._clock.timestamp()[:7])

    async def approve(self, items: Sequence[EstimateItem]) -> None:
        """Require that some calls fit into the budget and that somebody approves their cost.

        Raises:
            OverBudget: they cost more than is allowed, or nobody has approved.
        """
        estimate = Estimate(tuple(items), sum(self._committed_usd.values()))
        month = self._policy.month_budget
        if month is not None and estimate.charged_usd:
            at, usd = self._clock.timestamp(), estimate.charged_usd
            await asyncio.to_thread(month.require, self._ledger, at, usd)
        await run_in_daemon_thread(lambda: require_approval(estimate, self._policy))

    def commit(self, key: str, usd: float) -> None:
        """Count the cost of a call of a node that bills by itself towards the budget of the run."""
        self._committed_usd[key] = usd

    async def run(self, request: JobRequest, progress: Callable[[float], None] = lambda _: None) -> JobResult:
        """Return the take of a segment: from the store, from a running job, or from a new one.

        Raises:
            InputMediaError: `check_all` found that the segment cannot be used.
            ProviderError: the job failed, or its outcome is unknown; the ledger entry says how to go on.
            OverBudget: the run has spent more than was estimated, and this job does not fit any more.
            StorageFailed: the ledger or the store cannot be written.
        """
        async with self.hold_call(request.call.key, request.segment.name):
            return await self.run_held(request, progress)

    async def run_held(self, request: JobRequest, progress: Callable[[float], None] = lambda _: None) -> JobResult:
        """Do what `run` does, for a caller that holds the call."""
        key = request.call.key
        if key in self._rejected:
            raise self._rejected[key]
        try:
            result = await Attempt(request, self._context(request), progress).run()
        except React1Error as error:
            await asyncio.to_thread(self._count_failed, request, error)
            raise
        if key in self._committed_usd:
            self._committed_usd[key] = result.take.cost_usd
        return result

    @asynccontextmanager
    async def hold_call(self, key: str, segment: str) -> AsyncIterator[None]:
        """Keep every other task and process of this home folder from a call; while one works on it, wait.

        Args:
            key: the call's key in the ledger.
            segment: the segment's name, for the message that this run waits.
        """
        async with self._call_locks.setdefault(key, asyncio.Lock()):
            lock = await self._lock_call(key, segment)
            try:
                yield
            finally:
                lock.close()

    def _count_failed(self, request: JobRequest, error: React1Error) -> None:
        """Count the actual cost of a failed call if it is committed."""
        key, entry = request.call.key, self._ledger.latest(request.call)
        if key in self._committed_usd and entry is not None and entry.state == "done" and entry.done:
            self._committed_usd[key] = entry.done.cost_usd
        elif getattr(error, "billed", False) is False and (entry is None or not entry.open):
            self._committed_usd.pop(key, None)

    def _context(self, request: JobRequest) -> JobContext:
        key = request.call.key

        def reserve_usd(usd: float) -> None:
            if key not in self._approved:
                raise ProviderError(
                    f"{request.segment.name}: the job that another run had made of it failed; run again to approve "
                    "what a new one costs",
                    retryable=True,
                    billed=False,
                )
            others_usd = sum(committed_usd for other, committed_usd in self._committed_usd.items() if other != key)
            require_within_budget(others_usd, usd, self._policy)
            self._committed_usd[key] = usd

        return JobContext(
            store=self._store,
            ledger=self._ledger,
            connection=self._connection(request),
            uploads=self._uploads_for(request),
            clock=self._clock,
            run=self._run,
            project=self._project,
            month_budget=self._policy.month_budget,
            reserve_usd=reserve_usd,
            threads=self._threads,
            notify=self._notify_once,
        )

    def _notify_once(self, message: str) -> None:
        if message not in self._notices:
            self._notices.add(message)
            self._notify(message)

    def _connection(self, request: JobRequest) -> ProviderConnection:
        return self._hosts.connection(request.provider, self._ledger, self._clock)

    def _uploads_for(self, request: JobRequest) -> Uploads:
        upload = request.upload
        key = (request.provider.name, upload.storage, upload.keep, request.deadline_s)
        if key not in self._uploads:
            self._uploads[key] = open_uploads(
                upload.storage,
                request.provider,
                self._hosts.pool,
                Path(self._store.root),
                self._clock,
                lifetime_s=request.deadline_s,
                keep=upload.keep,
            )
        return self._uploads[key]

    async def _lock_call(self, key: str, segment: str) -> FileLock:
        """Lock a call for this process; while another process works on it, wait."""
        notified = False
        while True:
            lock = self._ledger.lock(key)
            if lock is not None:
                return lock
            if not notified:
                self._notify(f"{segment}: another process is already running this job; waiting for its result")
                notified = True
            await self._clock.sleep(LOCK_RETRY_S)


def _label(request: JobRequest, requests: Sequence[JobRequest]) -> str:
    """Return the segment's name and the parameters that differ between its takes."""
    variants = [other.parameters for other in requests if other.segment.name == request.segment.name]
    differing = [
        str(value) for name, value in request.parameters.items() if any(other.get(name) != value for other in variants)
    ]
    return " ".join((request.segment.name, *differing))


async def run_in_daemon_thread(work: Callable[[], None]) -> None:
    """Run `work` in a daemon thread; on cancellation the thread is abandoned.

    The event loop waits for its own threads when it closes, so an unanswered question would keep a cancelled run alive.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if finished.done():
            return
        if error is None:
            finished.set_result(None)
        else:
            finished.set_exception(error)

    def target() -> None:
        raised: BaseException | None = None
        try:
            work()
        except BaseException as error:  # handed to the event loop
            raised = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, raised)

    threading.Thread(target=target, name="react1-confirm", daemon=True).start()
    await finished
