"""Interpret Segmind's responses and its history of requests: what happened, whether it was billed, what to do. Pure.

Source: the documented status codes of https://www.segmind.com/models/sync.so-react-1/api; a failed request is not
billed. A 5xx may come from a gateway as well as from the model, so it proves nothing about a submit.

In the history a submit whose response was lost is found again. Its shape is not documented, so parsing is tolerant. But
a row that may be ours and cannot be identified for sure never counts as absent: then only a person can decide.

Source: the vendor's Python SDK: rows have `request_id`, `model_status`, `request_body` as it was sent,
`credits_deduction` in USD, `generation_url` and `error`; failed requests and those in progress are listed too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ...core.errors import ProviderError
from ...net.api_client import Redact, no_redaction, one_line, seconds_until_reset
from ...net.http_pool import HttpResponse
from ..contract import (
    Done,
    Failed,
    JobOutcome,
    NoJob,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    Waiting,
    parse_amount,
    parse_request_id,
    same_value,
)

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
    return "ours" if all(same_value(body[name], value) for name, value in choices.items()) else "other"


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


DEFAULT_WAIT_S = 15.0
_METRICS = ("remaining_credits", "inference_time", "queue_time", "total_time")
_CREDIT_WORDS = ("credit", "balance", "insufficient", "payment")
_CONTENT_TYPE_WORDS = ("content-type", "content type", "application/json", "media type")
_REJECTED = {  # the only statuses that prove that a submit created no job
    400: "the parameters were refused{why}; correct them",
    401: "the API key was not accepted{why}; check {key}",
    402: "the account cannot pay{why}; add credits",
    403: "this key may not use the model{why}; check the account's plan",
    404: "unknown model or endpoint{why}; check REACT1_SEGMIND_URL",
    405: "the endpoint does not accept this request{why}; check REACT1_SEGMIND_URL",
    406: "",  # has several meanings, see _describe_406
    410: "this model or endpoint was retired{why}; look for a newer version of react1-nodes",
    413: "the request is too large{why}",
    422: "the parameters were refused{why}; correct them",
    429: "too many requests{why}; it is sent again when segmind allows it",
}


def submit_error(response: HttpResponse, message: str, key_name: str) -> NoJob | ResponseLost:
    """Classify a failed submit: rejected (NoJob) or ambiguous (ResponseLost)."""
    status, why = response.status, f" ({message})" if message else ""
    if 300 <= status < 400:
        reason = "a redirect, which a paid call does not follow; check REACT1_SEGMIND_URL"
        return ResponseLost(f"segmind returned {status}: {reason}; it does not say whether a job was created")
    if status not in _REJECTED:
        return ResponseLost(f"segmind returned {status}{why}, which does not say whether a job was created")
    if status == 406:
        return NoJob(f"segmind: {_describe_406(message)}{why}; not billed")
    reason = _REJECTED[status].format(why=why, key=key_name)
    retry_after_s = None
    if status == 429:
        now = response.date or datetime.now(UTC)
        reset_s = seconds_until_reset(response.headers.get("x-rate-limit-reset-at-utc"), now)
        retry_after_s = DEFAULT_WAIT_S if reset_s is None else reset_s
    return NoJob(f"segmind returned {status}: {reason}; not billed", retry_after_s=retry_after_s)


def _describe_406(message: str) -> str:
    """Return which of the three meanings of 406 a message has."""
    text = message.lower()
    if any(word in text for word in _CONTENT_TYPE_WORDS):
        return "406: the Content-Type was not accepted; check for a proxy between this machine and segmind"
    if any(word in text for word in _CREDIT_WORDS) or not message:
        return "406: the account does not have enough credits; add credits and run again"
    return "406: a value was rejected; correct it"


def query_error(response: HttpResponse, message: str, key_name: str, what: str) -> ProviderError:
    """Classify a failed query, which is free and loses nothing: temporary or permanent."""
    status, why = response.status, f" ({message})" if message else ""
    if status >= 500 or status in (408, 409, 425, 429):
        return TemporarilyUnavailable(f"segmind returned {status} for {what}{why}")
    hint = {401: f"check {key_name}", 403: f"check {key_name}", 405: "check REACT1_SEGMIND_URL"}.get(status, "")
    lead = f"segmind returned {status} for {what}{why}; the job is not lost: "
    return ProviderError(lead + (f"{hint}, then resume" if hint else "resume later"), retryable=True)


def parse_state(body: dict[str, Any]) -> str:
    """Return the job state in a body, or ""."""
    state = body.get("status")
    return state.upper() if isinstance(state, str) else ""


def parse_progress(request_id: str, state: str, message: str) -> Waiting | Failed | None:
    """Interpret a state other than COMPLETED; None if it is not a documented one."""
    if state == "FAILED":
        return Failed(request_id, message or "no reason given", billed=False)
    return Waiting(state) if state in ("QUEUED", "PROCESSING", "PENDING") else None


def parse_result(request_id: str, body: dict[str, Any]) -> Done | None:
    """Parse the result of a completed job; None if it has no output."""
    output = output_url(body)
    if not output:
        return None
    metrics = body.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    details = {name: number for name in _METRICS if (number := parse_amount(metrics.get(name))) is not None}
    return Done(request_id, output, cost_usd=parse_amount(metrics.get("cost")), details=details)


def output_url(body: dict[str, Any]) -> str:
    """Return the take's URL in a result: `output` as text, list or object, else `video.url`; "" if there is none."""
    for value in (body.get("output"), body.get("video")):
        first = value[0] if isinstance(value, list) and value else value
        url = first.get("url") if isinstance(first, dict) else first
        if isinstance(url, str) and url:
            return url
    return ""
