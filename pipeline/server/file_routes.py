"""Routes of files: uploads as data URLs or by PUT, and files that are served without an API key, as at the provider."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from ..storage.upload import CONTENT_TYPES
from .api_routes import base_url_of, check_key, check_length, queue_of, read_json
from .job_store import IncomingUpload, JobStore, RequestRefused

router = APIRouter(tags=["files"])
_DATA = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z0-9=.+-]+)*;base64,", re.IGNORECASE)
_FILE_HEADERS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
"""Browsers must treat uploads of others as files, never as pages of this server."""
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["data_urls"],
                    "properties": {"data_urls": {"type": "array", "items": {"type": "string"}}},
                }
            }
        },
    }
}
_RAW: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/upload-asset", openapi_extra=_UPLOAD, summary="Upload files and return their URLs")
async def upload(request: Request) -> Response:
    """Store each `data:<mime>;base64,…` under a new URL."""
    check_key(request)
    queue = queue_of(request)
    async with queue.uploads:
        body = await read_json(request, queue.options.limits.upload_bytes)
        urls = body.get("data_urls")
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise RequestRefused(400, "data_urls must be a list of data URLs")
        if len(urls) > queue.options.limits.upload_files:
            raise RequestRefused(400, f"at most {queue.options.limits.upload_files} files are accepted at once")
        names = await asyncio.to_thread(_store_all, queue.store, urls)
    return JSONResponse(
        {
            "file_urls": [f"{base_url_of(request)}assets/{name}" for name in names],
            "message": "Files uploaded successfully",
        }
    )


@router.put("/assets/{name}", openapi_extra=_RAW, status_code=201, summary="Upload a file under a given name")
async def put_asset(request: Request, name: str) -> Response:
    """Store the body as it is; the name is a uuid4 and a media suffix, so that the client knows the URL beforehand."""
    check_key(request)
    queue = queue_of(request)
    max_bytes = check_length(request, queue.options.limits.asset_bytes)
    incoming = queue.store.open_upload(name)
    if incoming is None:
        raise RequestRefused(
            400,
            f"{name[:60]} is not a valid upload name: use <uuid4>.<suffix>, suffix {', '.join(sorted(CONTENT_TYPES))}",
        )
    try:
        await _receive(request, incoming, max_bytes, queue.options.limits.body_s)
        if not await asyncio.to_thread(incoming.commit):
            raise RequestRefused(409, f"{name} already has other content; choose a new uuid4")
    finally:
        incoming.close()
    return JSONResponse({"url": f"{base_url_of(request)}assets/{name}"}, 201)


async def _receive(request: Request, incoming: IncomingUpload, max_bytes: int, max_s: float) -> None:
    """Write a body to disk as it arrives, up to `max_bytes` and `max_s` seconds."""
    try:
        async with asyncio.timeout(max_s):
            async for part in request.stream():
                if incoming.size_bytes + len(part) > max_bytes:
                    raise RequestRefused(413, f"the body is larger than {max_bytes} bytes")
                await asyncio.to_thread(incoming.write, part)
    except TimeoutError:
        raise RequestRefused(400, "the body did not arrive in time") from None
    if not incoming.size_bytes:
        raise RequestRefused(400, "the file is empty")


@router.get("/outputs/{name}", summary="A take")
@router.get("/assets/{name}", summary="An upload")
@router.head("/outputs/{name}", include_in_schema=False)
@router.head("/assets/{name}", include_in_schema=False)
async def get_file(request: Request, name: str) -> Response:
    """Return a file; Range is supported."""
    folder = request.url.path.split("/")[1]
    path = queue_of(request).store.served_file(folder, name)
    if path is None:
        raise RequestRefused(404, "file not found: the URL is wrong, or the file has expired")
    return FileResponse(path, headers=_FILE_HEADERS)


def _store_all(store: JobStore, urls: list[str]) -> list[str]:
    decoded = [_decode(number, url) for number, url in enumerate(urls)]
    return [store.keep_asset(data, mime) for data, mime in decoded]


def _decode(number: int, url: str) -> tuple[bytes, str]:
    head = _DATA.match(url[:200])
    if head is None:
        raise RequestRefused(400, f"data_urls.{number}: expected data:<mime>;base64,…")
    if not head[1].lower().startswith(("video/", "audio/", "image/")):
        raise RequestRefused(400, f"data_urls.{number}: {head[1][:60]} is not a media type")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise RequestRefused(400, f"data_urls.{number}: the base64 is invalid") from None
    if not data:
        raise RequestRefused(400, f"data_urls.{number}: the file is empty")
    return data, head[1].lower()
