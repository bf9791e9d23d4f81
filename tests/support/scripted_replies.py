"""A provider with scripted replies, one per request in order; an unused reply fails the test.

A reply without a `Date` header gets one, as from every server.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from react1.pipeline.net.http_pool import HttpPool


@dataclass
class Script:
    """Replies in order; `requests` has the received requests."""

    replies: list[object]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        assert self.replies, f"unexpected request {request.method} {request.url}"
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        assert isinstance(reply, httpx.Response)
        reply.headers.setdefault("date", format_datetime(datetime.now(UTC), usegmt=True))
        return reply

    def pool(self) -> HttpPool:
        async def handle(request: httpx.Request) -> httpx.Response:
            await request.aread()
            return self(request)

        return HttpPool(httpx.MockTransport(handle))

    def done(self) -> None:
        assert not self.replies, f"{len(self.replies)} replies are unused"


def json_reply(code: int = 200, headers: dict[str, str] | None = None, /, **body: object) -> httpx.Response:
    """Return a JSON reply."""
    return httpx.Response(code, json=body, headers=headers)


def html_reply(status: int, text: str = "") -> httpx.Response:
    """Return an HTML reply, as gateways send."""
    return httpx.Response(status, html=text or f"<html><head><title>{status} Oops</title></head><h1>no</h1></html>")


def json_body(request: httpx.Request) -> dict[str, object]:
    """Return the JSON body of a request."""
    return json.loads(request.content)


class DrippingBody(httpx.AsyncByteStream):
    """A body of 1000 bytes, one every 10 s of a loop whose time does not pass otherwise."""

    def __init__(self, set_time) -> None:
        self._set_time, self.sent_bytes = set_time, 0

    async def __aiter__(self):
        while self.sent_bytes < 1000:
            self.sent_bytes += 1
            self._set_time(10.0 * self.sent_bytes)
            await asyncio.sleep(0)
            yield b" "
