"""The paid providers with their settings, read once from the environment.

SEGMIND_API_KEY, SYNC_API_KEY         the keys; each is sent to its own provider only
REACT1_SEGMIND_URL                    base URL instead of https://api.segmind.com, such as a local server's;
                                      uploads and history then go there too, unless the next two say otherwise
REACT1_SEGMIND_UPLOAD_URL, REACT1_SEGMIND_HISTORY_URL
REACT1_SYNC_URL                       base URL instead of https://api.sync.so
REACT1_CONCURRENCY                    concurrent jobs (sync.so allows 1, 3, 6 or 15 by plan)
REACT1_REQUESTS_PER_MINUTE            limit of requests to a provider
REACT1_POLL_S                         seconds between two polls of a job
REACT1_ALLOW_PRIVATE                  1: takes may be downloaded from private networks, for a provider of your own
REACT1_SETTLE_AFTER_S                 age of an intention after which its absence from the history proves something
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from urllib.parse import urlsplit

from ..core.edits.choices import React1Choices
from ..core.errors import PresetError
from ..net.api_client import ApiClient, RateLimiter
from ..net.http_pool import HttpPool
from ..net.url import NetworkPolicy
from ..storage.upload_storage import UploadStorage, is_loopback_url
from .contract import MAX_CALL_S, Latency, Limits, ProviderClient
from .prices import Price, current_price

MAX_SIZE_PX = (4096, 2160)
V1_MAX_JOBS = 12
"""Segmind's v1 holds a connection for as long as a job takes. More than `MAX_REQUESTS` would wait for one while their
deadline runs, and uploads and queries with them."""


@dataclass(frozen=True)
class ProviderSettings:
    """The settings of one paid provider."""

    name: str
    key_name: str
    """The environment variable of the key."""
    key: str = field(repr=False)
    base_url: str = ""
    upload_url: str = ""
    history_url: str = ""
    max_jobs: int | None = None
    """Concurrent jobs; None means no limit."""
    requests_per_minute: float = 60.0
    latency: Latency = field(default_factory=lambda: Latency(60.0, 330.0, 8.0))
    settle_after_s: float = 900.0
    allow_private: bool = False
    """Whether takes may be downloaded from private networks."""
    recovery_may_bill: bool = False
    """Whether recovery resends the request (with its idempotency key) and may be billed."""
    face_point: bool = False
    """Whether a call can say which face is meant, by a point of one frame."""
    api: str = ""
    """The version of its API that is used, if it has several."""

    @property
    def is_local_server(self) -> bool:
        """Whether the base URL is a server on this machine."""
        return is_loopback_url(self.base_url)

    @property
    def network_policy(self) -> NetworkPolicy:
        """Where takes may be downloaded from."""
        return NetworkPolicy(allow_private=self.allow_private, allow_loopback=self.is_local_server)


@dataclass(frozen=True)
class HostedProvider:
    """A paid provider of React-1."""

    settings: ProviderSettings
    client: Callable[[ProviderSettings, HttpPool], ProviderClient]
    storage: Callable[[ProviderSettings, HttpPool], UploadStorage] | None = None
    """Its own upload storage; None if it has none, so that a preset must name another one."""
    prices: tuple[Price, ...] = ()
    """Its prices, unless REACT1_PRICES has others; `segmind` and `sync` are in the built-in table."""
    accepts: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    """Name of a choice → the values that it accepts; a choice that is not listed may have any value."""
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    paid = True

    @property
    def name(self) -> str:
        """Name on the command line."""
        return self.settings.name

    @property
    def base_url(self) -> str:
        """The provider's base URL."""
        return self.settings.base_url

    @property
    def latency(self) -> Latency:
        """How long its jobs take."""
        return self.settings.latency

    @property
    def settle_after_s(self) -> float:
        """Seconds after which absence from the history proves that no job exists."""
        return self.settings.settle_after_s

    @property
    def limits(self) -> Limits:
        """What the model accepts in one call."""
        return Limits(MAX_CALL_S, MAX_SIZE_PX, self.settings.max_jobs, self.settings.face_point)

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Estimate the cost of a call, by the price table."""
        return current_price(self.name, self.today(), own=self.prices).cost_usd(output_s, frames)

    def refusals(self, choices: React1Choices) -> list[str]:
        """Return one message for each choice that this provider cannot do, before anything is sent."""
        return [
            f"{name}: {json.dumps(value)} is not possible at {self.name}; leave it out, or choose another provider"
            for name, accepted in self.accepts.items()
            if (value := getattr(choices, name)) not in accepted
        ]

    def require(self) -> None:
        """Check that there is a valid key, a price, and that the URLs may receive the key."""
        settings = self.settings
        if not settings.key:
            raise PresetError(
                f"provider {settings.name!r} needs a key: set {settings.key_name}, or use --provider local (a preview)"
            )
        if not all("!" <= character <= "~" for character in settings.key):
            raise PresetError(
                f"{settings.key_name} contains a character that is not valid in a key, such as a space or …; "
                "copy the key again"
            )
        for url in filter(None, (settings.base_url, settings.upload_url, settings.history_url)):
            check_base_url(url)
        current_price(self.name, self.today(), own=self.prices)

    def connect(self, pool: HttpPool) -> ProviderClient:
        """Return a client that shares the connection pool of the process."""
        return self.client(self.settings, pool)


def segmind(environ: Mapping[str, str] | None = None, version: str = "v2") -> HostedProvider:
    """Return Segmind with the settings of the environment; `version` is the API's: v2 or v1."""
    env = os.environ if environ is None else environ
    base_url = env.get("REACT1_SEGMIND_URL", "").strip().rstrip("/")
    settings = ProviderSettings(
        name="segmind",
        key_name="SEGMIND_API_KEY",
        key=env.get("SEGMIND_API_KEY", "").strip(),
        base_url=base_url or "https://api.segmind.com",
        upload_url=env.get("REACT1_SEGMIND_UPLOAD_URL", "") or base_url or "https://workflows-api.segmind.com",
        history_url=env.get("REACT1_SEGMIND_HISTORY_URL", "") or base_url or "https://api.spotprod.segmind.com",
        api=version,
    )
    settings = _with_common_settings(settings, env, 60.0)
    if version == "v1":
        settings = replace(settings, max_jobs=min(settings.max_jobs or V1_MAX_JOBS, V1_MAX_JOBS))

    def client(settings: ProviderSettings, pool: HttpPool) -> ProviderClient:
        from .segmind.client import SegmindClient

        api = ApiClient(settings.base_url, settings.key, pool, RateLimiter(settings.requests_per_minute))
        history = ApiClient(settings.history_url, settings.key, pool, RateLimiter(settings.requests_per_minute))
        return SegmindClient(api, history, settings.api)

    def storage(settings: ProviderSettings, pool: HttpPool) -> UploadStorage:
        from .segmind.client import SegmindStorage

        return SegmindStorage(open_api(settings, pool, settings.upload_url))

    return HostedProvider(settings, client, storage)


