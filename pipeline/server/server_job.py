"""One request of the server, as it is kept and as it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .perturb import Twist
from .server_options import MODEL

State = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


class Job(BaseModel):
    """A request and what became of it; times are seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    api: Literal["v1", "v2"]
    sent: dict[str, Any]
    """The parameters as they were sent."""
    video_file: str = ""
    """The file of ours that `video_url` names; empty where it must be fetched."""
    audio_file: str = ""
    state: State = "QUEUED"
    created_s: float
    started_s: float = 0
    ended_s: float = 0
    tries: int = 0
    """How often work on it was begun."""
    error: str = ""
    at_fault: Literal["", "request", "server"] = ""
    cost_usd: float = 0
    remaining_usd: float = 0
    output_s: float = 0
    notes: tuple[str, ...] = ()
    twists: tuple[Twist, ...] = ()
    blocked: str = ""
    """A fault that was asked for: the message that the request fails with."""
    hold_s: float = 0
    """A fault that was asked for: how long it is PROCESSING before work begins."""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("COMPLETED", "FAILED")


def submitted(job: Job, base: str) -> dict[str, Any]:
    """Give the answer to a submit; `base` is the server's own address with a slash."""
    place = f"{base}v2/requests/{job.id}"
    return {
        "request_id": job.id,
        "status": "QUEUED",
        "status_url": f"{place}/status",
        "response_url": place,
        "poll_url": f"{place}/status",
    }


def status_body(job: Job, base: str) -> dict[str, Any]:
    """Give the state of a request."""
    body = {"request_id": job.id, "status": job.state, "response_url": f"{base}v2/requests/{job.id}"}
    if job.state == "FAILED":
        body["error"] = job.error
    return body


def result_body(job: Job, base: str) -> dict[str, Any]:
    """Give the final body, or the state where there is none yet."""
    if not job.ended:
        return status_body(job, base)
    url = output_url(job, base)
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
    """Give what a finished request took, in USD and seconds."""
    return {
        "cost": job.cost_usd,
        "remaining_credits": job.remaining_usd,
        "inference_time": round(job.ended_s - job.started_s, 3) if job.started_s else 0.0,
        "queue_time": round((job.started_s or job.ended_s) - job.created_s, 3),
        "total_time": round(job.ended_s - job.created_s, 3),
    }


def output_url(job: Job, base: str) -> str | None:
    """Give the address of the take."""
    return f"{base}outputs/{job.id}.mp4" if job.state == "COMPLETED" else None


def history_row(job: Job, base: str) -> dict[str, Any]:
    """Give a request as the history lists it."""
    return {
        "request_id": job.id,
        "model_name": MODEL,
        "model_status": job.state if job.ended else "PENDING",
        "credits_deduction": job.cost_usd,
        "request_body": job.sent,
        "generation_url": output_url(job, base),
        "latency_ms": round((job.ended_s - job.created_s) * 1000) if job.ended else None,
        "model_created": moment(job.created_s),
        "error": job.error or None,
    }


def moment(time_s: float) -> str:
    """Spell a moment in UTC, ISO 8601."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
