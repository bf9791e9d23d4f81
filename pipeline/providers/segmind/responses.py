"""What Segmind's answers mean: one line that says what happened, whether it was billed, and what to do. Pure.

Source  the documented codes of https://www.segmind.com/models/sync.so-react-1/api; a request that fails is not billed.
        5xx tell of a gateway as often as of the model, so they prove nothing about a submit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...core.errors import ProviderError
from ...net.http_pool import Reply
from ...net.rate_limit import reset_in_s
from ..contract import UNPROVEN, AnswerLost, Done, Failed, NoJob, NotNow, Waiting
from ..response_values import amount

USUAL_WAIT_S = 15.0
_METRICS = ("remaining_credits", "inference_time", "queue_time", "total_time")
_CREDITS = ("credit", "balance", "insufficient", "payment")
_KIND = ("content-type", "content type", "application/json", "media type")
_WITHOUT_JOB = {
    400: "the parameters were refused{why}; correct them",
    401: "the API key was not accepted{why}; check {key}",
    402: "the account cannot pay{why}; add credits",
    403: "this key may not use the model{why}; check the account's plan",
    404: "the host does not know this model or endpoint{why}; check REACT1_SEGMIND_URL",
    405: "the endpoint does not take this request{why}; check REACT1_SEGMIND_URL",
    410: "the host has retired this model or endpoint{why}; look for a newer version of react1-nodes",
    413: "the request is too large{why}",
    422: "the parameters were refused{why}; correct them",
    429: "the host is asked too often{why}; it is tried again when the host allows it",
}


def refused(reply: Reply, said: str, key_name: str) -> NoJob | AnswerLost:
    """Tell what an answer to a submit that is not a success means for the job: there is none, or nobody knows."""
    status, why = reply.status, f" ({said})" if said else ""
    if status >= 500 or status in UNPROVEN:
        return AnswerLost(f"segmind answered {status}{why}, which does not tell whether it made a job")
    if status == 406:
        return NoJob(f"segmind: {_not_acceptable(said)}{why}; not billed")
    if 300 <= status < 400:
        told = "a redirect, which a paid call does not follow; check REACT1_SEGMIND_URL"
        return NoJob(f"segmind answered {status}: {told}; not billed")
    told = _WITHOUT_JOB.get(status, "the request was refused{why}").format(why=why, key=key_name)
    wait_s = reset_in_s(reply.headers.get("x-rate-limit-reset-at-utc"), datetime.now(UTC)) if status == 429 else None
    again_s = (USUAL_WAIT_S if wait_s is None else wait_s) if status == 429 else None
    return NoJob(f"segmind answered {status}: {told}; not billed", wait_s=again_s)


def _not_acceptable(said: str) -> str:
    """Tell the three meanings of 406 apart by its words."""
    words = said.lower()
    if any(word in words for word in _KIND):
        return "406: the host did not take the Content-Type; is something between here and the host?"
    if any(word in words for word in _CREDITS) or not said:
        return "406: the account has not enough credits; add credits and run again"
    return "406: the host rejected a value; correct it"


def not_told(reply: Reply, said: str, key_name: str, what: str) -> ProviderError:
    """Tell what an answer to a question means that is not a success; asking is free, and nothing is lost by it."""
    status, why = reply.status, f" ({said})" if said else ""
    if status >= 500 or status in (408, 409, 425, 429) or reply.ok:
        return NotNow(f"segmind answered {status} when asked for {what}{why}")
    hint = {401: f"check {key_name}", 403: f"check {key_name}", 405: "check REACT1_SEGMIND_URL"}.get(status, "")
    lead = f"segmind answered {status} when asked for {what}{why}; the job is not lost: "
    return ProviderError(lead + (f"{hint}, then carry on" if hint else "carry on later"), retryable=True)


def state_of(told: dict[str, Any]) -> str:
    """Give the state that a body announces; empty where it announces none."""
    state = told.get("status")
    return state.upper() if isinstance(state, str) else ""


def progress(request_id: str, state: str, said: str) -> Waiting | Failed | None:
    """Read a state that is not COMPLETED; None where it is none of the documented ones."""
    if state == "FAILED":
        return Failed(request_id, said or "the host gives no reason", billed=False)
    return Waiting(state) if state in ("QUEUED", "PROCESSING", "PENDING") else None


def finished(request_id: str, told: dict[str, Any]) -> Done | None:
    """Read the final body; None where it lacks an output."""
    output = output_of(told)
    if not output:
        return None
    metrics = told.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    details = {name: number for name in _METRICS if (number := amount(metrics.get(name))) is not None}
    return Done(request_id, output, cost_usd=amount(metrics.get("cost")), details=details)


def output_of(told: dict[str, Any]) -> str:
    """Find the take's address in a final body: `output` as text, list or object, else `video.url`."""
    for value in (told.get("output"), told.get("video")):
        first = value[0] if isinstance(value, list) and value else value
        address = first.get("url") if isinstance(first, dict) else first
        if isinstance(address, str) and address:
            return address
    return ""
