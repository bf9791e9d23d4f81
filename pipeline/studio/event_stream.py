"""What changes, as server-sent events for every open page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from .answers.general_answers import ServerEvent

_MOST_WAITING = 400
"""Events that wait for a page; one that falls further behind connects again."""
_ALIVE_S = 3.0
"""After so much silence a page is told that the studio is alive; it takes much more of it for a studio that hangs."""


class EventStream:
    """Send events to all listeners; `send` may be called from any thread."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[ServerEvent | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this loop for all listeners."""
        self._loop = loop

    def send(self, kind: str, **data: Any) -> None:
        """Send an event; it is lost if the server is stopping."""
        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._put, ServerEvent.model_validate({"kind": kind, **data}))
            except RuntimeError:  # the loop was closed in between
                return

    def close(self) -> None:
        """End all streams; call it in the loop."""
        for queue in self._queues:
            queue.put_nowait(None)

    def _put(self, event: ServerEvent) -> None:
        for queue in list(self._queues):
            if queue.qsize() < _MOST_WAITING:
                queue.put_nowait(event)
            else:  # a page that falls behind connects again, and asks for everything
                self._queues.discard(queue)
                queue.put_nowait(None)

    async def listen(self) -> AsyncIterator[str]:
        """Yield events as `text/event-stream`."""
        queue: asyncio.Queue[ServerEvent | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield "retry: 1000\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), _ALIVE_S)
                except TimeoutError:
                    event = ServerEvent(kind="alive")
                if event is None:
                    return
                yield f"data: {event.model_dump_json(exclude_unset=True)}\n\n"
        finally:
            self._queues.discard(queue)
