"""Run calls in threads of this process, with as many at once as fit its cores and its memory.

A call that only waits (`Need.cores` 0) needs no core. When `run` returns from a cancelled call, its tool has exited and
its scratch folder is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..core.errors import Interrupted
from ..store.store import Store
from .base import Call, CallMonitor, Result, execute_call
from .capacity import Capacity

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
