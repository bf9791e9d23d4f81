"""The local server's storage: a file as it is, under a name of ours.

Takes   a file.
Gives   its address at the server, whose last part is the nonce.
Raises  HostFailed; BadInput when it is too large.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..core.errors import ProviderError
from ..net.api_client import Host
from ..net.http_pool import Reply
from ..net.url import shown
from .upload import Sleep, check_size, pieces, size_of, type_of, with_tries
from .upload_errors import last_part, readable
from .upload_storage import Progress, Stored

READ_S = 120.0
MOST_BYTES = 512 << 20
"""What the server takes (pipeline/server/server_options.py)."""


class LocalServerStorage:
    """Uploads to `react1 serve`."""

    name = "local"

    def __init__(self, host: Host, sleep: Sleep = asyncio.sleep) -> None:
        self._host, self._sleep = host, sleep

    def require(self) -> None:
        """Nothing beside the server."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Send a file, streamed."""
        check_size(path, self.name, MOST_BYTES)
        name = f"{nonce}{suffix}"
        headers = {"content-type": type_of(suffix), "content-length": str(size_of(path))}

        async def send() -> Reply:
            body = pieces(path, progress)
            return await self._host.post(f"assets/{name}", body=body, headers=headers, read_s=READ_S, method="PUT")

        reply = await with_tries(send, self.name, self._sleep, self._host.hidden)
        address = readable(reply.object().get("url"), self.name)
        if last_part(address) != name:
            raise ProviderError(f"the upload to the local server was answered with {shown(address)}", billed=False)
        return Stored(address, name)

    async def delete(self, stored: Stored) -> None:
        """The server removes uploads by itself after a week."""
