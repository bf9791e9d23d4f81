"""How workers on other machines learn that a call is to stop: from a record of the coordinator in the store.

The record `coordinators/<name>` has a beat, which the coordinator raises, and the calls that are to stop. A call also
stops when the record is gone, or when its beat has not changed for REACT1_SILENCE_S seconds by the worker's own clock:
then the coordinator is dead. Engines alone do not stop a tool that runs in a cancelled call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable

from ..core.errors import Interrupted, StorageFailed
from ..core.settings import coordinator_silence_s
from ..store.store_backend import Records
from .base import CallMonitor

BEATS = 9
"""Beats in the time after which a coordinator counts as dead."""
POLL_S = 1.0
"""How often a call reads the record."""


class Coordinator:
    """The record of this process; it exists from `start` to `close`."""

    def __init__(self, records: Records, silence_s: float | None = None) -> None:
        """Write nothing yet; after `silence_s` without a beat the calls stop."""
        self.name = secrets.token_hex(8)
        self.silence_s = coordinator_silence_s() if silence_s is None else silence_s
        self._records = records
        self._beat = 0
        self._stopped: set[str] = set()
        self._writing = threading.Lock()
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Create the record, and raise its beat from time to time."""
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat_on())
            await asyncio.to_thread(self._records.create, self._record, self._text())

    async def stop(self, call: str) -> None:
        """Record that whoever runs a call has to stop it."""
        self._stopped.add(call)
        await asyncio.to_thread(self._write)

    async def close(self) -> None:
        """Remove the record, which stops all calls."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.to_thread(self._records.remove, self._record)

    @property
    def _record(self) -> str:
        return f"coordinators/{self.name}"

    def _text(self) -> str:
        return json.dumps({"beat": self._beat, "stopped": sorted(self._stopped)})

    def _write(self) -> None:
        with self._writing:
            self._beat += 1
            stored = self._records.read(self._record)
            if stored is not None:
                self._records.replace(self._record, self._text(), stored.version)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self.silence_s / BEATS)
            with contextlib.suppress(StorageFailed):  # the store is away for a moment
                await asyncio.to_thread(self._write)


class WatchingMonitor(CallMonitor):
    """A monitor that stops its call when the coordinator's record says so, or the coordinator is dead."""

    def __init__(
        self,
        records: Records,
        coordinator: str,
        call: str,
        silence_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._silence_s = silence_s
        self._records, self._record, self._call, self._clock = records, f"coordinators/{coordinator}", call, clock
        self._polled_s = -POLL_S
        self._beat: tuple[int, float] = (-1, 0.0)
        self._reading = threading.Lock()

    def check(self) -> None:
        """Raise if the call has to stop; the record is read at most every `POLL_S`.

        Raises:
            Interrupted: the run was stopped, or its coordinator is gone.
        """
        now_s = self._clock()
        if not self.stopped and now_s - self._polled_s >= POLL_S and self._reading.acquire(blocking=False):
            try:
                self._polled_s = now_s
                self.stopped = self._is_stopped(now_s)
            finally:
                self._reading.release()
        if self.stopped:
            raise Interrupted("stopped")

    def _is_stopped(self, now_s: float) -> bool:
        try:
            stored = self._records.read(self._record)
        except StorageFailed:
            return self._is_silent(self._beat[0], now_s)
        if stored is None:
            return True
        data = json.loads(stored.text)
        return self._call in data["stopped"] or self._is_silent(data["beat"], now_s)

    def _is_silent(self, beat: int, now_s: float) -> bool:
        if beat != self._beat[0]:
            self._beat = (beat, now_s)
        return now_s - self._beat[1] > self._silence_s
