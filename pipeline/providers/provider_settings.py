"""The hosts that take money, as the environment sets them; read once, at the edge.

SEGMIND_API_KEY, SYNC_API_KEY         the keys; each goes to its own host and nowhere else
REACT1_SEGMIND_URL                    another base address than https://api.segmind.com, such as a local server's;
                                      uploads and history then go there too, unless the next two say otherwise
REACT1_SEGMIND_UPLOAD_URL, REACT1_SEGMIND_HISTORY_URL
REACT1_SYNC_URL                       another base address than https://api.sync.so
REACT1_CONCURRENCY                    jobs under way at the same time (sync.so allows 1, 3, 6 or 15 by plan)
REACT1_REQUESTS_PER_MINUTE            what a host is asked at most
REACT1_POLL_S                         seconds between two looks at a job
REACT1_ALLOW_PRIVATE                  1: takes may be fetched from private networks, for a host of one's own
REACT1_SETTLE_AFTER_S                 how old an intention must be before a history that lacks it proves anything
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from urllib.parse import urlsplit

from ..core.errors import PresetError
from ..net.api_client import Host
from ..net.http_pool import Pool
from ..net.rate_limit import RateBudget
from ..net.ssrf import Reach
from ..storage.upload_storage import is_loopback
from .contract import Client, Latency, Limits
from .parameters import LONGEST_S
from .prices import price

LARGEST_PX = (4096, 2160)


@dataclass(frozen=True)
class HostSettings:
    """One host, its key and how it is used."""

    name: str
    key_name: str
    key: str = field(repr=False)
    base: str = ""
    upload: str = ""
    history: str = ""
    at_once: int | None = None
    per_minute: float = 60.0
    latency: Latency = field(default_factory=lambda: Latency(60.0, 330.0, 8.0))
    settle_after_s: float = 900.0
    allow_private: bool = False
    """Whether takes may be fetched from private networks."""
    recovery_pays: bool = False
    """Whether to look for a lost call may make it: it is sent again, under its own key."""

    @property
    def rehearsal(self) -> bool:
        """Whether the host is a server on this machine."""
        return is_loopback(self.base)

    @property
    def reach(self) -> Reach:
        """Where its takes may be fetched from."""
        return Reach(private=self.allow_private, loopback=self.rehearsal)


@dataclass(frozen=True)
class HostedProvider:
    """A host of React-1 that takes money."""

    settings: HostSettings
    client: Callable[[HostSettings, Pool], Client]
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    paid = True

    @property
    def name(self) -> str:
        """Its name on the command line."""
        return self.settings.name

    @property
    def host(self) -> str:
        """Its base address."""
        return self.settings.base

    @property
    def latency(self) -> Latency:
        """How long its jobs take."""
        return self.settings.latency

    @property
    def settle_after_s(self) -> float:
        """After how long a history that does not know a call proves that there is none."""
        return self.settings.settle_after_s

    @property
    def limits(self) -> Limits:
        """What the model takes in one call."""
        return Limits(LONGEST_S, LONGEST_S, LARGEST_PX, self.settings.at_once)

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Estimate what a call costs, by the price table."""
        return price(self.name, self.today()).of(output_s, frames)

    def require(self) -> None:
        """Find out whether there is a key, and whether the addresses can be used."""
        settings = self.settings
        if not settings.key:
            raise PresetError(
                f"provider {settings.name!r} needs a key: set {settings.key_name}, or use --provider local (a preview)"
            )
        if not all("!" <= character <= "~" for character in settings.key):
            raise PresetError(
                f"{settings.key_name} holds a character that no key has, such as a space or …; copy it anew"
            )
        for address in filter(None, (settings.base, settings.upload, settings.history)):
            check_base(address)
        price(self.name, self.today())

    def connect(self, pool: Pool) -> Client:
        """Give a client that shares the pool of the process."""
        return self.client(self.settings, pool)


def segmind(environ: Mapping[str, str] | None = None, version: str = "v2") -> HostedProvider:
    """Give Segmind as the environment sets it."""
    env = os.environ if environ is None else environ
    base = env.get("REACT1_SEGMIND_URL", "").strip().rstrip("/")
    given = bool(base)
    settings = HostSettings(
        name="segmind",
        key_name="SEGMIND_API_KEY",
        key=env.get("SEGMIND_API_KEY", "").strip(),
        base=base or "https://api.segmind.com",
        upload=env.get("REACT1_SEGMIND_UPLOAD_URL", "") or (base if given else "https://workflows-api.segmind.com"),
        history=env.get("REACT1_SEGMIND_HISTORY_URL", "") or (base if given else "https://api.spotprod.segmind.com"),
    )
    settings = _used(settings, env, 60.0)

    def client(settings: HostSettings, pool: Pool) -> Client:
        from .segmind.client import SegmindClient

        api = Host(settings.base, settings.key, pool, RateBudget(settings.per_minute))
        history = Host(settings.history, settings.key, pool, RateBudget(settings.per_minute))
        return SegmindClient(api, history, version)

    return HostedProvider(settings, client)


def sync(environ: Mapping[str, str] | None = None) -> HostedProvider:
    """Give sync.so as the environment sets it."""
    env = os.environ if environ is None else environ
    base = env.get("REACT1_SYNC_URL", "").strip().rstrip("/")
    settings = HostSettings(
        name="sync",
        key_name="SYNC_API_KEY",
        key=env.get("SYNC_API_KEY", "").strip(),
        base=base or "https://api.sync.so",
        at_once=1,
        latency=Latency(30.0, 330.0, 5.0),
        recovery_pays=True,
    )
    settings = _used(settings, env, 120.0)

    def client(settings: HostSettings, pool: Pool) -> Client:
        from .sync.client import SyncClient

        return SyncClient(Host(settings.base, settings.key, pool, RateBudget(settings.per_minute)))

    return HostedProvider(settings, client)


def check_base(address: str) -> None:
    """Refuse an address that a key may not be sent to.

    Raises:
        PresetError: it is neither https nor on this machine.
    """
    scheme = urlsplit(address).scheme
    if scheme == "https" or (scheme == "http" and is_loopback(address)):
        return
    raise PresetError(f"{address!r} cannot be a host: a key is sent by https only (http on this machine's loopback)")


def _used(settings: HostSettings, env: Mapping[str, str], per_minute: float) -> HostSettings:
    """Read how a host is used; one on this machine is quick and may be asked often."""
    near, usual = settings.rehearsal, settings.latency
    every_s = _number(env, "REACT1_POLL_S", 0.5 if near else usual.every_s)
    return replace(
        settings,
        at_once=int(_number(env, "REACT1_CONCURRENCY", 0)) or settings.at_once,
        per_minute=_number(env, "REACT1_REQUESTS_PER_MINUTE", 12_000.0 if near else per_minute),
        latency=Latency(every_s if near else usual.first_s, 10.0 if near else usual.usual_s, every_s),
        allow_private=env.get("REACT1_ALLOW_PRIVATE", "") == "1",
        settle_after_s=_number(env, "REACT1_SETTLE_AFTER_S", 10.0 if near else settings.settle_after_s),
    )


def _number(env: Mapping[str, str], name: str, usual: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return usual
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise PresetError(f"{name} {text!r} is not a number above 0")
    return value
