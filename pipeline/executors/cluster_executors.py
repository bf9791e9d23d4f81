"""Run calls on a cluster: on Dask workers (`REACT1_EXECUTOR=dask://host:port`) or with Ray (`ray://host:port`, `ray`).

A Dask worker runs one call per thread. Of what a call needs, `cores`, `memory_mb` and `scratch_mb` count only if a
worker declares them (`dask worker --resources "cores=8 memory_mb=32000"`); `gpus` and labels must be declared by one.

The coordinator joins a Ray cluster as a driver, at the address of its head (port 6379), not through a Ray Client. A
cancelled call is killed with its worker process, and its tools die with that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from ..core.errors import MissingExtra, StorageFailed, ToolFailed
from ..core.nodes.node import Need
from .base import Call
from .remote import ATTEMPTS, RemoteExecutor, run_shipped_call

CONNECT_S = 30
_MAX_LOSSES = 30
"""Lost workers after which a call fails although it was never the one that ran."""
DASK_INSTALL_HINT = "the executor dask needs the extra 'dask': pip install 'react1-nodes[dask]'"


class DaskExecutor(RemoteExecutor):
    """Run calls on Dask workers; `address` is `tcp://host:port` of the scheduler."""

    _client: Any = None

    async def _connect(self) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise MissingExtra(DASK_INSTALL_HINT) from error
        try:
            open_client: Any = Client  # its types are incomplete
            self._client = await open_client(self.address, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise StorageFailed(
                f"no dask scheduler answers at {self.address}: {error}; start `dask scheduler`, or correct "
                "REACT1_EXECUTOR"
            ) from error

    async def _submit(self, call: Call, call_id: str, text: str) -> str:
        from distributed import KilledWorker

        started = 0
        for attempt in range(_MAX_LOSSES):
            try:
                return await self._attempt(call, f"{call_id}-{attempt}", text)
            except (KilledWorker, TimeoutError, OSError) as error:  # a worker is lost with all calls that it was to run
                if self._client.status != "running":
                    raise self._scheduler_lost() from error
                started += await self._was_started(call_id)
                if started == ATTEMPTS:
                    break
        raise ToolFailed(f"the dask workers that ran this step were lost, {max(started, 1)} times (out of memory?)")

    async def _attempt(self, call: Call, name: str, text: str) -> str:
        from distributed import CancelledError

        future = self._client.submit(
            run_shipped_call,
            text,
            key=f"react1-{call.key[:16]}-{name}",
            pure=False,
            resources=dask_resources(call.need, await self._declared()) or None,
        )
        try:
            reply: str = await future
        except CancelledError as error:
            raise self._scheduler_lost() from error
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                await future.cancel()
            raise
        return reply

    def _scheduler_lost(self) -> StorageFailed:
        return StorageFailed(f"the dask scheduler at {self.address} was lost; run again: finished work is stored")

    async def _declared(self) -> set[str]:
        """Return the names of the resources that workers declare."""
        workers = (await self._client.scheduler.identity())["workers"].values()
        return {name for worker in workers for name in worker.get("resources", {})}

    async def _disconnect(self) -> None:
        await self._client.close()


def dask_resources(need: Need, declared: set[str]) -> dict[str, float]:
    """Return the resources to ask for.

    Raises:
        ToolFailed: no worker declares a label, or `gpus`, that the call needs.
    """
    optional = {"cores": need.cores, "memory_mb": need.memory_mb, "scratch_mb": need.scratch_mb}
    required = {**({"gpus": need.gpus} if need.gpus else {}), **dict.fromkeys(need.labels, 1)}
    for name in required:
        if name not in declared:
            raise ToolFailed(
                f'no dask worker declares the resource {name!r}; start one with `dask worker --resources "{name}=1"`'
            )
    return {
        **{name: float(amount) for name, amount in optional.items() if amount and name in declared},
        **{name: float(amount) for name, amount in required.items()},
    }


RAY_INSTALL_HINT = "the executor ray needs the extra 'ray': pip install 'react1-nodes[ray]'"
_LABEL_SHARE = 0.001
"""A label is a custom resource of which a call takes next to nothing."""


class RayExecutor(RemoteExecutor):
    """Run calls as Ray tasks; `address` is `host:port` of the head, or empty to start Ray on this machine."""

    _task: Any = None
    _ray: Any = None

    async def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingExtra(RAY_INSTALL_HINT) from error
        self._ray = ray
        options: dict[str, Any] = {"address": self.address} if self.address else {"_node_ip_address": "127.0.0.1"}
        try:
            await asyncio.to_thread(
                ray.init, **options, include_dashboard=False, log_to_driver=False, configure_logging=False
            )
        except (OSError, RuntimeError, ValueError, TimeoutError) as error:
            raise StorageFailed(f"no ray cluster at {self.address or 'this machine'}: {error}") from error
        self._task = ray.remote(run_shipped_call)

    async def _submit(self, call: Call, call_id: str, text: str) -> str:
        from ray.exceptions import RayError

        task = self._task.options(max_retries=ATTEMPTS - 1, name=f"react1-{call.key[:16]}", **ray_options(call.need))
        reference = await asyncio.to_thread(task.remote, text)
        work = asyncio.wrap_future(reference.future())
        try:
            reply: str = await asyncio.shield(work)
        except asyncio.CancelledError:
            with contextlib.suppress(RayError, ValueError):
                await asyncio.to_thread(self._ray.cancel, reference, force=True)
            with contextlib.suppress(RayError):
                await work
            raise
        except RayError as error:
            raise ToolFailed(
                f"the ray workers that ran this step were lost, {ATTEMPTS} times (out of memory?): "
                f"{type(error).__name__}"
            ) from error
        return reply

    async def _stop(self, call_id: str, work: asyncio.Future[str]) -> None:
        """Kill the worker of a call."""
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    async def _disconnect(self) -> None:
        await asyncio.to_thread(self._ray.shutdown)


def ray_options(need: Need) -> dict[str, Any]:
    """Return the options of a Ray task for what a call needs."""
    options: dict[str, Any] = {"num_cpus": need.cores, "num_gpus": need.gpus}
    if need.memory_mb:
        options["memory"] = need.memory_mb << 20
    resources = dict.fromkeys(need.labels, _LABEL_SHARE)
    if resources:
        options["resources"] = resources
    return options
