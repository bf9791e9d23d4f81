"""A host that answers by a script: one reply per request, in order; one that is not used fails the test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import httpx

from react1.pipeline.net.http_pool import Pool


@dataclass
class Script:
    """Replies in order; `asked` holds the requests."""

    replies: list[object]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        assert self.replies, f"nobody expected {request.method} {request.url}"
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        assert isinstance(reply, httpx.Response)
        return reply

    def pool(self) -> Pool:
        async def handle(request: httpx.Request) -> httpx.Response:
            await request.aread()
            return self(request)

        return Pool(httpx.MockTransport(handle))

    def done(self) -> None:
        assert not self.replies, f"{len(self.replies)} replies were not asked for"


def told(code: int = 200, headers: dict[str, str] | None = None, /, **body: object) -> httpx.Response:
    """A reply of JSON."""
    return httpx.Response(code, json=body, headers=headers)


def page(status: int, text: str = "") -> httpx.Response:
    """A reply of HTML, as gateways give."""
    return httpx.Response(status, html=text or f"<html><head><title>{status} Oops</title></head><h1>no</h1></html>")


def sent(request: httpx.Request) -> dict[str, object]:
    """The JSON of a request."""
    return json.loads(request.content)
