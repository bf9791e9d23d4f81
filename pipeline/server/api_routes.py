"""Routes of the model (v1 responds with the take; v2 at once, and the client polls) and of the account.

Every request must pass checks: the API key, the content type, the size of the body, the parameters. Each check raises
RequestRefused with the contract's status: 401, 406, 413 or 400.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import ValidationError

from ..core.errors import InputMediaError
from ..net.url import NetworkPolicy, check_url
from ..providers.contract import React1Request
from .faults import CONTENT_BLOCKED, FaultRule
from .job_queue import JobQueue
from .job_store import Job, RequestRefused, history_row, result_body, status_body, submit_body
from .server_options import MODEL
from .sources import media_checker

model_router = APIRouter(tags=["model"])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": React1Request.model_json_schema()}},
    }
}


@model_router.post(f"/v1/{MODEL}", openapi_extra=_BODY, summary="Render a take and return it")
async def run_sync(request: Request) -> Response:
    """Return the bytes of the take; cost, balance, id and time are in the headers."""
    queue = queue_of(request)
    job = await queue.wait((await _accept(request, "v1")).id)
    if job.state == "FAILED":
        raise RequestRefused(400 if job.at_fault == "request" else 500, job.error, {"x-request-id": job.id})
    headers = {
        "x-request-id": job.id,
        "x-cost": f"{job.cost_usd:g}",
        "x-remaining-credits": f"{job.remaining_usd:g}",
        "x-generation-time": f"{job.ended_s - job.started_s:.3f}",
    }
    return FileResponse(queue.store.output(job.id), media_type="video/mp4", headers=headers)


@model_router.post(f"/v2/{MODEL}", openapi_extra=_BODY, summary="Queue a take")
async def submit(request: Request) -> Response:
    """Return at once, with the URLs of the state and the result."""
    return JSONResponse(submit_body(await _accept(request, "v2"), base_url_of(request)))


@model_router.get("/v2/requests/{request_id}/status", summary="The state of a request")
async def status(request: Request, request_id: str) -> Response:
    """Return QUEUED, PROCESSING, COMPLETED, or (as 422) FAILED."""
    job = _find_job(request, request_id)
    return JSONResponse(status_body(job, base_url_of(request)), _status_code(job))


@model_router.get("/v2/requests/{request_id}", summary="The result of a request")
async def result(request: Request, request_id: str) -> Response:
    """Return the final body; 422 for a failed request, 404 for one that is unknown or ended over an hour ago."""
    job = _find_job(request, request_id)
    return JSONResponse(result_body(job, base_url_of(request)), _status_code(job))


@model_router.post("/v1/{model}", include_in_schema=False)
@model_router.post("/v2/{model}", include_in_schema=False)
async def other_model(request: Request, model: str) -> Response:
    """Refuse other models."""
    check_key(request)
    raise RequestRefused(404, f"model {model[:100]!r} not found; this server has {MODEL}")


async def _accept(request: Request, api: str) -> Job:
    check_key(request)
    queue = queue_of(request)
    sent = await read_json(request, queue.options.limits.body_bytes)
    parameters = check_parameters(sent, queue.options.network)
    queue.check_capacity()
    files = await asyncio.to_thread(uploaded_files, queue, parameters, base_url_of(request))
    return await queue.submit(api=api, sent=sent, **files, **_fault_fields(request.scope.get("faults", ())))


def _fault_fields(rules: tuple[FaultRule, ...]) -> dict[str, Any]:
    """Return the fields of a job that the injected faults of its request set."""
    blocked = next((rule.error or CONTENT_BLOCKED for rule in rules if rule.do == "fail"), "")
    perturbations = tuple(rule.take for rule in rules if rule.do == "take" and rule.take is not None)
    hold_s = sum(rule.seconds or 0.0 for rule in rules if rule.do == "hold")
    return {"blocked": blocked, "perturbations": perturbations, "hold_s": hold_s}


def _find_job(request: Request, request_id: str) -> Job:
    check_key(request)
    job = queue_of(request).find(request_id)
    if job is None:
        raise RequestRefused(404, "request not found: the id is unknown, or its result has expired")
    return job


def _status_code(job: Job) -> int:
    return 422 if job.state == "FAILED" else 200


account_router = APIRouter(tags=["account"])
HISTORY = "/inference-request/request-history"
MAX_ROWS = 100
MAX_DAYS = 31
DEFAULT_DAYS = 7
_STATES = {"COMPLETED": ("COMPLETED",), "FAILED": ("FAILED",), "PENDING": ("QUEUED", "PROCESSING")}


@account_router.get("/v1/get-user-credits", summary="Remaining credits")
async def credits_left(request: Request) -> Response:
    """Return the balance in USD."""
    check_key(request)
    return JSONResponse({"credits": queue_of(request).balance_usd, "free-credits": 0})


@account_router.get(HISTORY + "/{request_id}", summary="One request of any age")
async def request_record(request: Request, request_id: str) -> Response:
    """Return what was sent, and the state."""
    check_key(request)
    job = queue_of(request).recorded(request_id)
    if job is None:
        raise RequestRefused(404, "request not found")
    return JSONResponse(history_row(job, base_url_of(request)))


@account_router.get(HISTORY, summary="The requests of a period, failed ones included")
async def history(request: Request) -> Response:
    """Return a page of requests; page, per_page (to 100), from_date, to_date, status, model_name, sort_order."""
    check_key(request)
    query = request.query_params
    page, per_page = _number(query.get("page"), "page", 1, 10**6), _number(query.get("per_page"), "per_page", 20)
    jobs = _select(queue_of(request).all(), _period(query), query.get("status"), query.get("model_name", ""))
    if _choice(query.get("sort_order", "desc"), "sort_order", ("asc", "desc")) == "asc":
        jobs.reverse()
    rows = [history_row(job, base_url_of(request)) for job in jobs[(page - 1) * per_page : page * per_page]]
    pages = -(-len(jobs) // per_page)
    return JSONResponse({"data": rows, "page": page, "per_page": per_page, "total": len(jobs), "total_pages": pages})


def _select(jobs: list[Job], period: tuple[float, float], state: str | None, model: str) -> list[Job]:
    states = _STATES[_choice(state, "status", tuple(_STATES))] if state else None
    first_s, end_s = period
    return [
        job
        for job in jobs
        if first_s <= job.created_s < end_s and (states is None or job.state in states) and model in MODEL
    ]


def _period(query: Mapping[str, str]) -> tuple[float, float]:
    """Parse [from_date, end of to_date) as seconds since 1970; by default the last 7 days."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = _day(query.get("to_date"), "to_date") or today
    first = _day(query.get("from_date"), "from_date") or last - timedelta(days=DEFAULT_DAYS)
    if first > last or last - first > timedelta(days=MAX_DAYS):
        raise RequestRefused(400, f"from_date and to_date must span 0 to {MAX_DAYS} days")
    return first.timestamp(), (last + timedelta(days=1)).timestamp()


