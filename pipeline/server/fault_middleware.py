"""ASGI middleware that injects configured faults, and the protocol that lets it reset a connection.

Source  ASGI 3.0, https://asgi.readthedocs.io
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import time
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .faults import FaultInjector, FaultRule
from .job_queue import RETRY_AFTER_S
from .job_store import utc_text
from .server_options import MODEL

_ROUTES = (
    ("v1", "POST", re.compile(rf"/v1/{re.escape(MODEL)}")),
    ("submit", "POST", re.compile(rf"/v2/{re.escape(MODEL)}")),
    ("status", "GET", re.compile(r"/v2/requests/([^/]+)/status")),
    ("result", "GET", re.compile(r"/v2/requests/([^/]+)")),
    ("upload", "POST", re.compile(r"/upload-asset")),
    ("upload", "PUT", re.compile(r"/assets/[^/]+")),
    ("credits", "GET", re.compile(r"/v1/get-user-credits")),
    ("history", "GET", re.compile(r"/inference-request/request-history(?:/.*)?")),
    ("output", "GET", re.compile(r"/outputs/([^/]+)")),
    ("asset", "GET", re.compile(r"/assets/([^/]+)")),
)
HEAD_TIMEOUT_S = 10.0
"""How long the head of a request may take to arrive."""
_PHRASES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


class FaultMiddleware:
    """Counts requests per route and injects faults."""

    def __init__(self, app: ASGIApp, faults: FaultInjector) -> None:
        self._app, self._faults = app, faults
        self._expired: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request, with its faults; the routes find them in `scope["faults"]`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route, name = route_of(scope["method"], scope["path"])
        hits = self._faults.pick(route)
        scope["faults"] = hits
        if self._is_expired(route, name, hits):
            await _respond(send, 404, b'{"error":"request not found: its result has expired"}')
            return
        await asyncio.sleep(sum(rule.seconds or 0 for rule in hits if rule.do == "slow"))
        final = next((rule for rule in hits if rule.do in ("status", "reset")), None)
        if final is not None:
            if final.when == "after":
                await self._app(scope, receive, _discard)
            else:
                await _drain(receive)
            await _send_fault(final, scope, send)
            return
        share = next((rule.share for rule in hits if rule.do == "truncate"), None)
        # A truncated response never ends for uvicorn, which then closes the connection.
        await self._app(scope, receive, send if share is None else _TruncatedBody(send, share).send)

    def _is_expired(self, route: str | None, name: str, hits: tuple[FaultRule, ...]) -> bool:
        """Return whether this result has expired; an expired result stays so, for status and result alike."""
        key = ("file" if route == "output" else "request", name)
        if any(rule.do == "expired" for rule in hits):
            self._expired.add(key)
        return route in ("status", "result", "output") and key in self._expired


def route_of(method: str, path: str) -> tuple[str | None, str]:
    """Return the route of a request, and the request id or file name in its path."""
    for route, route_method, pattern in _ROUTES:
        match = pattern.fullmatch(path) if method == route_method else None
        if match:
            return route, match[1] if pattern.groups else ""
    return None, ""


class _TruncatedBody:
    """Sends the first part of a body after headers with its full length."""

    def __init__(self, send: Send, share: float) -> None:
        self._send, self._share, self._remaining = send, share, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            length = next((int(value) for name, value in message["headers"] if name == b"content-length"), 0)
            self._remaining = int(length * self._share)
            await self._send(message)
            return
        body = message.get("body", b"")[: self._remaining]
        self._remaining -= len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


async def _discard(message: Message) -> None:
    """Drop a response."""


async def _drain(receive: Receive) -> None:
    """Read the request to its end, so that the client sees the response and not a broken pipe."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _send_fault(rule: FaultRule, scope: Scope, send: Send) -> None:
    if rule.do == "reset":
        await abort_connection(scope)
        return
    code = rule.status or 500
    phrase = _PHRASES.get(code, "Error")
    html = f"<html><head><title>{code} {phrase}</title></head><body><h1>{code} {phrase}</h1></body></html>"
    message = json.dumps({"error": rule.error or f"injected fault: status {code}"}, ensure_ascii=False)
    bodies = {"json": message, "html": html, "empty": ""}
    await _respond(send, code, bodies[rule.body].encode(), "text/html" if rule.body == "html" else "application/json")


async def _respond(send: Send, code: int, body: bytes, content_type: str = "application/json") -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    if code == 429:
        headers.append((b"x-rate-limit-reset-at-utc", utc_text(time.time() + RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class AbortableProtocol(H11Protocol):
    """Passes the connection's transport to the application, since ASGI itself cannot abort a connection.

    A connection whose next request head does not arrive in HEAD_TIMEOUT_S is closed: uvicorn has no limit for that.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the state of every request of the connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Handle data, and note whether the head of a request has begun or is complete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._stop_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


async def abort_connection(scope: Scope) -> None:
    """Abort a request's connection, so that the client sees a TCP reset."""
    transport: Any = scope["state"]["transport"]
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.01)  # lets uvicorn notice before the request ends
