"""Segmind's history of requests, where a submit whose response was lost is found again.

Its shape is not documented, so parsing is tolerant. But a row that may be ours and cannot be identified for sure never
counts as absent: then only a person can decide.

Source: the vendor's Python SDK: rows have `request_id`, `model_status`, `request_body` as it was sent,
`credits_deduction` in USD, `generation_url` and `error`; failed requests and those in progress are listed too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ...net.error_text import Redact, no_redaction, one_line
from ..contract import Done, Failed, JobOutcome, Submission, Ticket
from ..parameters import parse_amount, parse_request_id
from .responses import output_url

PER_PAGE = 100
MAX_AGE = timedelta(days=29)
"""A query covers 31 days at most, of which two are the slack of one day on both sides."""
CLOCK_TOLERANCE = timedelta(hours=12)
"""A query that was built with a time that is off by more is repeated with the right time."""
_LIST_KEYS = ("data", "requests", "results", "items", "rows", "history")
_URL_KEYS = ("video_url", "audio_url")
Verdict = Literal["ours", "other", "unclear"]


def date_range(server_at: datetime | None, now: datetime) -> dict[str, str]:
    """Return the query for all requests since an intention, with one day of slack on both sides.

    Args:
        server_at: when it was intended, by segmind's clock; None for the longest query, since the clock of this
            machine may have been wrong at that time.
        now: the time by segmind's clock.
    """
    first = max(now - MAX_AGE, server_at - timedelta(days=1)) if server_at else now - MAX_AGE
    days = {"from_date": min(first, now), "to_date": now + timedelta(days=1)}
    return {name: f"{day.astimezone(UTC):%Y-%m-%d}" for name, day in days.items()}


def parse_rows(page: Any) -> list[Any] | None:
    """Return the rows of a page, of any type; None if it is not a page."""
    if isinstance(page, dict):
        page = next((page[key] for key in _LIST_KEYS if isinstance(page.get(key), list)), None)
    return page if isinstance(page, list) else None


def is_last_page(page: Any, number: int) -> bool:
    """Return whether a page, counted from 1, states that it is the last one."""
    total = page.get("total_pages") if isinstance(page, dict) else None
    return isinstance(total, int) and not isinstance(total, bool) and 0 <= total <= number


def classify_row(row: Any, submission: Submission, known: Collection[str]) -> Verdict:
    """Return whether a row is this submission: the same URLs and the same choices."""
    wanted = [_url_path(getattr(submission.request, key)) for key in _URL_KEYS]
    mentioned = any(path in _row_text(row) for path in wanted)
    if not isinstance(row, dict):
        return "unclear" if mentioned else "other"
    request_id, body = parse_request_id(row.get("request_id")), _parse_body(row.get("request_body"))
    if request_id in known:
        return "other"
    if not request_id or body is None:
        return "unclear" if mentioned else "other"
    if [_url_path(body.get(key)) for key in _URL_KEYS] != wanted:
        return "unclear" if mentioned and not all(isinstance(body.get(key), str) for key in _URL_KEYS) else "other"
    choices = submission.request.model_dump(mode="json", exclude=set(_URL_KEYS))
    if any(name not in body for name in choices):
        return "unclear"
    return "ours" if all(_equal(body[name], value) for name, value in choices.items()) else "other"


def parse_row(row: dict[str, Any], redact: Redact = no_redaction) -> JobOutcome:
    """Parse a row: in progress, finished, or failed."""
    request_id = parse_request_id(row.get("request_id"))
    state = str(row.get("model_status") or row.get("status") or "").upper()
    cost, output = parse_amount(row.get("credits_deduction")), output_url({"output": row.get("generation_url")})
    if state == "FAILED":
        reason = one_line(str(row.get("error") or "no reason given"), redact)
        return Failed(request_id, reason, billed=bool(cost))
    if output:
        return Done(request_id, output, cost_usd=cost)
    return Ticket(request_id)


def _parse_body(body: Any) -> dict[str, Any] | None:
    """Return the parameters of a row, which may be JSON in a string."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return None
    return body if isinstance(body, dict) else None


def _url_path(url: Any) -> str:
    """Return the host and path of a URL, which identify a file whatever its signature is."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return str(url)
    return f"{parts.netloc.lower()}{unquote(parts.path)}"


def _row_text(row: Any) -> str:
    try:
        return unquote(json.dumps(row, ensure_ascii=False)).replace("\\/", "/")
    except (ValueError, RecursionError):
        return ""


def _equal(value: Any, expected: Any) -> bool:
    """Compare a choice with a row's value, which may have become a string."""
    if isinstance(expected, bool):
        return str(value).lower() == str(expected).lower()
    if isinstance(expected, (int, float)):
        number = parse_amount(value)
        return number is not None and abs(number - expected) < 1e-9
    return bool(value == expected)
