"""A clock that moves only when it is slept on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from react1.pipeline.jobs.request import Clock

SERVER_START = datetime(2026, 11, 25, 10, tzinfo=UTC)


class FakeClock:
    """The time; `sleeps_s` has every sleep, in seconds."""

    def __init__(self) -> None:
        self.at = SERVER_START
        self.sleeps_s: list[float] = []
        self.run_s = 0.0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.sleeps_s.append(seconds)
        self.run_s += seconds
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def server_now(self) -> datetime:
        """Return the provider's time, which does not follow a change of `at`."""
        return SERVER_START + timedelta(seconds=self.elapsed_s)

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep, lambda: self.run_s)

    @property
    def elapsed_s(self) -> float:
        return sum(self.sleeps_s)
