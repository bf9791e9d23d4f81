"""A clock that only moves when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from react1.pipeline.paid.ask import Clock


class FakeClock:
    """Holds the time; `waited` has every wait, in seconds."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 25, 10, tzinfo=UTC)
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)

    @property
    def gone_s(self) -> float:
        return sum(self.waited)
