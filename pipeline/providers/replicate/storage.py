"""Replicate's files: one multipart POST, streamed; a file is read with the account's key and removed after the run.

Source: https://replicate.com/docs/reference/http#files.create and the vendor's Python SDK: `POST /v1/files` with the
part `content` → `{id, urls: {get}, expires_at}`; `DELETE /v1/files/ID`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ....plugin.providers import (
    ApiClient,
    HttpResponse,
    NotSent,
    Progress,
    ProviderError,
    StoredUpload,
    Unanswered,
    content_type,
    file_size,
    parse_request_id,
    read_chunks,
    require_readable_url,
    send_with_retries,
)

UPLOAD_TIMEOUT_S = 300.0


class ReplicateStorage:
    """Upload to Replicate."""

    name = "replicate"

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def require(self) -> None:
        """Need nothing besides the token, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file; its name holds the nonce."""
        boundary, name = f"react1-{nonce}", f"{nonce}{suffix}"
        disposition = f'content-disposition: form-data; name="content"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\ncontent-type: {content_type(suffix)}\r\n\r\n".encode()
        end = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(head) + file_size(path) + len(end)),
        }

        async def send() -> HttpResponse:
            body = _multipart(path, head, end, progress)
            return await self._api.post("v1/files", body=body, headers=headers, timeout_s=UPLOAD_TIMEOUT_S)

        response = await send_with_retries(send, self.name, self._api.redact)
        file = response.json_object()
        urls = file.get("urls")
        url = require_readable_url(urls.get("get") if isinstance(urls, dict) else None, self.name, self._api)
        return StoredUpload(url, name, parse_time(file.get("expires_at")), parse_request_id(file.get("id")))

    async def delete(self, upload: StoredUpload) -> None:
        """Remove a file; one that is gone already is no error."""
        if not upload.key:
            return
        try:
            response = await self._api.post(f"v1/files/{quote(upload.key, safe='')}", body=b"", method="DELETE")
        except (NotSent, Unanswered) as error:
            raise ProviderError(f"removing {upload.name} from replicate failed: {error}", billed=False) from error
        if not response.ok and response.status != 404:
            raise ProviderError(f"removing {upload.name} from replicate failed: {response.status}", billed=False)


async def _multipart(path: Path, head: bytes, end: bytes, progress: Progress) -> AsyncIterator[bytes]:
    yield head
    async for chunk in read_chunks(path, progress):
        yield chunk
    yield end


def parse_time(value: Any) -> datetime | None:
    """Return a timestamp in ISO 8601, UTC; None if the value is none."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
