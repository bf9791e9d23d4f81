"""Segmind's history of requests: where a lost submit is found again.

Its shape is not documented, so it is read tolerantly; but a row that may be ours and cannot be told for certain never
counts as none: then only a person can tell.

Source  the vendor's Python SDK: rows carry `request_id`, `model_status`, `request_body` as it was sent,
        `credits_deduction` in USD, `generation_url`, `error`; failed requests and those in flight are listed too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ...net.error_text import Hide, as_it_is, in_one_line
from ..contract import Done, Failed, Found, Order, Ticket
from ..response_values import amount, request_id_of
from .responses import output_of

PER_PAGE = 100
REACH = timedelta(days=29)
"""How far back a window of the host reaches, with a day of slack on both sides: 31 days at most."""
_LISTS = ("data", "requests", "results", "items", "rows", "history")
_ADDRESSES = ("video_url", "audio_url")
Verdict = Literal["ours", "other", "unclear"]


def window(intended_at: datetime, now: datetime) -> dict[str, str]:
    """Spell the query that lists what was sent since an intention, a day of slack around it."""
    first = min(intended_at, now) - timedelta(days=1)
    days = {"from_date": first, "to_date": now + timedelta(days=1)}
    return {name: f"{day.astimezone(UTC):%Y-%m-%d}" for name, day in days.items()}


def rows_of(told: Any) -> list[Any] | None:
    """Find the rows of a page, whatever each of them is; None where it is no page."""
    if isinstance(told, dict):
        told = next((told[name] for name in _LISTS if isinstance(told.get(name), list)), None)
    return told if isinstance(told, list) else None


def is_last(told: Any, page: int) -> bool:
    """Tell whether a page says of itself that it is the last one."""
    pages = told.get("total_pages") if isinstance(told, dict) else None
    return isinstance(pages, int) and not isinstance(pages, bool) and 0 <= pages <= page


def judge(row: Any, order: Order, known: Collection[str]) -> Verdict:
    """Tell whether a row is this call: the very addresses, and every choice the same."""
    places = [_place(getattr(order.request, name)) for name in _ADDRESSES]
    mentioned = any(place in _text(row) for place in places)
    if not isinstance(row, dict):
        return "unclear" if mentioned else "other"
    request_id, sent = request_id_of(row.get("request_id")), _body(row.get("request_body"))
    if request_id in known:
        return "other"
    if not request_id or sent is None:
        return "unclear" if mentioned else "other"
    if [_place(sent.get(name)) for name in _ADDRESSES] != places:
        return "unclear" if mentioned and not all(isinstance(sent.get(name), str) for name in _ADDRESSES) else "other"
    choices = order.request.model_dump(mode="json", exclude=set(_ADDRESSES))
    if any(name not in sent for name in choices):
        return "unclear"
    return "ours" if all(_same(sent[name], value) for name, value in choices.items()) else "other"


def found_in(row: dict[str, Any], hidden: Hide = as_it_is) -> Found:
    """Read a row: still under way, finished, or failed."""
    request_id = request_id_of(row.get("request_id"))
    state = str(row.get("model_status") or row.get("status") or "").upper()
    cost, output = amount(row.get("credits_deduction")), output_of({"output": row.get("generation_url")})
    if state == "FAILED":
        why = in_one_line(str(row.get("error") or "the host gives no reason"), hidden)
        return Failed(request_id, why, billed=bool(cost))
    if output:
        return Done(request_id, output, cost_usd=cost)
    return Ticket(request_id)


def _body(sent: Any) -> dict[str, Any] | None:
    """Give the parameters of a row, which may be JSON as text."""
    if isinstance(sent, str):
        try:
            sent = json.loads(sent)
        except (ValueError, RecursionError):
            return None
    return sent if isinstance(sent, dict) else None


def _place(address: Any) -> str:
    """Give what names a file in an address: its host and path, without a signature."""
    try:
        parts = urlsplit(str(address))
    except ValueError:
        return str(address)
    return f"{parts.netloc.lower()}{unquote(parts.path)}"


def _text(row: Any) -> str:
    try:
        return unquote(json.dumps(row, ensure_ascii=False)).replace("\\/", "/")
    except (ValueError, RecursionError):
        return ""


def _same(sent: Any, wanted: Any) -> bool:
    """Compare a choice, which may have become text on its way."""
    if isinstance(wanted, bool):
        return str(sent).lower() == str(wanted).lower()
    if isinstance(wanted, (int, float)):
        number = amount(sent)
        return number is not None and abs(number - wanted) < 1e-9
    return bool(sent == wanted)
