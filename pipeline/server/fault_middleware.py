"""Between the wire and the routes: faults that were asked for happen here.

Source  ASGI 3.0, https://asgi.readthedocs.io
"""

from __future__ import annotations

import asyncio
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .faults import Fault, Faults
from .job_queue import BUSY_S
from .server_job import moment
from .server_options import MODEL
from .wire import reset

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
_PHRASES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


class Meddler:
    """Counts calls by route, and lets go wrong what should."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults
        self._expired: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its faults."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route, name = route_of(scope["method"], scope["path"])
        hits = self._faults.pick(route)
        scope["faults"] = hits
        if self._is_expired(route, name, hits):
            await _answer(send, 404, b'{"error":"request not found: its result has expired"}')
            return
        await asyncio.sleep(sum(fault.seconds or 0 for fault in hits if fault.do == "slow"))
        final = next((fault for fault in hits if fault.do in ("status", "reset")), None)
        if final is not None:
            if final.when == "after":
                await self._app(scope, receive, _unheard)
            else:
                await _drained(receive)
            await _finish(final, scope, send)
            return
        share = next((fault.share for fault in hits if fault.do == "truncate"), None)
        # A cut answer stays incomplete, and the server then closes the connection.
        await self._app(scope, receive, send if share is None else _Cut(send, share).send)

    def _is_expired(self, route: str | None, name: str, hits: tuple[Fault, ...]) -> bool:
        """Tell whether this result has expired; once it has, it stays so, for status and result alike."""
        key = ("file" if route == "output" else "request", name)
        if any(fault.do == "expired" for fault in hits):
            self._expired.add(key)
        return route in ("status", "result", "output") and key in self._expired


def route_of(method: str, path: str) -> tuple[str | None, str]:
    """Name the route of a request, and the request or file that it asks for."""
    for route, wanted, pattern in _ROUTES:
        match = pattern.fullmatch(path) if method == wanted else None
        if match:
            return route, match[1] if pattern.groups else ""
    return None, ""


class _Cut:
    """Sends the first part of a body, under the full length's header."""

    def __init__(self, send: Send, share: float) -> None:
        self._send, self._share, self._left = send, share, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            length = next((int(value) for name, value in message["headers"] if name == b"content-length"), 0)
            self._left = int(length * self._share)
            await self._send(message)
            return
        body = message.get("body", b"")[: self._left]
        self._left -= len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


async def _unheard(message: Message) -> None:
    """Drop an answer."""


async def _drained(receive: Receive) -> None:
    """Take in what is sent, so that the sender sees the answer and not a broken pipe."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _finish(fault: Fault, scope: Scope, send: Send) -> None:
    if fault.do == "reset":
        await reset(scope)
        return
    code = fault.status or 500
    phrase = _PHRASES.get(code, "Error")
    html = f"<html><head><title>{code} {phrase}</title></head><body><h1>{code} {phrase}</h1></body></html>"
    told = (fault.error or f"{code} was asked for").replace("\\", "\\\\").replace('"', '\\"')
    bodies = {"json": f'{{"error":"{told}"}}', "html": html, "empty": ""}
    await _answer(send, code, bodies[fault.body].encode(), "text/html" if fault.body == "html" else "application/json")


async def _answer(send: Send, code: int, body: bytes, kind: str = "application/json") -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    if code == 429:
        headers.append((b"x-rate-limit-reset-at-utc", moment(time.time() + BUSY_S).encode()))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
