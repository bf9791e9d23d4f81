"""React-1 at Segmind: v2 (submit, poll, fetch) by default, v1 (one blocking call) where asked for.

Takes   the eight parameters, sent once.
Gives   tickets, states, takes' addresses; or, with v1, the take itself.
Raises  NoJob, AnswerLost, NotNow, HostFailed, as contract.py tells.
Source  https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.errors import ProviderError
from ...net.api_client import Host
from ...net.error_text import words_of
from ...net.http_pool import NotSent, Reply, Unanswered
from ..contract import AnswerLost, Done, Failed, Found, NoJob, NotNow, Order, Ticket, Waiting
from ..parameters import SEGMIND_MODEL
from ..response_values import amount, request_id_of
from .history import PER_PAGE, REACH, found_in, is_last, judge, rows_of, window
from .responses import finished, not_told, output_of, progress, refused, state_of

KEY = "SEGMIND_API_KEY"
HISTORY = "inference-request/request-history"
MOST_PAGES = 20
V1_READ_S = 1800.0


class SegmindClient:
    """Talks to the host; retries nothing."""

    def __init__(self, api: Host, history: Host, version: str = "v2") -> None:
        self._api, self._history, self._version = api, history, version

    async def quote(self, order: Order) -> float | None:
        """The host gives no estimate."""

    async def submit(self, order: Order, into: Path) -> Ticket | Done:
        """Send a call, once."""
        v1 = self._version == "v1"
        told = order.request.model_dump(mode="json")
        try:
            reply = await self._api.post(
                f"{self._version}/{SEGMIND_MODEL}", told, read_s=V1_READ_S if v1 else 60.0, into=into if v1 else None
            )
        except NotSent as error:
            raise NoJob(f"segmind: {error}; nothing was sent", wait_s=5.0) from error
        except Unanswered as error:
            raise AnswerLost(f"segmind: {error}, after the call was sent") from error
        if not reply.ok:
            raise refused(reply, words_of(reply, self._api.hidden), KEY)
        return _brought(reply) if v1 else _ticket(reply)

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Look at a job, and fetch its final body when it is complete."""
        place = f"v2/requests/{quote(request_id, safe='')}"
        reply = await self._get(f"{place}/status", "the state of a job")
        if reply.status == 404:
            return await self._expired(request_id)
        state = state_of(reply.object())
        if state != "COMPLETED":
            return self._read(request_id, reply, state)
        reply = await self._get(place, "the result of a job")
        if reply.status == 404:
            return await self._expired(request_id)
        told = reply.object()
        if state_of(told) == "FAILED":
            return self._read(request_id, reply, "FAILED")
        if not reply.ok:
            raise not_told(reply, words_of(reply, self._api.hidden), KEY, "the result of a job")
        done = finished(request_id, told)
        if done is None:
            raise NotNow(f"segmind says that job {request_id} is COMPLETED, but gives no output")
        return done

    async def recover(self, order: Order, known: Collection[str]) -> Found | None:
        """Look for a call among the requests since it was intended, page by page."""
        now, unclear, seen = datetime.now(UTC), False, set[str]()
        if order.intended_at < now - REACH:
            raise ProviderError(f"segmind's history does not reach back to {order.intended_at:%Y-%m-%d}")
        query = window(order.intended_at, now) | {"per_page": str(PER_PAGE), "model_name": SEGMIND_MODEL}
        for page in range(1, MOST_PAGES + 1):
            told = await self._page(HISTORY, query | {"page": str(page)})
            rows = rows_of(told)
            if rows is None:
                raise ProviderError("segmind's history of requests has another shape than expected")
            verdicts = [judge(row, order, known) for row in rows]
            if "ours" in verdicts:
                return found_in(rows[verdicts.index("ours")], self._api.hidden)
            unclear = unclear or "unclear" in verdicts
            fresh = {str(row) for row in rows} - seen
            seen |= fresh
            if not fresh or is_last(told, page):
                break
        else:
            raise ProviderError(f"segmind's history has more than {MOST_PAGES} pages")
        if unclear:
            raise ProviderError("segmind's history lists a request of these files that cannot be told for certain")
        return None

    def _read(self, request_id: str, reply: Reply, state: str) -> Waiting | Failed:
        found = progress(request_id, state, words_of(reply, self._api.hidden))
        if found is None:
            raise not_told(reply, words_of(reply, self._api.hidden), KEY, "the state of a job")
        return found

    async def _expired(self, request_id: str) -> Waiting | Done | Failed:
        """Ask the history for a job that the requests do not know any more: its output outlives the request."""
        reply = await self._asked(self._history, f"{HISTORY}/{quote(request_id, safe='')}", None)
        if not reply.ok and reply.status != 404:
            raise not_told(reply, words_of(reply, self._api.hidden), KEY, "a job of the history")
        told = reply.object()
        inner = told.get("data")
        rows = [inner] if isinstance(inner, dict) else (rows_of(told) or [told])
        for row in rows:
            if isinstance(row, dict) and request_id_of(row.get("request_id")) == request_id:
                found = found_in(row, self._api.hidden)
                return Waiting("PROCESSING") if isinstance(found, Ticket) else found
        raise NotNow(f"segmind does not know job {request_id} (results are kept for an hour), nor does its history")

    async def _page(self, place: str, query: dict[str, str]) -> Any:
        reply = await self._asked(self._history, place, query)
        if not reply.ok:
            raise not_told(reply, words_of(reply, self._api.hidden), KEY, "the history of requests")
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            raise NotNow("segmind's history of requests is not JSON") from error

    async def _get(self, place: str, what: str) -> Reply:
        """Ask; a failed job is told by 422, and a job that is not known by 404."""
        reply = await self._asked(self._api, place, None)
        if reply.ok or reply.status == 404 or state_of(reply.object()) == "FAILED":
            return reply
        raise not_told(reply, words_of(reply, self._api.hidden), KEY, what)

    async def _asked(self, host: Host, place: str, query: dict[str, str] | None) -> Reply:
        try:
            return await host.get(place, params=query)
        except (NotSent, Unanswered) as error:
            raise NotNow(f"segmind: {error}") from error


def _ticket(reply: Reply) -> Ticket:
    request_id = request_id_of(reply.object().get("request_id"))
    if not request_id:
        raise AnswerLost(f"segmind answered {reply.status} without a request_id")
    return Ticket(request_id)


def _brought(reply: Reply) -> Done:
    """Read the answer of v1: the take's bytes, or JSON that says where it is."""
    told = reply.object()
    request_id = request_id_of(reply.headers.get("x-request-id")) or request_id_of(told.get("request_id"))
    names = {"x-generation-time": "total_time", "x-remaining-credits": "remaining_credits"}
    details = {
        name: value for header, name in names.items() if (value := amount(reply.headers.get(header))) is not None
    }
    metrics = told.get("metrics")
    cost = amount(reply.headers.get("x-cost") or (metrics.get("cost") if isinstance(metrics, dict) else None))
    if reply.file is not None:
        return Done(request_id, file=reply.file, cost_usd=cost, details=details)
    output = output_of(told)
    if not output:
        raise AnswerLost(f"segmind answered {reply.status} with {reply.kind or 'no type'} and no video")
    return Done(request_id, output, cost_usd=cost, details=details)
