"""Limit the time of a complete download: httpx limits the silence between two reads only.

When the time is over, the connection is shut down from another thread, which ends a read that waits for the next byte
of a body or of a header.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

_OPENED = ("connect_tcp.complete", "start_tls.complete")


class TimeLimit:
    """A limit in seconds from the start of the block; `expired` says whether it is over."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self.expired = limit_s, False
        self._stream: Any = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the limit while the block runs."""
        timer = threading.Timer(self.limit_s, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note the connection of a request; for httpx's request extension `trace`."""
        if event.endswith(_OPENED):
            with self._lock:
                self._stream = info["return_value"]
                if self.expired:
                    self._shut_down()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(OSError):  # it is closed already
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
