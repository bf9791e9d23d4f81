"""Files in and out: uploads as data URLs, and what is served without a key, as at the host."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from ..storage.upload import TYPES
from .job_store import Arriving, Shelf
from .refusal import Refused
from .validation import base_of, check_key, check_length, desk_of, read_json

router = APIRouter(tags=["files"])
_DATA = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z0-9=.+-]+)*;base64,", re.IGNORECASE)
_APART = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
"""What others have sent is a file, and never a page of this server."""
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


@router.post("/upload-asset", openapi_extra=_UPLOAD, summary="Keep files and give their addresses")
async def upload(request: Request) -> Response:
    """Keep each `data:<mime>;base64,…` under a new address."""
    check_key(request)
    desk = desk_of(request)
    async with desk.uploads:
        body = await read_json(request, desk.options.limits.upload_bytes)
        urls = body.get("data_urls")
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise Refused(400, "data_urls must be a list of data URLs")
        if len(urls) > desk.options.limits.upload_files:
            raise Refused(400, f"at most {desk.options.limits.upload_files} files are taken at once")
        names = await asyncio.to_thread(_keep_all, desk.shelf, urls)
    return JSONResponse(
        {"file_urls": [f"{base_of(request)}assets/{name}" for name in names], "message": "Files uploaded successfully"}
    )


@router.put("/assets/{name}", openapi_extra=_RAW, status_code=201, summary="Keep a file under a name of the sender's")
async def put(request: Request, name: str) -> Response:
    """Keep the body as it is; the name is a uuid4 and a media suffix, so that the sender knows it beforehand."""
    check_key(request)
    desk = desk_of(request)
    most_bytes = check_length(request, desk.options.limits.asset_bytes)
    arriving = desk.shelf.arriving(name)
    if arriving is None:
        raise Refused(400, f"{name[:60]} is no name for an upload: <uuid4>.<suffix>, suffix {', '.join(sorted(TYPES))}")
    try:
        await _received(request, arriving, most_bytes, desk.options.limits.body_s)
        if not await asyncio.to_thread(arriving.keep):
            raise Refused(409, f"{name} is the name of another file; choose a new uuid4")
    finally:
        arriving.close()
    return JSONResponse({"url": f"{base_of(request)}assets/{name}"}, 201)


async def _received(request: Request, arriving: Arriving, most_bytes: int, most_s: float) -> None:
    """Write a body to disk as it comes, and no more of it than is allowed."""
    try:
        async with asyncio.timeout(most_s):
            async for part in request.stream():
                if arriving.size_bytes + len(part) > most_bytes:
                    raise Refused(413, f"the body is larger than {most_bytes} bytes")
                await asyncio.to_thread(arriving.write, part)
    except TimeoutError:
        raise Refused(400, "the body did not arrive in time") from None
    if not arriving.size_bytes:
        raise Refused(400, "the file is empty")


@router.get("/outputs/{name}", summary="A take")
@router.get("/assets/{name}", summary="An upload")
@router.head("/outputs/{name}", include_in_schema=False)
@router.head("/assets/{name}", include_in_schema=False)
async def served(request: Request, name: str) -> Response:
    """Give a file; ranges are understood."""
    folder = request.url.path.split("/")[1]
    path = desk_of(request).shelf.served(folder, name)
    if path is None:
        raise Refused(404, "file not found: its address is wrong, or it has expired")
    return FileResponse(path, headers=_APART)


def _keep_all(shelf: Shelf, urls: list[str]) -> list[str]:
    return [shelf.keep_asset(*found) for found in [_decoded(number, url) for number, url in enumerate(urls)]]


def _decoded(number: int, url: str) -> tuple[bytes, str]:
    head = _DATA.match(url[:200])
    if head is None:
        raise Refused(400, f"data_urls.{number}: expected data:<mime>;base64,…")
    if not head[1].lower().startswith(("video/", "audio/", "image/")):
        raise Refused(400, f"data_urls.{number}: {head[1][:60]} is no media type")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, f"data_urls.{number}: the base64 cannot be read") from None
    if not data:
        raise Refused(400, f"data_urls.{number}: the file is empty")
    return data, head[1].lower()
