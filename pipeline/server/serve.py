"""Run the local server until it is stopped.

Takes   options, a plan of faults, and where to say that it is ready.
Raises  PresetError: the address is taken or another server works in this home; MissingExtra: a library is missing.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..core.errors import PresetError
from .faults import FaultPlan, Faults
from .renderer import MAKERS, Maker
from .server_options import ServerOptions, require_server

BACKLOG = 1024
KEEP_ALIVE_S = 75
"""Longer than clients keep a connection: one that is closed as a request arrives would look like a reset."""


class LocalServer:
    """One server; its port is open as soon as this object is there."""

    def __init__(
        self,
        options: ServerOptions,
        plan: FaultPlan | None = None,
        *,
        make: Maker | None = None,
        ready: Callable[[str], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Bind the address.

        Args:
            options: where it listens and what it allows.
            plan: what goes wrong.
            make: how takes are made; by default as the plan says.
            ready: gets the server's address once it answers.
            tell: gets a line for each request that has ended.
            now: seconds since 1970.
        """
        require_server()
        plan = plan or FaultPlan()
        if plan.credits is not None:
            options = replace(options, credits=plan.credits)
        self._socket = _bound(options.host, options.port)
        self.options = replace(options, port=self._socket.getsockname()[1])
        self._plan, self._make, self._ready, self._tell = plan, make or MAKERS[plan.engine], ready, tell
        self._now = now
        self._stop: Callable[[], None] | None = None

    @property
    def address(self) -> str:
        """The server's own address, without a slash."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"http://{host}:{self.options.port}"

    def run(self) -> None:
        """Serve until stopped by a signal or by `stop`."""
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

        from .asgi_app import build_app
        from .job_queue import Desk
        from .job_store import Shelf
        from .wire import Protocol, TellingServer

        shelf = Shelf(self.options.home)
        shelf.open()  # told here, since a failure inside the application would only be logged
        shelf.close()
        app = build_app(Desk(shelf, self.options, self._make, self._tell, self._now), Faults(self._plan))
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(
            app, http=Protocol, ws="none", lifespan="on", server_header=False, backlog=BACKLOG,
            timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE_S, **quiet,
        )  # fmt: skip
        server = TellingServer(config, lambda: self._ready(self.address))

        def stop() -> None:
            server.should_exit = True

        self._stop = stop
        await server.serve(sockets=[self._socket])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    own = socket.socket(family, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind((host, port))
    except (OSError, OverflowError) as error:
        own.close()
        why = getattr(error, "strerror", None) or error
        raise PresetError(f"{host}:{port} cannot be listened on: {why}; choose another --host or --port") from error
    return own
