"""All that an attempt at a call may touch, and the three things that it does again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from ..core.errors import StorageFailed
from ..core.node import NodeContext
from ..executors.base import StoreContext, Watch
from ..store.store import Store
from . import ledger_entry as notes
from .connection import Line
from .ledger import Ledger
from .ledger_entry import Entry
from .request import Clock
from .uploads import Uploads

FETCH_S = 1800.0
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Tools:
    """Where an attempt reads and writes."""

    store: Store
    ledger: Ledger
    line: Line
    uploads: Uploads
    clock: Clock
    run: str
    may_spend: Callable[[float], None]
    """Raises OverBudget where a call of so many USD does not fit."""
    threads: Executor
    """For what waits."""

    async def add(self, entry: Entry, state: notes.State, note: notes.Note) -> Entry:
        """Write down the next state of an entry."""
        return await asyncio.to_thread(self.ledger.add, entry, state, note)

    async def void(self, entry: Entry, why: str, *, proven: bool) -> Entry:
        """Write down that the host has no such job."""
        return await self.add(entry, "void", notes.Void(at=self.clock.stamp(), why=why, proven=proven))

    async def unknown(self, entry: Entry, why: str) -> Entry:
        """Write down that the answer was lost, and thereby since when."""
        return await self.add(entry, "unknown", notes.Unknown(at=self.clock.stamp(), why=why))

    async def accepted(self, entry: Entry, request_id: str, how: str = "") -> Entry:
        """Write down that the host has the job; where the disk will not have it, the message must."""
        note = notes.Accepted(at=self.clock.stamp(), request_id=request_id, how=how)
        try:
            return await self.add(entry, "accepted", note)
        except StorageFailed as error:
            told = f"{error.message} (the host has the call as {request_id}; nothing is sent again)"
            raise StorageFailed(told) from error

    async def in_room(self, work: Callable[[NodeContext], _Made]) -> _Made:
        """Do something that waits for a disk or a network in a thread, and stop it when the run is stopped."""
        watch = Watch()

        def inside() -> _Made:
            context = StoreContext(self.store, watch, time.monotonic() + FETCH_S)
            try:
                return work(context)
            finally:
                context.close()

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, inside)
        except asyncio.CancelledError:
            watch.stopped = True
            raise
