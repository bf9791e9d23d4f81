"""Segmind's own storage: a file as a data URL, base64 written piece by piece.

Takes   a file.
Gives   its address; the host chooses the name, which is the last part of the address.
Raises  HostFailed; BadInput when it is too large.
Source  the vendor's SDK: `POST /upload-asset` with `{"data_urls": ["data:<mime>;base64,…"]}`; it tells no expiry.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ...core.errors import ProviderError
from ...net.api_client import Host
from ...net.error_text import in_one_line
from ...net.http_pool import Reply
from ...storage.upload import Sleep, base64_bytes, check_size, in_base64, size_of, type_of, with_tries
from ...storage.upload_errors import LONGEST_WORDS, last_part, readable
from ...storage.upload_storage import Progress, Stored

READ_S = 300.0
_LISTS = ("file_urls", "urls")


class SegmindStorage:
    """Uploads to the host that serves the model."""

    name = "segmind"

    def __init__(self, host: Host, sleep: Sleep = asyncio.sleep, most_bytes: int | None = None) -> None:
        """Nothing is sent yet.

        Args:
            host: where to.
            sleep: waits so many seconds.
            most_bytes: the largest file; the host documents no limit.
        """
        self._host, self._sleep, self._most_bytes = host, sleep, most_bytes

    def require(self) -> None:
        """Nothing beside the key, which the provider wants too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Send a file; the host gives it a name of its own."""
        del nonce
        check_size(path, self.name, self._most_bytes)
        before, after = f'{{"data_urls": ["data:{type_of(suffix)};base64,'.encode(), b'"]}'
        length = len(before) + base64_bytes(size_of(path)) + len(after)
        headers = {"content-type": "application/json", "content-length": str(length)}

        async def send() -> Reply:
            body = in_base64(path, before, after, progress)
            return await self._host.post("upload-asset", body=body, headers=headers, read_s=READ_S)

        reply = await with_tries(send, self.name, self._sleep, self._host.hidden)
        address = _address(reply)
        name = last_part(address)
        if not name:
            raise ProviderError("the upload to segmind was answered with an address that names no file", billed=False)
        return Stored(address, name)

    async def delete(self, stored: Stored) -> None:
        """Nothing can be removed there."""


def _address(reply: Reply) -> str:
    told = reply.object()
    for name in _LISTS:
        urls = told.get(name)
        if isinstance(urls, list) and urls:
            return readable(urls[0], "segmind")
    keys = in_one_line(", ".join(sorted(told)), most=LONGEST_WORDS) or "no JSON object"
    raise ProviderError(
        f"the upload to segmind was answered without an address: neither file_urls nor urls, but {keys}", billed=False
    )
