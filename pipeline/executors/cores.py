"""The cores of this machine, which the running calls of a process share."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cores:
    """As many cores as a call needs, first come, first served; a call that needs more than there are takes all."""

    def __init__(self, count: int | None = None) -> None:
        """Share `count` cores; default: those of this machine."""
        self.count = count or os.cpu_count() or 1
        self._free = self.count
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, needed: int) -> AsyncIterator[None]:
        """Wait for free cores and hold them; 0 waits for nothing."""
        cores = min(needed, self.count)
        if cores:
            await self._take(cores)
        try:
            yield
        finally:
            self._free += cores
            self._wake()

    async def _take(self, cores: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((cores, turn))
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(item for item in self._waiting if item[1] is not turn)
            else:
                self._free += cores
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            cores, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= cores
                turn.set_result(None)
