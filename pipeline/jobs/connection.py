"""Connect to one provider: its client, its limit of concurrent jobs, its downloads, and its upload storage."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..core.errors import PresetError
from ..net.api_client import Redact, hide_secret
from ..net.download import DownloadClient
from ..net.http_pool import HttpPool
from ..providers.choose_provider import load_plugin_storage, storage_owner
from ..providers.contract import ProviderClient
from ..providers.provider_settings import HostedProvider, ProviderSettings, open_api
from ..storage.upload_storage import UploadStorage, resolve_storage_name
from .ledger import Ledger
from .request import Clock
from .take_download import open_download_client
from .uploads import Uploads

_LOCAL_OWNER = {"segmind": "local"}
"""The provider whose requests the local server answers, and so takes uploads for."""
URL_MARGIN_S = 600.0
"""Uploaded URLs must stay valid this long after the job's deadline."""
SLOT_CHECK_S = 2.0
"""How often to check whether a job of another process has ended."""
MAX_SLOT_AGE_S = 3600.0
"""Open entries older than this no longer occupy a slot; entries dated in the future indicate clock skew."""


class ConcurrencyLimit:
    """Limit the concurrent jobs of a provider, counted from the ledger, so that other processes count too."""

    def __init__(self, ledger: Ledger, provider: str, max_jobs: int | None, clock: Clock) -> None:
        self._ledger, self._provider, self._max_jobs, self._clock = ledger, provider, max_jobs, clock
        self._own: set[str] = set()
        self._queue = asyncio.Lock()

    @asynccontextmanager
    async def slot(
        self, key: str, *, running: bool, on_wait: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[None]:
        """Hold a slot for a job; one that is already running at the provider does not wait for it.

        `on_wait` gets the limit each time that only jobs which this process does not run are in the way.
        """
        if running or self._max_jobs is None:
            self._own.add(key)
        else:
            async with self._queue:
                while len(self._own) + await asyncio.to_thread(self._count_others, set(self._own)) >= self._max_jobs:
                    if not self._own:
                        on_wait(self._max_jobs)
                    await self._clock.sleep(SLOT_CHECK_S)
                self._own.add(key)
        try:
            yield
        finally:
            self._own.discard(key)

    def _count_others(self, own: Collection[str]) -> int:
        """Count the unfinished jobs of other processes."""
        return sum(
            1
            for entry in self._ledger.open_entries()
            if entry.key not in own
            and entry.intended is not None
            and entry.intended.call.provider == self._provider
            and 0 < self._clock.elapsed_since_s(entry.intended.at) < MAX_SLOT_AGE_S
        )


@dataclass(frozen=True)
class ProviderConnection:
    """A connected provider."""

    client: ProviderClient
    concurrency: ConcurrencyLimit
    settings: ProviderSettings
    download_client: DownloadClient
    """For takes; it has no key."""
    server_now: Callable[[], datetime | None]
    """Returns the time by the provider's clock; None if no response has stated it yet."""
    redact: Redact
    """Returns a text without the key."""


class Hosts:
    """What the runs of one process share: connections, with their pace and limits, and the cost committed so far."""

    def __init__(self, pool: HttpPool | None = None) -> None:
        self.pool = pool or HttpPool()
        self.connections: dict[str, ProviderConnection] = {}
        self.committed_usd: dict[str, float] = {}
        """Spent or committed, per call: first the estimate, then the actual cost."""

    async def __aenter__(self) -> Hosts:
        """Open the connection pool."""
        await self.pool.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close all connections."""
        for connection in self.connections.values():
            await asyncio.to_thread(connection.download_client.close)
        await self.pool.__aexit__(None, None, None)

    def connection(self, provider: HostedProvider, ledger: Ledger, clock: Clock) -> ProviderConnection:
        """Return the connection to a provider, which is made at the first use."""
        name = f"{provider.name} {provider.base_url} {provider.settings.api}"
        if name not in self.connections:
            self.connections[name] = connect(provider, self.pool, ledger, clock)
        return self.connections[name]


def connect(provider: HostedProvider, pool: HttpPool, ledger: Ledger, clock: Clock) -> ProviderConnection:
    """Connect to a provider."""
    settings = provider.settings
    concurrency = ConcurrencyLimit(ledger, provider.name, provider.limits.max_jobs, clock)
    download_client = open_download_client(settings.network_policy)
    urls = [url for url in (settings.base_url, settings.history_url, settings.upload_url) if url]

    def server_now() -> datetime | None:
        return next((now for now in map(pool.server_now, urls) if now is not None), None)

    def redact(text: str) -> str:
        return hide_secret(text, settings.key)

    return ProviderConnection(provider.connect(pool), concurrency, settings, download_client, server_now, redact)


def open_uploads(
    storage_name: str,
    provider: HostedProvider,
    pool: HttpPool,
    home: Path,
    clock: Clock,
    *,
    lifetime_s: float,
    keep: bool,
) -> Uploads:
    """Return the uploads to a storage for a provider; URLs stay valid for `lifetime_s` and a margin.

    Raises:
        PresetError: the storage cannot be used.
    """
    storage = open_storage(storage_name, provider, pool, lifetime_s)
    settings = (_owner(_resolve(storage_name, provider), provider) or provider).settings
    bucket = [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "REACT1_S3_URL")]
    where = " ".join([settings.upload_url or settings.base_url, *bucket])
    return Uploads(home, storage, where=where, now=clock.now, margin_s=lifetime_s + URL_MARGIN_S, keep=keep)


def open_storage(storage_name: str, provider: HostedProvider, pool: HttpPool, lifetime_s: float) -> UploadStorage:
    """Return the storage of a name for a provider; `auto` is the provider's own.

    Raises:
        PresetError: it cannot be used.
    """
    name = _resolve(storage_name, provider)
    if name == "s3":
        from ..storage.s3 import S3Storage

        return S3Storage(lifetime_s=lifetime_s + 2 * URL_MARGIN_S)
    owner = _owner(name, provider)
    if owner is not None and name == "local":
        from ..storage.upload import LocalServerStorage

        return LocalServerStorage(open_api(owner.settings, pool, owner.settings.upload_url))
    if owner is not None and owner.storage is not None:
        return owner.storage(owner.settings, pool)
    storage = load_plugin_storage(name, pool, lifetime_s + 2 * URL_MARGIN_S)
    if storage is None:
        raise PresetError(f"provider {provider.name} has no storage {name!r}; choose another one, such as s3")
    return storage


def _resolve(storage_name: str, provider: HostedProvider) -> str:
    return resolve_storage_name(storage_name, provider.name, provider.base_url, own=provider.storage is not None)


def _owner(storage_name: str, provider: HostedProvider) -> HostedProvider | None:
    """Return the provider whose URL and key a storage uses; None for a storage of nobody's."""
    return provider if storage_name in (provider.name, _LOCAL_OWNER.get(provider.name)) else storage_owner(storage_name)
