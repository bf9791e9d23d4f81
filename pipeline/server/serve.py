"""Run the local server until it is stopped."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..core.errors import PresetError
from .faults import FaultInjector, FaultPlan
from .server_options import ServerOptions, require_server
from .worker_protocol import RENDERERS, Renderer

BACKLOG = 1024
KEEP_ALIVE_S = 75
"""Longer than clients reuse a connection: closing one as a request arrives would look like a reset."""


class LocalServer:
    """One server; its port is bound as soon as this object exists."""

    def __init__(
        self,
        options: ServerOptions,
        plan: FaultPlan | None = None,
        *,
        renderer: Renderer | None = None,
        ready: Callable[[str], None] = lambda _: None,
        report: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Bind the port.

        Args:
            options: where it listens, and its limits.
            plan: faults to inject.
            renderer: renders takes; by default the one that the plan names.
            ready: called with the server's URL once it accepts connections.
            report: called with a line for each request that has ended.
            now: returns seconds since 1970.

        Raises:
            PresetError: the port is in use.
            MissingExtra: a library is missing.
        """
        require_server()
        plan = plan or FaultPlan()
        if plan.credits is not None:
            options = replace(options, credits=plan.credits)
        self._socket = _bind(options.host, options.port)
        self.options = replace(options, port=self._socket.getsockname()[1])
        self._plan, self._renderer, self._ready = plan, renderer or RENDERERS[plan.engine], ready
        self._report, self._now = report, now
        self._stop: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"http://{host}:{self.options.port}"

    def run(self) -> None:
        """Serve until a signal or `stop` ends it.

        Raises:
            PresetError: another server uses this home.
        """
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        if self._stop is not None:
            self._stop()

    async def _serve(self) -> None:
        import uvicorn

        from .asgi_app import NotifyingServer, build_app
        from .fault_middleware import AbortableProtocol
        from .job_queue import JobQueue
        from .job_store import JobStore

        store = JobStore(self.options.home)
        store.open()  # raises here; inside the application uvicorn would only log the error
        store.close()
        queue = JobQueue(store, self.options, self._renderer, self._report, self._now)
        app = build_app(queue, FaultInjector(self._plan))
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(
            app, http=AbortableProtocol, ws="none", lifespan="on", server_header=False, backlog=BACKLOG,
            timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE_S, **quiet,
        )  # fmt: skip
        server = NotifyingServer(config, lambda: self._ready(self.url))

        def stop() -> None:
            server.should_exit = True

        self._stop = stop
        await server.serve(sockets=[self._socket])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise PresetError(f"cannot listen on {host}:{port}: {reason}; choose another --host or --port") from error
    return listener
