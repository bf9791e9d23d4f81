"""The executors that the runs of one process share: one pool of workers, one connection to a cluster.

A run gets them by `open_executors`. Alone, it opens them for itself; as one film of a batch, it uses those of the batch
and hears of its own calls only by their keys.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from ..store.store import Store
from .base import Executor
from .capacity import Capacity
from .choose_executor import choose_executor
from .local_executor import LocalExecutor

OnProgress = Callable[[str, float], None]
"""Gets the key of a call, and its completed share, 0 to 1."""


class SharedExecutors:
    """The executor that computes, and the one of this process for calls that must not run twice."""

    def __init__(self, store: Store, default: str = "local") -> None:
        """Start no worker yet; `default` is the executor for an empty REACT1_EXECUTOR.

        Raises:
            PresetError: the setting is wrong, or the store cannot be shared with the workers.
        """
        self._listeners: list[OnProgress] = []
        capacity = Capacity()
        self.local = LocalExecutor(store, self._report, capacity)
        self.main: Executor = choose_executor(store, self.local, self._report, capacity, default)

    @contextlib.contextmanager
    def reported_to(self, listener: OnProgress) -> Iterator[None]:
        """Report the progress of all calls to a run, while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def aclose(self) -> None:
        """Stop all calls and release all workers."""
        await self.main.aclose()
        await self.local.aclose()

    def _report(self, key: str, share: float) -> None:
        for listener in tuple(self._listeners):
            listener(key, share)


@contextlib.asynccontextmanager
async def open_executors(
    store: Store, on_progress: OnProgress, shared: SharedExecutors | None = None
) -> AsyncIterator[SharedExecutors]:
    """Open the executors of a run: the shared ones, or its own, which are closed at the end.

    Raises:
        PresetError: REACT1_EXECUTOR is wrong.
    """
    executors = shared or SharedExecutors(store)
    with executors.reported_to(on_progress):
        try:
            yield executors
        finally:
            if shared is None:
                await executors.aclose()
