"""What every call must pass: the key, the content type, the size of the body, the parameters.

Raises  Refused with the contract's status: 401, 406, 413, 400.
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
from ..net.ssrf import Reach, check_spelled
from ..providers.parameters import React1Request
from .job_queue import Desk
from .refusal import Refused
from .sources import check_audio, check_video, look


def desk_of(request: Request) -> Desk:
    """Give the desk of the server that a call came to."""
    desk: Desk = request.app.state.desk
    return desk


def base_of(request: Request) -> str:
    """Give the server's address as the caller spells it, with a slash."""
    return str(request.base_url)


def check_key(request: Request) -> None:
    """Refuse a call without a key, or with another one than the server was started with."""
    given, wanted = request.headers.get("x-api-key", ""), desk_of(request).options.key
    if not given:
        raise Refused(401, "missing API key: send the header x-api-key")
    if wanted and not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refused(401, "invalid API key")


async def read_json(request: Request, most_bytes: int) -> dict[str, Any]:
    """Read a body that is one JSON object, and no more of it than is allowed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(406, f"Content-Type must be application/json, not {kind or 'missing'}")
    try:
        async with asyncio.timeout(desk_of(request).options.limits.body_s):
            body = await _bounded(request, most_bytes)
    except TimeoutError:
        raise Refused(400, "the body did not arrive in time") from None
    try:
        found = await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "the body must be one JSON object")
    return found


def check_length(request: Request, most_bytes: int) -> int:
    """Refuse a body that says of itself that it is too large; give the bound, which is to be held as it comes."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise Refused(413, f"the body is larger than {most_bytes} bytes")
    return most_bytes


async def _bounded(request: Request, most_bytes: int) -> bytes:
    check_length(request, most_bytes)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise Refused(413, f"the body is larger than {most_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def check_parameters(sent: dict[str, Any], reach: Reach) -> React1Request:
    """Check the eight parameters, and whether the addresses may be asked at all."""
    try:
        asked = React1Request.model_validate(sent)
    except ValidationError as wrong:
        found = wrong.errors(include_url=False, include_input=False)
        told = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found)
        raise Refused(400, told) from None
    for name in ("video_url", "audio_url"):
        try:
            check_spelled(getattr(asked, name), reach)
        except InputMediaError as error:
            raise Refused(400, f"{name}: {error}") from None
    return asked


def own_files(desk: Desk, asked: React1Request, base: str) -> dict[str, str]:
    """Find the files of ours among the two, and refuse at once what is known to be too long."""
    found: dict[str, str] = {}
    for name, address in (("video", asked.video_url), ("audio", asked.audio_url)):
        path = desk.shelf.own_file(address, base)
        if path is None:
            continue
        wrong = _what_is_wrong(path, name)
        if wrong:
            raise Refused(400, wrong)
        found[f"{name}_file"] = str(path)
    return found


@lru_cache(1024)
def _what_is_wrong(path: Path, name: str) -> str:
    """Tell why a file of ours cannot be used, or nothing; such a file never changes."""
    try:
        media = look(path, f"{name}_url")
        (check_video if name == "video" else check_audio)(media)
    except InputMediaError as error:
        return str(error)
    return ""
