"""Wait for something that nobody can stop, such as a person's answer, in a thread that ends with the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress


async def apart(work: Callable[[], None]) -> None:
    """Do something in a thread of its own; when the run is stopped, the thread is left to itself.

    The loop's own threads are waited for at its end, so a question that nobody answers would keep a stopped run alive.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def inside() -> None:
        told: BaseException | None = None
        try:
            work()
        except BaseException as error:  # handed to the loop
            told = error
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(tell, told)

    threading.Thread(target=inside, name="react1-apart", daemon=True).start()
    await ended
