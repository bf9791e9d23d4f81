"""Segmind's own storage: a file as a data URL, with base64 written chunk by chunk.

Segmind chooses the name, which is the last part of the URL, and gives no expiry.

Source: the vendor's SDK: `POST /upload-asset` with `{"data_urls": ["data:<mime>;base64,…"]}`.
"""

from __future__ import annotations

from pathlib import Path

from ...core.errors import ProviderError
from ...net.api_client import ApiClient
from ...net.error_text import one_line
from ...net.http_pool import HttpResponse
from ...storage.upload import (
    UPLOAD_TIMEOUT_S,
    base64_size,
    check_size,
    content_type,
    file_size,
    read_base64,
    send_with_retries,
    upload_limit_s,
)
from ...storage.upload_storage import MAX_ERROR_LENGTH, Progress, StoredUpload, file_name, require_readable_url

_LIST_KEYS = ("file_urls", "urls")


class SegmindStorage:
    """Upload to Segmind."""

    name = "segmind"

    def __init__(self, api: ApiClient, max_bytes: int | None = None) -> None:
        """Send nothing yet.

        Args:
            api: Segmind's upload API.
            max_bytes: the largest file; Segmind documents no limit.
        """
        self._api, self._max_bytes = api, max_bytes

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file; Segmind chooses its name."""
        del nonce
        check_size(path, self.name, self._max_bytes)
        prefix, end = f'{{"data_urls": ["data:{content_type(suffix)};base64,'.encode(), b'"]}'
        length = len(prefix) + base64_size(file_size(path)) + len(end)
        headers = {"content-type": "application/json", "content-length": str(length)}

        async def send() -> HttpResponse:
            body = read_base64(path, prefix, end, progress)
            limit_s = upload_limit_s(length)
            return await self._api.post(
                "upload-asset", body=body, headers=headers, timeout_s=UPLOAD_TIMEOUT_S, limit_s=limit_s
            )

        response = await send_with_retries(send, self.name, self._api.redact)
        url = self._parse_url(response)
        name = file_name(url)
        if not name:
            raise ProviderError("the upload to segmind returned a URL without a file name", billed=False)
        return StoredUpload(url, name)

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: Segmind has no way to remove an upload."""

    def _parse_url(self, response: HttpResponse) -> str:
        body = response.json_object()
        for key in _LIST_KEYS:
            urls = body.get(key)
            if isinstance(urls, list) and urls:
                return require_readable_url(urls[0], self.name, self._api)
        keys = one_line(", ".join(sorted(body)), self._api.redact, MAX_ERROR_LENGTH) or "no JSON object"
        message = f"the upload to segmind returned no URL: neither file_urls nor urls, but {keys}"
        raise ProviderError(message, billed=False)
