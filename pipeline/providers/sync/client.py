"""React-1 at sync.so: create with an idempotency key, long polls, errors by their code.

Takes   the eight parameters, in sync.so's own form.
Gives   tickets, states and takes' addresses.
Raises  NoJob, AnswerLost, NotNow, HostFailed, as contract.py tells.
Source  https://sync.so/docs: a create that is sent again under the same `Idempotency-Key` with the same body gives the
        generation that the first one made, and makes none itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.errors import ProviderError
from ...net.api_client import Host
from ...net.error_text import Hide, in_one_line, words_of
from ...net.http_pool import NotSent, Reply, Unanswered
from ..contract import UNPROVEN, AnswerLost, Done, Failed, Found, NoJob, NotNow, Order, Ticket, Waiting
from ..parameters import React1Request
from ..response_values import amount, request_id_of

KEY = "SYNC_API_KEY"
MODEL = "react-1"
LONG_POLL_S = 55
KEYS_LAST = timedelta(hours=20)
"""How long the host surely remembers a key; it does not document how long it does."""
WAITS_S = {"rate_limit_exceeded": 15.0, "concurrency_limit_reached": 30.0}
"""What to wait where the host does not say how long."""
_TELLS = {
    400: "the parameters were refused{why}; correct them",
    401: f"the API key was not accepted{{why}}; check {KEY}",
    402: "the account cannot start another generation{why}; look at its plan and invoices",
    403: "this key may not use the model{why}; look at the account's plan",
    404: "the host does not know this endpoint{why}; check REACT1_SYNC_URL",
    413: "the request is too large{why}",
    422: "the parameters were refused{why}; correct them",
}


class SyncClient:
    """Talks to the host; retries nothing."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def quote(self, order: Order) -> float | None:
        """Ask for the host's own estimate; an answer that cannot be used is none."""
        try:
            reply = await self._host.post("v2/analyze/cost", generation(order.request))
        except (NotSent, Unanswered):
            return None
        return quoted(reply) if reply.ok else None

    async def submit(self, order: Order, into: Path) -> Ticket | Done:
        """Create a generation, under the order's own idempotency key."""
        del into
        try:
            reply = await self._host.post("v2/generate", body_of(order), headers={"Idempotency-Key": order.nonce})
        except NotSent as error:
            raise NoJob(f"sync: {error}; nothing was sent", wait_s=5.0) from error
        except Unanswered as error:
            raise AnswerLost(f"sync: {error}, after the call was sent") from error
        told = reply.object()
        if not reply.ok:
            known = request_id_of(told.get("generationId"))
            if known and _is_about_keys(told):
                return Ticket(known)
            raise _refused(reply, words_of(reply, self._host.hidden))
        request_id = request_id_of(told.get("id"))
        if not request_id:
            raise AnswerLost(f"sync answered {reply.status} without an id")
        return Ticket(request_id)

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Look at a generation; the host holds the answer back until something changes, up to a minute."""
        place = f"v2/generate/{quote(request_id, safe='')}"
        query = {"wait": "true", "timeout": str(LONG_POLL_S)}
        try:
            reply = await self._host.get(place, params=query, read_s=LONG_POLL_S + 20)
        except (NotSent, Unanswered) as error:
            raise NotNow(f"sync: {error}") from error
        if not reply.ok:
            raise _not_told(reply, words_of(reply, self._host.hidden))
        return _read(request_id, reply.object(), words_of(reply, self._host.hidden), self._host.hidden)

    async def recover(self, order: Order, known: Collection[str]) -> Found | None:
        """Send the very same create again: the host answers with what the first one made, or makes it now.

        Whatever it says instead proves nothing of the first one.
        """
        del known
        if order.intended_at < datetime.now(UTC) - KEYS_LAST:
            raise ProviderError(f"sync may have forgotten a key of {order.intended_at:%Y-%m-%d %H:%M}")
        try:
            return await self.submit(order, Path())
        except NoJob as error:
            if error.wait_s is None:
                raise ProviderError(error.message) from error
            raise NotNow(error.message) from error
        except AnswerLost as error:
            raise NotNow(error.message) from error


def quoted(reply: Reply) -> float | None:
    """Read an estimate: an object, or a list of one or more that add up."""
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    rows = told if isinstance(told, list) else [told]
    costs = [amount(row.get("estimatedGenerationCost")) if isinstance(row, dict) else None for row in rows]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if known and len(known) == len(rows) else None


def body_of(order: Order) -> dict[str, Any]:
    """Spell a call in sync.so's form."""
    return generation(order.request) | {"outputFileName": order.nonce}


def generation(request: React1Request) -> dict[str, Any]:
    """Spell what is to be made; the estimate of its cost takes the same."""
    return {
        "model": MODEL,
        "input": [{"type": "video", "url": request.video_url}, {"type": "audio", "url": request.audio_url}],
        "options": {
            "sync_mode": request.sync_mode,
            "model_mode": request.model_mode,
            "prompt": request.prompt,
            "temperature": request.temperature,
            "active_speaker_detection": {"auto_detect": request.auto_active_speaker_detection},
            "occlusion_detection_enabled": request.occlusion_detection_enabled,
        },
    }


def _is_about_keys(told: dict[str, Any]) -> bool:
    return str(told.get("errorCode", "")).upper().startswith("IDEMPOTENCY")


def _read(request_id: str, told: dict[str, Any], said: str, hidden: Hide) -> Waiting | Done | Failed:
    state = str(told.get("status", "")).upper()
    if state in ("FAILED", "REJECTED", "CANCELED"):
        code = in_one_line(str(told.get("errorCode") or ""), hidden)
        why = ": ".join(part for part in (code, said) if part) or "the host gives no reason"
        return Failed(request_id, f"{state.lower()}: {why}", billed=False)
    if state == "COMPLETED":
        output = told.get("outputUrl")
        if not isinstance(output, str) or not output:
            raise NotNow(f"sync says that generation {request_id} is COMPLETED, but gives no outputUrl")
        lasts = amount(told.get("outputDuration"))
        return Done(request_id, output, details={} if lasts is None else {"output_s": lasts})
    if state in ("PENDING", "PROCESSING"):
        return Waiting(state)
    raise NotNow(f"sync tells a state that is not documented: {in_one_line(state, hidden, 40) or 'none'}")


def _refused(reply: Reply, said: str) -> NoJob | AnswerLost:
    why = f" ({said})" if said else ""
    code = str(reply.object().get("errorCode") or "")
    if reply.status >= 500 or reply.status in UNPROVEN or _is_about_keys(reply.object()):
        return AnswerLost(f"sync answered {reply.status}{why}, which does not tell whether it made a job")
    if reply.status == 429:
        told_s = amount(reply.object().get("retryAfterSeconds"))
        limit = "all generations of the plan are in use" if "concurrency" in code else "the host is asked too often"
        wait_s = WAITS_S.get(code, 15.0) if told_s is None else told_s
        return NoJob(f"sync answered 429: {limit}{why}; not billed", wait_s=wait_s)
    told = _TELLS.get(reply.status, "the request was refused{why}").format(why=why)
    return NoJob(f"sync answered {reply.status}: {told}; not billed")


def _not_told(reply: Reply, said: str) -> ProviderError:
    why = f" ({said})" if said else ""
    if reply.status >= 500 or reply.status in (404, 408, 409, 425, 429):
        return NotNow(f"sync answered {reply.status} when asked for a generation{why}")
    lead = f"sync answered {reply.status} when asked for a generation{why}; the job is not lost: "
    return ProviderError(lead + f"check {KEY}, then carry on", retryable=True)
