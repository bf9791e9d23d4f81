"""Storage of the local server (`react1 serve`): the file unchanged, under a name that holds the nonce."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ProviderError
from ..net.api_client import ApiClient
from ..net.http_pool import HttpResponse
from ..net.url import redact_url
from .upload import (
    UPLOAD_TIMEOUT_S,
    check_size,
    content_type,
    file_size,
    read_chunks,
    send_with_retries,
    upload_limit_s,
)
from .upload_errors import file_name, require_readable_url
from .upload_storage import Progress, StoredUpload

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
