"""Everything that an attempt at a call may use, and the operations that it repeats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from ..core.errors import StorageFailed
from ..core.nodes.node import NodeContext
from ..executors.base import CallMonitor, StoreContext
from ..store.store import Store
from .budget import MonthBudget
from .connection import ProviderConnection
from .ledger import Ledger
from .ledger_entry import Accepted, Entry, NeverMade, State, StateRecord, Unknown
from .request import Clock
from .uploads import Uploads

DOWNLOAD_TIMEOUT_S = 1800.0
MAX_CLOCK_ERROR_S = 300.0
"""A clock that is off by more is reported."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class JobContext:
    """Where an attempt reads and writes."""

    store: Store
    ledger: Ledger
    connection: ProviderConnection
    uploads: Uploads
    clock: Clock
    run: str
    reserve_usd: Callable[[float], None]
    """Commit the cost of the call in USD; raises OverBudget if it does not fit."""
    threads: Executor
    """For blocking work."""
    project: str = ""
    """The project that the call counts for."""
    month_budget: MonthBudget | None = None
    """What a calendar month may cost; None without a limit."""
    notify: Callable[[str], None] = lambda _: None
    """Gets messages for the user; the same one again is dropped."""

    def server_timestamp(self) -> str:
        """Return the time by the provider's clock as ISO 8601; "" if it has not stated its time yet.

        The user is told if this machine's clock is off.
        """
        server_now = self.connection.server_now()
        if server_now is None:
            return ""
        off = describe_clock_error(self.clock.now(), server_now)
        if off:
            name = self.connection.settings.name
            self.notify(f"this machine's clock is {off} {name}'s; set it: times in messages and the ledger are wrong")
        return server_now.astimezone(UTC).isoformat(timespec="milliseconds")

    async def record(self, entry: Entry, state: State, record: StateRecord) -> Entry:
        """Record the next state of an entry."""
        return await asyncio.to_thread(self.ledger.record, entry, state, record)

    async def record_never_made(self, entry: Entry, why: str, *, proven: bool) -> Entry:
        """Record that the provider has no such job."""
        return await self.record(entry, "void", NeverMade(at=self.clock.timestamp(), why=why, proven=proven))

    async def record_unknown(self, entry: Entry, why: str) -> Entry:
        """Record that the response was lost, and thereby when."""
        record = Unknown(at=self.clock.timestamp(), why=why, server_at=self.server_timestamp())
        return await self.record(entry, "unknown", record)

    async def record_accepted(self, entry: Entry, request_id: str, how: str = "") -> Entry:
        """Record the accepted job. If the disk is full, put the request id in the error message."""
        record = Accepted(at=self.clock.timestamp(), request_id=request_id, how=how)
        try:
            return await self.record(entry, "accepted", record)
        except StorageFailed as error:
            message = f"{error.message} (the provider accepted the job as {request_id}; it is not resubmitted)"
            raise StorageFailed(message) from error

    async def run_in_thread(self, work: Callable[[NodeContext], _Result]) -> _Result:
        """Run blocking work in a thread, and stop it when the run is cancelled."""
        monitor = CallMonitor()

        def call() -> _Result:
            context = StoreContext(self.store, monitor, time.monotonic() + DOWNLOAD_TIMEOUT_S)
            try:
                return work(context)
            finally:
                context.close()

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, call)
        except asyncio.CancelledError:
            monitor.stopped = True
            raise


def describe_clock_error(now: datetime, server_now: datetime) -> str:
    """Return by how much a clock is off, such as "3.0 days ahead of"; "" if it is less than MAX_CLOCK_ERROR_S."""
    error_s = (now - server_now).total_seconds()
    if abs(error_s) < MAX_CLOCK_ERROR_S:
        return ""
    return f"{describe_duration(abs(error_s))} {'ahead of' if error_s > 0 else 'behind'}"


def describe_duration(seconds: float) -> str:
    """Return a duration in the largest fitting unit, such as "90 s", "12 min", "5.0 h" or "3.0 days"."""
    for unit, unit_s, digits in (("days", 86_400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if seconds >= 2 * unit_s or (seconds >= unit_s and unit in ("days", "h")):
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds:.0f} s"
