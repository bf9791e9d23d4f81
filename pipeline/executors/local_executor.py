"""Run calls in threads of this process, with as many at once as there are cores.

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
from .cores import Cores

_MAX_THREADS = 256


class LocalExecutor:
    """Run each call once, in a thread of this process."""

    def __init__(
        self,
        store: Store,
        on_progress: Callable[[str, float], None] = lambda _key, _share: None,
        cores: Cores | None = None,
    ) -> None:
        """Start no thread yet; `cores` are those that other executors of this process share."""
        self._store = store
        self._on_progress = on_progress
        self._cores = cores or Cores()
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="react1")
        self._monitors: dict[str, CallMonitor] = {}

    async def run(self, call: Call) -> Result:
        """Run a call in a thread as soon as its cores are free."""
        async with self._cores.hold(call.need.cores):
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