def sync(environ: Mapping[str, str] | None = None) -> HostedProvider:
    """Return sync.so with the settings of the environment."""
    env = os.environ if environ is None else environ
    base_url = env.get("REACT1_SYNC_URL", "").strip().rstrip("/")
    settings = ProviderSettings(
        name="sync",
        key_name="SYNC_API_KEY",
        key=env.get("SYNC_API_KEY", "").strip(),
        base_url=base_url or "https://api.sync.so",
        max_jobs=1,
        latency=Latency(30.0, 330.0, 5.0),
        recovery_may_bill=True,
        face_point=True,
    )
    settings = _with_common_settings(settings, env, 120.0)

    def client(settings: ProviderSettings, pool: HttpPool) -> ProviderClient:
        from .sync.client import SyncClient

        return SyncClient(ApiClient(settings.base_url, settings.key, pool, RateLimiter(settings.requests_per_minute)))

    def storage(settings: ProviderSettings, pool: HttpPool) -> UploadStorage:
        from .sync.client import SyncStorage

        return SyncStorage(open_api(settings, pool), pool)

    return HostedProvider(settings, client, storage)


def read_settings(
    environ: Mapping[str, str],
    *,
    name: str,
    key_name: str,
    url: str,
    upload_url: str = "",
    history_url: str = "",
    max_jobs: int | None = None,
    latency: Latency | None = None,
    settle_after_s: float = 900.0,
    requests_per_minute: float = 60.0,
) -> ProviderSettings:
    """Return the settings of a provider of these defaults, with what the environment changes.

    `REACT1_<NAME>_URL` replaces all three URLs, such as by a test server's.

    Args:
        environ: the environment.
        name: on the command line; lower case.
        key_name: the environment variable of the key.
        url: the base URL; the key is sent there.
        upload_url: another base URL for uploads, which gets the key too.
        history_url: another base URL for the list of requests, which gets the key too.
        max_jobs: concurrent jobs; None means no limit.
        latency: how long its jobs take.
        settle_after_s: age of a lost submit after which its absence from the list of requests proves that no job
            exists; if the list leaves running jobs out, as long as the longest job.
        requests_per_minute: limit of requests.
    """
    override = environ.get(f"REACT1_{name.upper().replace('-', '_')}_URL", "").strip().rstrip("/")
    settings = ProviderSettings(
        name=name,
        key_name=key_name,
        key=environ.get(key_name, "").strip(),
        base_url=override or url,
        upload_url=override or upload_url or url,
        history_url=override or history_url or url,
        max_jobs=max_jobs,
        latency=latency or Latency(60.0, 330.0, 8.0),
        settle_after_s=settle_after_s,
    )
    return _with_common_settings(settings, environ, requests_per_minute)


