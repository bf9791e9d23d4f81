"""sync.so's assets: request a presigned URL with the key, then PUT the bytes there without it.

The file's name holds the nonce. No expiry is documented; `expiresAt` or `expiresIn` in the response is obeyed.

Source: `POST /v2/assets/upload` with `{fileName, contentType, size}` → `{uploadUrl, url}`, then PUT.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...net.api_client import ApiClient
from ...net.http_pool import HttpPool, HttpResponse
from ...storage.upload import (
    UPLOAD_TIMEOUT_S,
    check_size,
    content_type,
    file_size,
    read_chunks,
    send_with_retries,
    upload_limit_s,
)
from ...storage.upload_storage import Progress, StoredUpload, require_readable_url


class SyncStorage:
    """Upload to sync.so."""

    name = "sync"

    def __init__(
        self,
        api: ApiClient,
        pool: HttpPool,
        max_bytes: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Send nothing yet.

        Args:
            api: returns the presigned URL.
            pool: sends the bytes, without the key.
            max_bytes: the largest file; sync.so documents no limit.
            now: the time, UTC.
        """
        self._api, self._pool, self._max_bytes, self._now = api, pool, max_bytes, now

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Request a presigned URL and upload the file to it."""
        check_size(path, self.name, self._max_bytes)
        media_type, size_bytes, name = content_type(suffix), file_size(path), f"{nonce}{suffix}"
        asset = {"fileName": name, "contentType": media_type, "size": size_bytes}
        response = await send_with_retries(
            lambda: self._api.post("v2/assets/upload", asset), self.name, self._api.redact
        )
        urls = response.json_object()
        upload_url = require_readable_url(urls.get("uploadUrl"), self.name, self._api)
        url = require_readable_url(urls.get("url"), self.name, self._api)
        headers = {"content-type": media_type, "content-length": str(size_bytes)}

        async def send() -> HttpResponse:
            body = read_chunks(path, progress)
            return await self._pool.request(
                "PUT",
                upload_url,
                headers=headers,
                body=body,
                timeout_s=UPLOAD_TIMEOUT_S,
                limit_s=upload_limit_s(size_bytes),
            )

        await send_with_retries(send, self.name, self._api.redact)
        return StoredUpload(url, name, parse_expiry(urls, self._now()))

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: sync.so documents no way to remove an upload."""


def parse_expiry(body: dict[str, Any], now: datetime) -> datetime | None:
    """Return when a URL expires, UTC; None if the response does not say."""
    at, in_s = body.get("expiresAt"), body.get("expiresIn")
    try:
        if isinstance(at, str):
            expires_at = datetime.fromisoformat(at)
            return expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)
        return now + timedelta(seconds=float(in_s)) if isinstance(in_s, int | float) else None
    except (ValueError, OverflowError):
        return None
