"""Limit the rate of requests to a provider, for all jobs of the process together.

Source: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

MAX_PAUSE_S = 120.0
"""Longest pause that a server may ask for; longer ones are cut to it."""
_MIN_EPOCH_MS = 1e11
"""Numeric timestamps above this are milliseconds, not seconds."""


class RateLimiter:
    """Spread requests evenly at a rate per minute, after a burst that does not wait."""

    def __init__(
        self,
        per_minute: float,
        burst: int = 10,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Start with the full burst available.

        Args:
            per_minute: requests per minute in the long run.
            burst: requests that may be sent at once after a pause.
            now: monotonic seconds.
            sleep: wait for a number of seconds.
        """
        self._interval_s, self._burst = 60.0 / per_minute, burst
        self._now, self._sleep = now, sleep
        self._due_s = 0.0
        self._paused_until_s = 0.0
        self._queue = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait until one more request may be sent. First come, first served; after a pause the burst is not larger."""
        async with self._queue:
            while (wait_s := self._next_slot_s() - self._now()) > 0:
                await self._sleep(wait_s)
            self._due_s = max(self._due_s, self._now()) + self._interval_s

    def _next_slot_s(self) -> float:
        return max(self._paused_until_s, self._due_s - self._interval_s * (self._burst - 1))

    def pause(self, seconds: float) -> None:
        """Send nothing for a number of seconds (at most MAX_PAUSE_S), because the server asked for it."""
        self._paused_until_s = max(self._paused_until_s, self._now() + min(seconds, MAX_PAUSE_S))


def seconds_until_reset(text: str | None, now: datetime) -> float | None:
    """Parse `x-rate-limit-reset-at-utc` (ISO 8601, or seconds or milliseconds since 1970); None if it is invalid."""
    if not text:
        return None
    try:
        number = float(text)
        reset_at = datetime.fromtimestamp(number / 1000 if number > _MIN_EPOCH_MS else number, UTC)
    except (ValueError, OverflowError, OSError):
        try:
            reset_at = datetime.fromisoformat(text)
        except ValueError:
            return None
    reset_at = reset_at if reset_at.tzinfo else reset_at.replace(tzinfo=UTC)
    return max(0.0, (reset_at - now).total_seconds())
