"""What belongs to an account: its credits and the history of its requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from .refusal import Refused
from .server_job import Job, history_row
from .server_options import MODEL
from .validation import base_of, check_key, desk_of

router = APIRouter(tags=["account"])
HISTORY = "/inference-request/request-history"
MOST_ROWS = 100
MOST_DAYS = 31
USUAL_DAYS = 7
_STATES = {"COMPLETED": ("COMPLETED",), "FAILED": ("FAILED",), "PENDING": ("QUEUED", "PROCESSING")}


@router.get("/v1/get-user-credits", summary="What is left")
async def credits_left(request: Request) -> Response:
    """Give the balance in USD."""
    check_key(request)
    return JSONResponse({"credits": desk_of(request).balance_usd, "free-credits": 0})


@router.get(HISTORY + "/{request_id}", summary="One request of any age")
async def one(request: Request, request_id: str) -> Response:
    """Give what was sent and what became of it."""
    check_key(request)
    job = desk_of(request).recorded(request_id)
    if job is None:
        raise Refused(404, "request not found")
    return JSONResponse(history_row(job, base_of(request)))


@router.get(HISTORY, summary="The requests of a window, failed ones too")
async def history(request: Request) -> Response:
    """Give a page of requests; page, per_page (to 100), from_date, to_date, status, model_name, sort_order."""
    check_key(request)
    asked = request.query_params
    page, per_page = _number(asked.get("page"), "page", 1, 10**6), _number(asked.get("per_page"), "per_page", 20)
    wanted = _select(desk_of(request).all(), _window(asked), asked.get("status"), asked.get("model_name", ""))
    if _one_of(asked.get("sort_order", "desc"), "sort_order", ("asc", "desc")) == "asc":
        wanted.reverse()
    rows = [history_row(job, base_of(request)) for job in wanted[(page - 1) * per_page : page * per_page]]
    pages = -(-len(wanted) // per_page)
    return JSONResponse({"data": rows, "page": page, "per_page": per_page, "total": len(wanted), "total_pages": pages})


def _select(jobs: list[Job], window: tuple[float, float], state: str | None, model: str) -> list[Job]:
    states = _STATES[_one_of(state, "status", tuple(_STATES))] if state else None
    first_s, last_s = window
    return [
        job
        for job in jobs
        if first_s <= job.created_s < last_s and (states is None or job.state in states) and model in MODEL
    ]


def _window(asked: Any) -> tuple[float, float]:
    """Read [from_date, the end of to_date) in seconds since 1970; by default the last 7 days."""
    last = _day(asked.get("to_date"), "to_date") or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = _day(asked.get("from_date"), "from_date") or last - timedelta(days=USUAL_DAYS)
    if first > last or last - first > timedelta(days=MOST_DAYS):
        raise Refused(400, f"from_date and to_date must span 0 to {MOST_DAYS} days")
    return first.timestamp(), (last + timedelta(days=1)).timestamp()


def _day(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(400, f"{name} must be a date, YYYY-MM-DD") from None


def _number(text: str | None, name: str, usual: int, most: int = MOST_ROWS) -> int:
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
        raise Refused(400, f"{name} must be a whole number from 1 to {most}")
    return int(text)


def _one_of(text: str | None, name: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise Refused(400, f"{name} must be one of {', '.join(known)}")
    return text
