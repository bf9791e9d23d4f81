"""Open the executors of a run: those that the setting REACT1_EXECUTOR names, or those that it shares with other runs.

local             threads of this process (default, except for a batch)
processes         processes of this machine (default of a batch); `processes:4` uses four cores
dask://host:port  the workers of a Dask scheduler
ray://host:port   a Ray cluster, by the address of its head; `ray` starts one on this machine

A run gets them by `open_executors`. Alone, it opens them for itself; as one film of a batch, it uses those of the batch
and hears of its own calls only by their keys.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator

from ..core.errors import PresetError
from ..core.settings import executor_setting
from ..store.store import Store
from .base import Executor
from .local_executor import Capacity, LocalExecutor

_FORMS = "local, processes, processes:4, dask://host:port, ray or ray://host:port"
_ADDRESS = re.compile(r"(dask|ray)://([^/:\s]+:\d+)/?")


def choose_executor(
    store: Store,
    local: LocalExecutor,
    on_progress: Callable[[str, float], None],
    capacity: Capacity | None = None,
    default: str = "local",
) -> Executor:
    """Return the executor that the environment names, else the default; `local` is the one of this process.

    Raises:
        PresetError: the setting is wrong, or the store cannot be shared with the workers.
    """
    setting = executor_setting() or default
    if setting == "local":
        return local
    if match := re.fullmatch(r"processes(?::(\d+))?", setting):
        from .process_executor import ProcessExecutor

        return ProcessExecutor(store, on_progress, Capacity(int(match[1])) if match[1] and int(match[1]) else capacity)
    if setting == "ray":
        from .cluster_executors import RayExecutor

        return RayExecutor(store, on_progress)
    address = _ADDRESS.fullmatch(setting)
    if address is None:
        raise PresetError(f"REACT1_EXECUTOR {setting!r} is no executor; write {_FORMS}")
    from ..storage.upload_storage import is_loopback_url
    from .remote import require_shared_store

    require_shared_store(store, setting, is_loopback_url(f"http://{address[2]}"))
    return _remote_executor(address[1], address[2], store, on_progress)


def _remote_executor(kind: str, address: str, store: Store, on_progress: Callable[[str, float], None]) -> Executor:
    from .cluster_executors import DaskExecutor, RayExecutor

    if kind == "dask":
        return DaskExecutor(store, on_progress, f"tcp://{address}")
    return RayExecutor(store, on_progress, address)


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
