"""A request to the server: its state on disk, and the response bodies of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .faults import Perturbation
from .server_options import MODEL

State = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


class RequestRefused(Exception):
    """An error response: a status of the contract, and one line for `{"error": …}`."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Job(BaseModel):
    """A request and its state; times are seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    api: Literal["v1", "v2"]
    sent: dict[str, Any]
    """The parameters as the client sent them."""
    video_file: str = ""
    """Path of the upload that `video_url` names; empty if it must be fetched."""
    audio_file: str = ""
    state: State = "QUEUED"
    created_s: float
    started_s: float = 0
    ended_s: float = 0
    attempts: int = 0
    """How often work on it was started."""
    error: str = ""
    at_fault: Literal["", "request", "server"] = ""
    cost_usd: float = 0
    remaining_usd: float = 0
    output_s: float = 0
    notes: tuple[str, ...] = ()
    perturbations: tuple[Perturbation, ...] = ()
    blocked: str = ""
    """Injected fault: the message that the request fails with."""
    hold_s: float = 0
    """Injected fault: how long the request is PROCESSING before work starts."""

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ("COMPLETED", "FAILED")


def submit_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the response to a submit; `base_url` is the server's own, with a slash at its end."""
    url = f"{base_url}v2/requests/{job.id}"
    return {
        "request_id": job.id,
        "status": "QUEUED",
        "status_url": f"{url}/status",
        "response_url": url,
        "poll_url": f"{url}/status",
    }


def status_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the response to a status request."""
    body = {"request_id": job.id, "status": job.state, "response_url": f"{base_url}v2/requests/{job.id}"}
    if job.state == "FAILED":
        body["error"] = job.error
    return body


def result_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the final response, or the status if the request has not ended."""
    if not job.ended:
        return status_body(job, base_url)
    url = output_url(job, base_url)
    body: dict[str, Any] = {
        "request_id": job.id,
        "status": job.state,
        "error": job.error or None,
        "metrics": metrics(job),
        "output": url,
    }
    if url:
        body |= {"video": {"url": url, "content_type": "video/mp4", "duration": job.output_s}, "said": list(job.notes)}
    return body


def metrics(job: Job) -> dict[str, float]:
    """Return the cost (USD) and the times (seconds) of a finished request."""
    return {
        "cost": job.cost_usd,
        "remaining_credits": job.remaining_usd,
        "inference_time": round(job.ended_s - job.started_s, 3) if job.started_s else 0.0,
        "queue_time": round((job.started_s or job.ended_s) - job.created_s, 3),
        "total_time": round(job.ended_s - job.created_s, 3),
    }


def output_url(job: Job, base_url: str) -> str | None:
    """Return the URL of the take, or None if there is none."""
    return f"{base_url}outputs/{job.id}.mp4" if job.state == "COMPLETED" else None


def history_row(job: Job, base_url: str) -> dict[str, Any]:
    """Return a request as the history lists it."""
    return {
        "request_id": job.id,
        "model_name": MODEL,
        "model_status": job.state if job.ended else "PENDING",
        "credits_deduction": job.cost_usd,
        "request_body": job.sent,
        "generation_url": output_url(job, base_url),
        "latency_ms": round((job.ended_s - job.created_s) * 1000) if job.ended else None,
        "model_created": utc_text(job.created_s),
        "error": job.error or None,
    }


def utc_text(time_s: float) -> str:
    """Format seconds since 1970 as UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