def open_api(
    settings: ProviderSettings, pool: HttpPool, url: str = "", *, header: str = "x-api-key", scheme: str = ""
) -> ApiClient:
    """Return a client of one of a provider's URLs (default: its base URL), which sends the key in this header.

    Raises:
        PresetError: a key may not be sent to the URL.
    """
    check_base_url(url or settings.base_url)
    limiter = RateLimiter(settings.requests_per_minute)
    return ApiClient(url or settings.base_url, settings.key, pool, limiter, header, scheme)


def check_base_url(url: str) -> None:
    """Refuse a URL that a key may not be sent to.

    Raises:
        PresetError: it is neither https nor on this machine.
    """
    scheme = urlsplit(url).scheme
    if scheme == "https" or (scheme == "http" and is_loopback_url(url)):
        return
    raise PresetError(f"{url!r} is not a valid base URL: a key is sent over https only (http on loopback)")


def _with_common_settings(
    settings: ProviderSettings, env: Mapping[str, str], requests_per_minute: float
) -> ProviderSettings:
    """Read the settings that all providers have; a server on this machine is fast and may be polled often."""
    local, latency = settings.is_local_server, settings.latency
    interval_s = _number(env, "REACT1_POLL_S", 0.5 if local else latency.interval_s)
    return replace(
        settings,
        max_jobs=int(_number(env, "REACT1_CONCURRENCY", 0)) or settings.max_jobs,
        requests_per_minute=_number(env, "REACT1_REQUESTS_PER_MINUTE", 12_000.0 if local else requests_per_minute),
        latency=Latency(interval_s if local else latency.first_s, 10.0 if local else latency.typical_s, interval_s),
        allow_private=env.get("REACT1_ALLOW_PRIVATE", "") == "1",
        settle_after_s=_number(env, "REACT1_SETTLE_AFTER_S", 10.0 if local else settings.settle_after_s),
    )


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise PresetError(f"{name} {text!r} is not a number above 0")
    return value
