"""A line to one host: its client, its places for jobs, and where files for it are sent."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..net.api_client import Host
from ..net.download import DownloadClient
from ..net.http_pool import Pool
from ..net.rate_limit import RateBudget
from ..providers.choose_provider import owner_of
from ..providers.contract import Client
from ..providers.provider_settings import HostedProvider, HostSettings, check_base
from ..storage.upload_storage import Storage, storage_name
from .concurrency import Turns
from .ledger import Ledger
from .request import Clock
from .take_download import open_fetching
from .uploads import Uploads

MARGIN_S = 600.0
"""An address must outlive the longest deadline by so much."""


@dataclass(frozen=True)
class Line:
    """One host, connected."""

    client: Client
    turns: Turns
    settings: HostSettings
    fetching: DownloadClient
    """For takes; it knows no key."""


def open_line(provider: HostedProvider, pool: Pool, ledger: Ledger, clock: Clock) -> Line:
    """Connect to a host."""
    turns = Turns(ledger, provider.name, provider.limits.at_once, clock)
    return Line(provider.connect(pool), turns, provider.settings, open_fetching(provider.settings.reach))


def open_uploads(
    asked: str, settings: HostSettings, pool: Pool, home: Path, clock: Clock, *, lifetime_s: float, keep: bool
) -> Uploads:
    """Give the place where files go that a host is to read."""
    storage = open_storage(asked, settings, pool, lifetime_s)
    bucket = [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "REACT1_S3_URL")]
    where = " ".join([settings.upload or settings.base, *bucket])
    return Uploads(home, storage, where=where, now=clock.now, margin_s=lifetime_s + MARGIN_S, keep=keep)


def open_storage(asked: str, settings: HostSettings, pool: Pool, lifetime_s: float) -> Storage:
    """Give the storage of a name; `auto` is the host's own.

    Raises:
        PresetError: it cannot be used.
    """
    name = storage_name(asked, settings.name, settings.base)
    owner = owner_of(name)
    settings = owner.settings if owner is not None and owner.name != settings.name else settings
    if name == "s3":
        from ..storage.s3 import S3Storage

        return S3Storage(lifetime_s=lifetime_s + 2 * MARGIN_S)
    if name == "sync":
        from ..providers.sync.storage import SyncStorage

        return SyncStorage(_host(settings, settings.base, pool), pool)
    host = _host(settings, settings.upload or settings.base, pool)
    if name == "local":
        from ..storage.local_server import LocalServerStorage

        return LocalServerStorage(host)
    from ..providers.segmind.storage import SegmindStorage

    return SegmindStorage(host)


def _host(settings: HostSettings, base: str, pool: Pool) -> Host:
    check_base(base)
    return Host(base, settings.key, pool, RateBudget(settings.per_minute))
