"""Files in and out: uploads as data URLs, and what is served without a key, as at the host."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from ..store.atomic import storage_errors
from .gate import base_of, check_key, desk_of, read_json
from .refusal import Refused
from .shelf import Shelf

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


@router.put("/assets/{name}", summary="Keep a file under a name of the sender's own", status_code=201)
async def put(request: Request, name: str) -> Response:
    """Keep a body as it is; the name is a UUID with a suffix, and nobody has it yet."""
    check_key(request)
    desk = desk_of(request)
    address = f"{base_of(request)}assets/{name}"
    if not desk.shelf.may_be_named(name):
        raise Refused(400, "the name must be a UUID with the suffix of a video or an audio")
    if desk.shelf.served("assets", name) is not None:
        return JSONResponse({"url": address}, 200)
    async with desk.uploads:
        part = desk.shelf.part_of(name)
        try:
            await _received(request, part, desk.options.limits.fetch_bytes)
            await asyncio.to_thread(desk.shelf.keep_part, part, name)
        finally:
            part.unlink(missing_ok=True)
    return JSONResponse({"url": address}, 201)


async def _received(request: Request, part: Path, most_bytes: int) -> None:
    """Write a body to a file as it comes."""
    size, told = 0, request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise Refused(413, f"the file is larger than {most_bytes} bytes")
    with storage_errors(part), part.open("wb") as stream:
        async for piece in request.stream():
            size += len(piece)
            if size > most_bytes:
                raise Refused(413, f"the file is larger than {most_bytes} bytes")
            stream.write(piece)
    if not size:
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
