"""How many jobs of a host are under way at once, counted from the ledger, so that other processes count too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .ledger import Ledger
from .request import Clock

LOOK_S = 2.0
YOUNG_S = 3600.0
"""An open entry that is older has no job any more that takes a place; one of the future tells of a clock, not a job."""


class Turns:
    """The places that a host has for jobs."""

    def __init__(self, ledger: Ledger, provider: str, at_once: int | None, clock: Clock) -> None:
        self._ledger, self._provider, self._at_once, self._clock = ledger, provider, at_once, clock
        self._own: set[str] = set()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def place(self, key: str, *, has_one: bool) -> AsyncIterator[None]:
        """Hold a place while a job is under way; one that the host has already takes its place without waiting."""
        if has_one or self._at_once is None:
            self._own.add(key)
        else:
            async with self._turn:
                while len(self._own) + self._others() >= self._at_once:
                    await self._clock.sleep(LOOK_S)
                self._own.add(key)
        try:
            yield
        finally:
            self._own.discard(key)

    def _others(self) -> int:
        """Count the jobs that other processes have sent and that have not ended."""
        return sum(
            1
            for entry in self._ledger.all()
            if entry.open
            and entry.key not in self._own
            and entry.intended is not None
            and entry.intended.call.provider == self._provider
            and 0 < self._clock.since_s(entry.intended.at) < YOUNG_S
        )
