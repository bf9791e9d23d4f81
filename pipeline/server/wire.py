"""The wire below ASGI: connections that can be broken off, and a server that says when it answers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol


class Protocol(H11Protocol):
    """Hands the connection's transport to the application, since ASGI itself cannot break one off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the transport where requests find it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class TellingServer(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell."""
        await super().startup(sockets)
        self._ready()


async def reset(scope: Scope) -> None:
    """Break a request's connection off, so that the other side sees a reset and not an end."""
    transport: Any = scope["state"]["transport"]
    own = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.01)  # lets the server learn of it before the request ends
