"""A server whose port is bound as soon as it exists, and which runs until a signal or `stop` ends it."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ..core.errors import PresetError

KEEP_ALIVE_S = 75
"""Longer than clients reuse a connection: closing one as a request arrives would look like a reset."""


class HttpServer(ABC):
    """Serve one ASGI application."""

    def __init__(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Bind the port, 0 for a free one; `ready` is called with `url` once connections are accepted.

        Raises:
            PresetError: the port is in use, or the address is not this machine's.
        """
        self._socket = bind_socket(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._ready = ready
        self._stop: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        return server_url(self.host, self.port)

    def run(self) -> None:
        """Serve until a signal or `stop` ends it."""
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        if self._stop is not None:
            self._stop()

    @abstractmethod
    async def _serve(self) -> None:
        """Build the application and pass it to `_serve_app`."""

    async def _serve_app(
        self, app: ASGIApp, *, graceful_s: int, before_stop: Callable[[], None] = lambda: None, **settings: Any
    ) -> None:
        """Serve an application; at the end open requests have `graceful_s` to finish. `settings` are uvicorn's."""
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(
            app, ws="none", lifespan="on", server_header=False,
            timeout_graceful_shutdown=graceful_s, timeout_keep_alive=KEEP_ALIVE_S, **quiet, **settings,
        )  # fmt: skip
        server = _NotifyingServer(config, lambda: self._ready(self.url))

        def stop() -> None:
            before_stop()
            server.should_exit = True

        self._stop = stop
        await server.serve(sockets=[self._socket])


class _NotifyingServer(uvicorn.Server):
    """Calls `ready` once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then call `ready`."""
        await super().startup(sockets)
        self._ready()


def server_url(host: str, port: int) -> str:
    """Return the URL of a server, without a slash at its end; an IPv6 address gets its brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def bind_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; 0 selects a free port.

    Raises:
        PresetError: the port is in use, or the address is not this machine's.
    """
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