def _day(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RequestRefused(400, f"{name} must be a date, YYYY-MM-DD") from None
    if not 1970 <= day.year < 9999:
        raise RequestRefused(400, f"{name} must be a date from 1970 to 9998")
    return day


def _number(text: str | None, name: str, default: int, maximum: int = MAX_ROWS) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= maximum):
        raise RequestRefused(400, f"{name} must be an integer from 1 to {maximum}")
    return int(text)


def _choice(text: str | None, name: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise RequestRefused(400, f"{name} must be one of {', '.join(choices)}")
    return text


def queue_of(request: Request) -> JobQueue:
    """Return the queue of the server that received a request."""
    queue: JobQueue = request.app.state.queue
    return queue


def base_url_of(request: Request) -> str:
    """Return the server's URL as the client uses it, with a slash at its end."""
    return str(request.base_url)


def check_key(request: Request) -> None:
    """Refuse a request without an API key, or with another one than the server was started with."""
    key, server_key = request.headers.get("x-api-key", ""), queue_of(request).options.key
    if not key:
        raise RequestRefused(401, "missing API key: send the header x-api-key")
    if server_key and not hmac.compare_digest(key.encode(), server_key.encode()):
        raise RequestRefused(401, "invalid API key")


async def read_json(request: Request, max_bytes: int) -> dict[str, Any]:
    """Read a body of at most `max_bytes` that is one JSON object."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RequestRefused(406, f"Content-Type must be application/json, not {content_type or 'missing'}")
    try:
        async with asyncio.timeout(queue_of(request).options.limits.body_s):
            body = await _read_bounded(request, max_bytes)
    except TimeoutError:
        raise RequestRefused(400, "the body did not arrive in time") from None
    try:
        content = await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise RequestRefused(400, "the body is not JSON") from None
    if not isinstance(content, dict):
        raise RequestRefused(400, "the body must be one JSON object")
    return content


def check_length(request: Request, max_bytes: int) -> int:
    """Refuse a body whose Content-Length is too large; return the limit, to be enforced while it arrives."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise RequestRefused(413, f"the body is larger than {max_bytes} bytes")
    return max_bytes


async def _read_bounded(request: Request, max_bytes: int) -> bytes:
    check_length(request, max_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise RequestRefused(413, f"the body is larger than {max_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def check_parameters(sent: dict[str, Any], network: NetworkPolicy) -> React1Request:
    """Check the eight parameters, and whether their URLs may be fetched at all."""
    try:
        parameters = React1Request.model_validate(sent)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        message = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details)
        raise RequestRefused(400, message) from None
    for name in ("video_url", "audio_url"):
        try:
            check_url(getattr(parameters, name), network)
        except InputMediaError as error:
            raise RequestRefused(400, f"{name}: {error}") from None
    return parameters


def uploaded_files(queue: JobQueue, parameters: React1Request, base_url: str) -> dict[str, str]:
    """Return the paths of those files that were uploaded here, as fields of `Job`; refuse media that is too long."""
    files: dict[str, str] = {}
    for name, url in (("video", parameters.video_url), ("audio", parameters.audio_url)):
        path = queue.store.uploaded_file(url, base_url)
        if path is None:
            continue
        problem = media_checker().problem(path, f"{name}_url")
        if problem:
            raise RequestRefused(400, problem)
        files[f"{name}_file"] = str(path)
    return files
