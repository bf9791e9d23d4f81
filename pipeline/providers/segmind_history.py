"""Segmind's history of requests: where a lost submit is found again. Tolerant, since the shape is not documented.

Source  the vendor's Python SDK: rows carry `request_id`, `model_status`, `request_body` as it was sent,
        `credits_deduction` in USD, `generation_url`, `error`; failed requests and those in flight are listed too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from .contract import Done, Failed, Found, Order, Ticket
from .segmind_answers import amount
from .words import tidy

PER_PAGE = 100
MOST_DAYS = 30
"""The host's window is 31 days at most."""
_LISTS = ("data", "requests", "results", "items", "rows", "history")
_ADDRESSES = ("video_url", "audio_url")


def window(intended_at: datetime, now: datetime) -> dict[str, str]:
    """Spell the query that lists what was sent since an intention, a day of slack around it."""
    first = max(intended_at - timedelta(days=1), now - timedelta(days=MOST_DAYS))
    days = {"from_date": first, "to_date": now + timedelta(days=1)}
    return {name: f"{day.astimezone(UTC):%Y-%m-%d}" for name, day in days.items()}


def rows_of(told: Any) -> list[dict[str, Any]]:
    """Find the rows of a page."""
    if isinstance(told, dict):
        told = next((told[name] for name in _LISTS if isinstance(told.get(name), list)), None)
    return [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []


def is_page(told: Any) -> bool:
    """Tell whether an answer is a page of the history at all, if only an empty one."""
    return isinstance(told, list) or (isinstance(told, dict) and any(isinstance(told.get(n), list) for n in _LISTS))


def matching(rows: list[dict[str, Any]], order: Order, known: Collection[str]) -> Iterator[dict[str, Any]]:
    """Give the rows that are this call: an address holds one of its names, and every choice is the same."""
    choices = order.request.model_dump(mode="json", exclude=set(_ADDRESSES))
    for row in rows:
        sent = row.get("request_body")
        request_id = row.get("request_id")
        if not isinstance(sent, dict) or not isinstance(request_id, str) or request_id in known:
            continue
        if all(sent.get(name, value) == value for name, value in choices.items()) and _named(sent, order.names):
            yield row


def _named(sent: dict[str, Any], names: Collection[str]) -> bool:
    """Tell whether all names stand in the addresses that were sent."""
    paths = [urlsplit(str(sent.get(name, ""))).path for name in _ADDRESSES]
    return bool(names) and all(any(path.endswith(name) for path in paths) for name in names)


def found_in(row: dict[str, Any]) -> Found:
    """Read a row: still under way, finished, or failed."""
    request_id, state = str(row["request_id"]), str(row.get("model_status") or row.get("status") or "").upper()
    cost = amount(row.get("credits_deduction"))
    output = row.get("generation_url")
    if state == "FAILED":
        return Failed(request_id, tidy(str(row.get("error") or "the host gives no reason")), billed=bool(cost))
    if isinstance(output, str) and output:
        return Done(request_id, output, cost_usd=cost)
    return Ticket(request_id)
