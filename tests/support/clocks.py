"""A clock that only moves when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from react1.pipeline.jobs.request import Clock


class FakeClock:
    """Holds the time; `waited` has every wait, in seconds."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 25, 10, tzinfo=UTC)
        self.waited: list[float] = []
        self.run_s = 0.0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.run_s += seconds
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep, lambda: self.run_s)

    @property
    def gone_s(self) -> float:
        return sum(self.waited)
