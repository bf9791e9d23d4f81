"""How often a host is asked: one budget of requests for all jobs of the process.

Source  https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

LONGEST_HOLD_S = 120.0
"""The most that a host's word of when to come back is obeyed."""
_EPOCH_IN_MS = 1e11


class RateBudget:
    """So many requests a minute, evenly spread, after a burst that is free."""

    def __init__(
        self,
        per_minute: float,
        burst: int = 10,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Begin with the whole burst.

        Args:
            per_minute: requests a minute in the long run.
            burst: requests that may come at once after a pause.
            now: seconds of a clock that only rises.
            sleep: waits so many seconds.
        """
        self._every_s, self._burst = 60.0 / per_minute, burst
        self._now, self._sleep = now, sleep
        self._due_s = 0.0
        self._held_until_s = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more request may be sent; first come, first served, and after a hold no more at once."""
        async with self._line:
            while (wait_s := self._open_at_s() - self._now()) > 0:
                await self._sleep(wait_s)
            self._due_s = max(self._due_s, self._now()) + self._every_s

    def _open_at_s(self) -> float:
        return max(self._held_until_s, self._due_s - self._every_s * (self._burst - 1))

    def hold(self, seconds: float) -> None:
        """Send nothing for so long: the host has said that it is too much."""
        self._held_until_s = max(self._held_until_s, self._now() + min(seconds, LONGEST_HOLD_S))


def reset_in_s(text: str | None, now: datetime) -> float | None:
    """Read `x-rate-limit-reset-at-utc`, ISO 8601 or seconds since 1970; None where it tells nothing."""
    if not text:
        return None
    try:
        number = float(text)
        at = datetime.fromtimestamp(number / 1000 if number > _EPOCH_IN_MS else number, UTC)
    except (ValueError, OverflowError, OSError):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
