"""Interpret Segmind's responses: what happened, whether it was billed, and what to do, in one line. Pure.

Source: the documented status codes of https://www.segmind.com/models/sync.so-react-1/api; a failed request is not
billed. A 5xx may come from a gateway as well as from the model, so it proves nothing about a submit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...core.errors import ProviderError
from ...net.api_client import seconds_until_reset
from ...net.http_pool import HttpResponse
from ..contract import Done, Failed, NoJob, ResponseLost, TemporarilyUnavailable, Waiting
from ..parameters import parse_amount

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
    if status >= 500 or status in (408, 409, 425, 429) or response.ok:
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
