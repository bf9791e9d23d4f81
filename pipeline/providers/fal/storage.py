"""fal's storage: request a presigned URL with the key, then PUT the bytes there without it.

The file's name holds the nonce; the URL is valid for a day.

Source: the vendor's SDK: `POST /storage/upload/initiate?storage_type=gcs` with `{file_name, content_type}` →
`{upload_url, file_url}`, then PUT; `X-Fal-Object-Lifecycle-Preference` sets the expiry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ....plugin.providers import (
    ApiClient,
    HttpPool,
    HttpResponse,
    Progress,
    StoredUpload,
    content_type,
    file_size,
    read_chunks,
    require_readable_url,
    send_with_retries,
)

UPLOAD_TIMEOUT_S = 300.0
LIFETIME = timedelta(days=1)


class FalStorage:
    """Upload to fal."""

    name = "fal"

    def __init__(self, api: ApiClient, pool: HttpPool, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api, self._pool, self._now = api, pool, now

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Request a presigned URL and upload the file to it."""
        media_type, name = content_type(suffix), f"{nonce}{suffix}"
        lifetime = json.dumps({"expiration_duration_seconds": int(LIFETIME.total_seconds())})
        expires_at = self._now() + LIFETIME
        response = await send_with_retries(
            lambda: self._api.post(
                "storage/upload/initiate?storage_type=gcs",
                {"file_name": name, "content_type": media_type},
                headers={"x-fal-object-lifecycle-preference": lifetime},
            ),
            self.name,
            self._api.redact,
        )
        urls = response.json_object()
        upload_url = require_readable_url(urls.get("upload_url"), self.name, self._api)
        url = require_readable_url(urls.get("file_url"), self.name, self._api)
        headers = {"content-type": media_type, "content-length": str(file_size(path))}

        async def send() -> HttpResponse:
            body = read_chunks(path, progress)
            return await self._pool.request("PUT", upload_url, headers=headers, body=body, timeout_s=UPLOAD_TIMEOUT_S)

        await send_with_retries(send, self.name, self._api.redact)
        return StoredUpload(url, name, expires_at)

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: the file expires after a day."""
