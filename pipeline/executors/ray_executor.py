"""Run calls on a Ray cluster: `REACT1_EXECUTOR=ray://host:port`, or `ray` for one on this machine.

The coordinator joins the cluster as a driver, at the address of its head (port 6379), not through a Ray Client. A
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

INSTALL_HINT = "the executor ray needs the extra 'ray': pip install 'react1-nodes[ray]'"
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
            raise MissingExtra(INSTALL_HINT) from error
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
