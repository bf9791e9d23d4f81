"""Which executor the setting REACT1_EXECUTOR names.

local             threads of this process (default, except for a batch)
processes         processes of this machine (default of a batch); `processes:4` uses four cores
dask://host:port  the workers of a Dask scheduler
ray://host:port   a Ray cluster, by the address of its head; `ray` starts one on this machine
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..core.errors import PresetError
from ..core.settings import executor_setting
from ..storage.upload_storage import is_loopback_url
from ..store.store import Store
from .base import Executor
from .capacity import Capacity
from .local_executor import LocalExecutor

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
        from .ray_executor import RayExecutor

        return RayExecutor(store, on_progress)
    address = _ADDRESS.fullmatch(setting)
    if address is None:
        raise PresetError(f"REACT1_EXECUTOR {setting!r} is no executor; write {_FORMS}")
    from .remote import require_shared_store

    require_shared_store(store, setting, is_loopback_url(f"http://{address[2]}"))
    return _remote_executor(address[1], address[2], store, on_progress)


def _remote_executor(kind: str, address: str, store: Store, on_progress: Callable[[str, float], None]) -> Executor:
    if kind == "dask":
        from .dask_executor import DaskExecutor

        return DaskExecutor(store, on_progress, f"tcp://{address}")
    from .ray_executor import RayExecutor

    return RayExecutor(store, on_progress, address)
