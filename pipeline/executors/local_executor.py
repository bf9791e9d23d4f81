"""Run calls in threads of this process, with as many at once as fit its cores and its memory.

A call that only waits (`Need.cores` 0) needs no core. When `run` returns from a cancelled call, its tool has exited and
its scratch folder is deleted. `Capacity` is what all executors of a process share.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from ..core.errors import Interrupted
from ..core.nodes.node import Need
from ..store.store import Store
from .base import Call, CallMonitor, Result, execute_call

MEMORY_SHARE = 0.9
"""The share of this machine's memory that calls may reserve; the rest is the system's and the coordinator's."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_Amount = tuple[int, int]
"""Cores, and memory in MB."""


class Capacity:
    """As much as a call needs, first come, first served; a call that needs more than there is takes all."""

    def __init__(self, cores: int | None = None, memory_mb: int | None = None) -> None:
        """Share so many cores and so much memory; default: those of this machine."""
        self.cores = cores or os.cpu_count() or 1
        self.memory_mb = round(MEMORY_SHARE * machine_memory_mb()) if memory_mb is None else memory_mb
        """0: not known, so no memory is reserved."""
        self._free: _Amount = (self.cores, self.memory_mb)
        self._waiting: deque[tuple[_Amount, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, need: Need) -> AsyncIterator[None]:
        """Wait until what a call needs is free, and hold it; a call that needs nothing waits for nothing."""
        amount = (min(need.cores, self.cores), min(need.memory_mb, self.memory_mb))
        if any(amount):
            await self._take(amount)
        try:
            yield
        finally:
            self._give_back(amount)

    async def _take(self, amount: _Amount) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(item for item in self._waiting if item[1] is not turn)
                self._wake()
            else:
                self._give_back(amount)
            raise

    def _give_back(self, amount: _Amount) -> None:
        self._free = (self._free[0] + amount[0], self._free[1] + amount[1])
        self._wake()

    def _wake(self) -> None:
        while self._waiting and all(
            wanted <= free for wanted, free in zip(self._waiting[0][0], self._free, strict=True)
        ):
            amount, turn = self._waiting.popleft()
            if not turn.done():
                self._free = (self._free[0] - amount[0], self._free[1] - amount[1])
                turn.set_result(None)


def machine_memory_mb() -> int:
    """Return the memory of this machine, or of its container if that has less, in MB; 0 if it is not known."""
    limits = []
    with contextlib.suppress(OSError, ValueError, AttributeError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        limits.append(int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    return min(limits, default=0) >> 20


_MAX_THREADS = 256


class LocalExecutor:
    """Run each call once, in a thread of this process."""

    def __init__(
        self,
        store: Store,
        on_progress: Callable[[str, float], None] = lambda _key, _share: None,
        capacity: Capacity | None = None,
    ) -> None:
        """Start no thread yet; `capacity` is what other executors of this process share."""
        self._store = store
        self._on_progress = on_progress
        self._capacity = capacity or Capacity()
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="react1")
        self._monitors: dict[str, CallMonitor] = {}

    async def run(self, call: Call) -> Result:
        """Run a call in a thread as soon as what it needs is free."""
        async with self._capacity.hold(call.need):
            return await self._in_thread(call)

    async def cancel(self, key: str) -> None:
        """Stop the call with this key if it is running."""
        if key in self._monitors:
            self._monitors[key].stopped = True

    async def aclose(self) -> None:
        """Stop all calls."""
        for monitor in self._monitors.values():
            monitor.stopped = True
        self._threads.shutdown(wait=True)

    async def _in_thread(self, call: Call) -> Result:
        monitor = CallMonitor(lambda share: self._on_progress(call.key, share))
        self._monitors[call.key] = monitor
        work = asyncio.get_running_loop().run_in_executor(self._threads, execute_call, call, self._store, monitor)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            monitor.stopped = True
            await asyncio.wait([work])
            work.exception()
            raise
        except Interrupted:
            raise asyncio.CancelledError from None
        finally:
            self._monitors.pop(call.key, None)
