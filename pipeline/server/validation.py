"""Checks that every request must pass: the API key, the content type, the size of the body, the parameters.

Each check raises RequestRefused with the contract's status: 401, 406, 413 or 400.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from ..core.errors import InputMediaError
from ..net.ssrf import NetworkPolicy, check_url
from ..providers.parameters import React1Request
from .job_queue import JobQueue
from .media_check import media_checker
from .server_job import RequestRefused


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
        problem = _media_problem(path, f"{name}_url")
        if problem:
            raise RequestRefused(400, problem)
        files[f"{name}_file"] = str(path)
    return files


@lru_cache(1024)
def _media_problem(path: Path, name: str) -> str:
    """Return why an uploaded file cannot be used, or ""; cached, since an upload never changes."""
    return media_checker().problem(path, name)
