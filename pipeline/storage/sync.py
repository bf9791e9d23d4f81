"""sync.so's assets: an address to put the bytes to, without the key, and one to read them from.

Takes   a file.
Gives   its address; its name is the nonce.
Raises  HostFailed.
Source  `POST /v2/assets/upload` with `{fileName, contentType, size}` → `{uploadUrl, url}`, then PUT.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import HostFailed
from .contract import Progress, Stored
from .host import Host
from .pool import Pool, Reply
from .sending import Sleep, pieces, size_of, type_of, with_tries

READ_S = 300.0


class SyncStorage:
    """Uploads to sync.so."""

    name = "sync"

    def __init__(self, host: Host, pool: Pool, sleep: Sleep = asyncio.sleep) -> None:
        self._host, self._pool, self._sleep = host, pool, sleep

    def require(self) -> None:
        """Nothing beside the key, which the provider wants too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Ask for a place, and send the file there."""
        kind, size = type_of(suffix), size_of(path)
        asked = {"fileName": f"{nonce}{suffix}", "contentType": kind, "size": size}
        told = (await with_tries(lambda: self._host.post("v2/assets/upload", asked), self.name, self._sleep)).object()
        target, address = told.get("uploadUrl"), told.get("url")
        if not (isinstance(target, str) and isinstance(address, str) and target and address):
            raise HostFailed("sync's answer to an upload lacks uploadUrl or url", billed=False)
        headers = {"content-type": kind, "content-length": str(size)}

        async def send() -> Reply:
            body = pieces(path, progress)
            return await self._pool.ask("PUT", target, headers=headers, body=body, read_s=READ_S)

        await with_tries(send, self.name, self._sleep)
        return Stored(address, urlsplit(address).path.rsplit("/", 1)[-1] or nonce, _expiry(told.get("expiresAt")))

    async def delete(self, stored: Stored) -> None:
        """Nothing can be removed by what is documented."""


def _expiry(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
