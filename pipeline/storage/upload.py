"""Shared by all upload storages: content types, chunked reading, and retries.

An upload costs nothing, so unlike a submit it may be repeated after any failure.

The storage of the local server (`react1 serve`) keeps a file unchanged, under a name that holds the nonce.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, TypeVar

import stamina

from ..core.errors import InputMediaError, ProviderError, StorageFailed
from ..net.api_client import ApiClient, Redact, no_redaction
from ..net.download_response import parse_number
from ..net.http_pool import HttpPool, HttpResponse, NotSent, Unanswered
from ..net.url import redact_url
from .upload_storage import Progress, StoredUpload, describe_refusal, file_name, hint_for_status, require_readable_url

MAX_BYTES = 512 << 20
"""The server's own limit (pipeline/server/server_options.py)."""


class LocalServerStorage:
    """Upload to `react1 serve`."""

    name = "local"

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def require(self) -> None:
        """Need nothing besides the server."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file, streamed."""
        check_size(path, self.name, MAX_BYTES)
        name = f"{nonce}{suffix}"
        headers = {"content-type": content_type(suffix), "content-length": str(file_size(path))}

        async def send() -> HttpResponse:
            body = read_chunks(path, progress)
            return await self._api.post(
                f"assets/{name}",
                body=body,
                headers=headers,
                timeout_s=UPLOAD_TIMEOUT_S,
                limit_s=upload_limit_s(file_size(path)),
                method="PUT",
            )

        response = await send_with_retries(send, self.name, self._api.redact)
        url = require_readable_url(response.json_object().get("url"), self.name, self._api)
        if file_name(url) != name:
            raise ProviderError(
                f"the upload to the local server returned the wrong URL {redact_url(url)}", billed=False
            )
        return StoredUpload(url, name)

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: the server removes uploads after a week."""


CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
}
CHUNK_BYTES = 3 << 18
"""A multiple of three, so that base64 can be written chunk by chunk."""
UPLOAD_TIMEOUT_S = 300.0
"""How long a storage may be silent."""
MIN_BYTES_PER_S = 50_000
"""A slower connection is not waited for."""
MAX_ATTEMPTS = 4
FIRST_WAIT_S = 1.0
"""Wait before the second attempt; it doubles with each attempt."""
MAX_WAIT_S = 4.0
MAX_RETRY_AFTER_S = 60.0
"""Longest Retry-After that is obeyed."""
_RETRYABLE = frozenset({408, 425, 429})
_Result = TypeVar("_Result")

# stamina logs each retry as a warning; without a handler Python would print it to stderr.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class RetryableUploadError(Exception):
    """A failed attempt that may succeed when it is repeated."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """What the server asks for; 0 if it does not say."""


def content_type(suffix: str) -> str:
    """Return the media type of a file name's suffix, which begins with a dot."""
    return CONTENT_TYPES.get(suffix.lower(), "application/octet-stream")


