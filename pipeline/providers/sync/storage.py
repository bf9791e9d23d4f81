"""sync.so's assets: an address to put the bytes to, without the key, and one to read them from.

Takes   a file.
Gives   its address; its name is the nonce.
Raises  HostFailed; BadInput when it is too large.
Source  `POST /v2/assets/upload` with `{fileName, contentType, size}` → `{uploadUrl, url}`, then PUT. An expiry is not
        documented; one that is told all the same, `expiresAt` or `expiresIn`, is heeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...net.api_client import Host
from ...net.http_pool import Pool, Reply
from ...storage.upload import Sleep, check_size, pieces, size_of, type_of, with_tries
from ...storage.upload_errors import readable
from ...storage.upload_storage import Progress, Stored

READ_S = 300.0


class SyncStorage:
    """Uploads to sync.so."""

    name = "sync"

    def __init__(
        self,
        host: Host,
        pool: Pool,
        sleep: Sleep = asyncio.sleep,
        most_bytes: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is sent yet.

        Args:
            host: whom to ask for a place.
            pool: sends the bytes, without the key.
            sleep: waits so many seconds.
            most_bytes: the largest file; the host documents no limit.
            now: the time, UTC.
        """
        self._host, self._pool, self._sleep, self._most_bytes, self._now = host, pool, sleep, most_bytes, now

    def require(self) -> None:
        """Nothing beside the key, which the provider wants too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Ask for a place, and send the file there."""
        check_size(path, self.name, self._most_bytes)
        kind, size, name = type_of(suffix), size_of(path), f"{nonce}{suffix}"
        asked = {"fileName": name, "contentType": kind, "size": size}
        told = await with_tries(
            lambda: self._host.post("v2/assets/upload", asked), self.name, self._sleep, self._host.hidden
        )
        place = told.object()
        target, address = readable(place.get("uploadUrl"), self.name), readable(place.get("url"), self.name)
        headers = {"content-type": kind, "content-length": str(size)}

        async def send() -> Reply:
            body = pieces(path, progress)
            return await self._pool.ask("PUT", target, headers=headers, body=body, read_s=READ_S)

        await with_tries(send, self.name, self._sleep, self._host.hidden)
        return Stored(address, name, expiry(place, self._now()))

    async def delete(self, stored: Stored) -> None:
        """Nothing can be removed by what is documented."""


def expiry(told: dict[str, Any], now: datetime) -> datetime | None:
    """Read until when an address lasts; None where the answer does not say."""
    at, in_s = told.get("expiresAt"), told.get("expiresIn")
    try:
        if isinstance(at, str):
            found = datetime.fromisoformat(at)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        return now + timedelta(seconds=float(in_s)) if isinstance(in_s, int | float) else None
    except (ValueError, OverflowError):
        return None
