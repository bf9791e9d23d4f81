"""The calls of the model: v1 answers when the take is made, v2 at once and is asked later."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from ..providers.parameters import React1Request
from .faults import BLOCKED, Fault
from .refusal import Refused
from .server_job import Job, result_body, status_body, submitted
from .server_options import MODEL
from .validation import base_of, check_key, check_parameters, desk_of, own_files, read_json

router = APIRouter(tags=["model"])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": React1Request.model_json_schema()}},
    }
}


@router.post(f"/v1/{MODEL}", openapi_extra=_BODY, summary="Make a take and answer with it")
async def run_sync(request: Request) -> Response:
    """Answer with the bytes of the take; what it took is in the headers."""
    desk = desk_of(request)
    job = await desk.wait((await _take_in(request, "v1")).id)
    if job.state == "FAILED":
        raise Refused(400 if job.at_fault == "request" else 500, job.error, {"x-request-id": job.id})
    headers = {
        "x-request-id": job.id,
        "x-cost": f"{job.cost_usd:g}",
        "x-remaining-credits": f"{job.remaining_usd:g}",
        "x-generation-time": f"{job.ended_s - job.started_s:.3f}",
    }
    return FileResponse(desk.shelf.output(job.id), media_type="video/mp4", headers=headers)


@router.post(f"/v2/{MODEL}", openapi_extra=_BODY, summary="Queue a take")
async def submit(request: Request) -> Response:
    """Answer at once with the places where to ask for the state and the result."""
    return JSONResponse(submitted(await _take_in(request, "v2"), base_of(request)))


@router.get("/v2/requests/{request_id}/status", summary="The state of a request")
async def status(request: Request, request_id: str) -> Response:
    """Tell QUEUED, PROCESSING, COMPLETED, or (as 422) FAILED."""
    job = _known(request, request_id)
    return JSONResponse(status_body(job, base_of(request)), _code(job))


@router.get("/v2/requests/{request_id}", summary="The result of a request")
async def result(request: Request, request_id: str) -> Response:
    """Give the final body; 422 for a failed request, 404 for one that is unknown or older than an hour."""
    job = _known(request, request_id)
    return JSONResponse(result_body(job, base_of(request)), _code(job))


@router.post("/v1/{model}", include_in_schema=False)
@router.post("/v2/{model}", include_in_schema=False)
async def other_model(request: Request, model: str) -> Response:
    """Say that there is one model here."""
    check_key(request)
    raise Refused(404, f"model {model[:100]!r} not found; this server has {MODEL}")


async def _take_in(request: Request, api: str) -> Job:
    check_key(request)
    desk = desk_of(request)
    sent = await read_json(request, desk.options.limits.body_bytes)
    asked = check_parameters(sent, desk.options.reach)
    desk.check_room()
    own = await asyncio.to_thread(own_files, desk, asked, base_of(request))
    return await desk.submit(api=api, sent=sent, **own, **_planned(request.scope.get("faults", ())))


def _planned(faults: tuple[Fault, ...]) -> dict[str, Any]:
    """Give the fields of a job that the faults of its call set."""
    blocked = next((fault.error or BLOCKED for fault in faults if fault.do == "fail"), "")
    twists = tuple(fault.take for fault in faults if fault.do == "take" and fault.take is not None)
    hold_s = sum(fault.seconds or 0.0 for fault in faults if fault.do == "hold")
    return {"blocked": blocked, "twists": twists, "hold_s": hold_s}


def _known(request: Request, request_id: str) -> Job:
    check_key(request)
    job = desk_of(request).find(request_id)
    if job is None:
        raise Refused(404, "request not found: the id is unknown, or its result has expired")
    return job


def _code(job: Job) -> int:
    return 422 if job.state == "FAILED" else 200
