"""Calls on this machine: threads that wait for tools, bounded by the cores.

What computes takes a slot of the cores; what waits (`cpu_slots` 0) takes none. A stopped call's tool is dead and its
room is gone before `run` comes back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..core.errors import Interrupted
from ..store.store import Store
from .base import Call, Result, Watch, execute_call

_MOST_THREADS = 256


class LocalExecutor:
    """Runs calls in threads of this process."""

    def __init__(
        self,
        store: Store,
        on_progress: Callable[[str, float], None] = lambda _key, _share: None,
        cores: int | None = None,
    ) -> None:
        self._store = store
        self._on_progress = on_progress
        self._slots = asyncio.Semaphore(cores or os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="react1")
        self._watches: dict[str, Watch] = {}

    async def run(self, call: Call) -> Result:
        """Run a call in a thread, when there is a core for it."""
        if call.need.cpu_slots == 0:
            return await self._in_thread(call)
        async with self._slots:
            return await self._in_thread(call)

    async def cancel(self, key: str) -> None:
        """Stop the call with this key, if it runs."""
        if key in self._watches:
            self._watches[key].stopped = True

    async def aclose(self) -> None:
        """Stop all that runs."""
        for watch in self._watches.values():
            watch.stopped = True
        self._threads.shutdown(wait=True)

    async def _in_thread(self, call: Call) -> Result:
        watch = Watch(lambda share: self._on_progress(call.key, share))
        self._watches[call.key] = watch
        work = asyncio.get_running_loop().run_in_executor(self._threads, execute_call, call, self._store, watch)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            watch.stopped = True
            await asyncio.wait([work])
            work.exception()
            raise
        except Interrupted:
            raise asyncio.CancelledError from None
        finally:
            self._watches.pop(call.key, None)