def file_size(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        StorageFailed: it cannot be read.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise _read_error(path, error) from error


def upload_limit_s(size_bytes: int) -> float:
    """Return how long the upload of so many bytes may take, until the response is complete."""
    return UPLOAD_TIMEOUT_S + size_bytes / MIN_BYTES_PER_S


async def put_to_url(
    pool: HttpPool, url: str, path: Path, suffix: str, progress: Progress, storage: str, redact: Redact
) -> None:
    """PUT a file to a presigned URL, without the key, and again after failures that may pass.

    Args:
        pool: sends the bytes.
        url: where they go.
        path: the file.
        suffix: of its name, with the dot; it tells the media type.
        progress: called with 0 to 1.
        storage: its name, for messages.
        redact: removes the key from them.

    Raises:
        ProviderError: the storage refuses the file, or cannot be reached.
        StorageFailed: the file cannot be read.
    """
    size_bytes = file_size(path)
    headers = {"content-type": content_type(suffix), "content-length": str(size_bytes)}
    limit_s = upload_limit_s(size_bytes)

    async def send() -> HttpResponse:
        body = read_chunks(path, progress)
        return await pool.request("PUT", url, headers=headers, body=body, timeout_s=UPLOAD_TIMEOUT_S, limit_s=limit_s)

    await send_with_retries(send, storage, redact)


def check_size(path: Path, storage: str, max_bytes: int | None) -> None:
    """Refuse a file that is too large for a storage, before any of it is sent.

    Raises:
        InputMediaError: it is too large.
    """
    size_bytes = file_size(path)
    if max_bytes is not None and size_bytes > max_bytes:
        raise InputMediaError(
            f"a file of {size_bytes / 1e6:.1f} MB is too large for storage {storage}, whose limit is "
            f"{max_bytes / 1e6:g} MB; choose another storage, such as s3"
        )


async def read_chunks(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    """Yield a file in chunks, read off the event loop, so that memory use does not depend on its size.

    What `progress` raises ends the iteration, and with it the upload.

    Raises:
        StorageFailed: the file cannot be read, or became shorter.
    """
    total_bytes, done_bytes = file_size(path), 0
    stream = await asyncio.to_thread(_open, path)
    try:
        while done_bytes < total_bytes:
            chunk = await asyncio.to_thread(_read, stream, path, min(CHUNK_BYTES, total_bytes - done_bytes))
            yield chunk
            done_bytes += len(chunk)
            progress(done_bytes / total_bytes)
    finally:
        stream.close()


async def read_base64(path: Path, prefix: bytes, suffix: bytes, progress: Progress) -> AsyncIterator[bytes]:
    """Yield `prefix`, the file as base64 in chunks, and `suffix`."""
    yield prefix
    async for chunk in read_chunks(path, progress):
        yield base64.b64encode(chunk)
    yield suffix


def base64_size(size_bytes: int) -> int:
    """Return the size in base64 of so many bytes."""
    return -(-size_bytes // 3) * 4


async def send_with_retries(
    send: Callable[[], Awaitable[HttpResponse]], storage: str, redact: Redact = no_redaction
) -> HttpResponse:
    """Send a request until it succeeds; repeat it after a temporary failure, but not after a refusal.

    Args:
        send: sends it once.
        storage: its name, for messages.
        redact: removes secrets from the storage's messages.

    Raises:
        ProviderError: it was refused, or every attempt failed.
    """

    async def attempt() -> HttpResponse:
        try:
            response = await send()
        except (NotSent, Unanswered) as error:
            raise RetryableUploadError(str(error)) from error
        if response.ok:
            return response
        reason = describe_refusal(response, redact)
        if response.status >= 500 or response.status in _RETRYABLE:
            raise RetryableUploadError(reason, float(parse_number(response.headers.get("retry-after")) or 0))
        hint = hint_for_status(response.status)
        raise ProviderError(f"the upload to {storage} was refused: {reason}{hint}", billed=False)

    return await retry_upload(attempt, storage)


async def retry_upload(attempt: Callable[[], Awaitable[_Result]], storage: str) -> _Result:
    """Call `attempt` again while it raises RetryableUploadError, up to MAX_ATTEMPTS times.

    Raises:
        ProviderError: every attempt failed.
    """
    # One sequence of attempts, so that the hook knows which wait is next and Retry-After can only lengthen it.
    waits_s = iter(min(MAX_WAIT_S, FIRST_WAIT_S * 2**number) for number in range(MAX_ATTEMPTS))

    def next_wait(error: Exception) -> bool | float:
        if not isinstance(error, RetryableUploadError):
            return False
        return max(next(waits_s, MAX_WAIT_S), min(error.retry_after_s, MAX_RETRY_AFTER_S))

    try:
        return await stamina.AsyncRetryingCaller(attempts=MAX_ATTEMPTS, timeout=None)(next_wait, attempt)
    except RetryableUploadError as error:
        raise ProviderError(
            f"the upload to {storage} failed {MAX_ATTEMPTS} times: {error}; nothing was billed, run again",
            retryable=True,
            billed=False,
        ) from error


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise _read_error(path, error) from error


def _read(stream: IO[bytes], path: Path, size_bytes: int) -> bytes:
    try:
        chunk = stream.read(size_bytes)
    except OSError as error:
        raise _read_error(path, error) from error
    if len(chunk) < size_bytes:
        raise StorageFailed(f"{path} became shorter during the upload; run again")
    return chunk


def _read_error(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"{path} cannot be read for the upload: {error.strerror or error}")
