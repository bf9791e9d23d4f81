"""Options of the local server, and its limits."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..core.errors import MissingExtra, PresetError
from ..net.url import NetworkPolicy
from ..providers.contract import SEGMIND_MODEL

MODEL = SEGMIND_MODEL
KEY_VARIABLE = "REACT1_SERVER_KEY"
"""The environment variable of the server's key."""
DURATION_TOLERANCE_S = Fraction(1, 20)
"""Padding that codecs may add to a file of 15 s."""
USD_PER_OUTPUT_S = 0.167
"""The provider's price; here it only changes the simulated balance."""


@dataclass(frozen=True)
class Limits:
    """Limits on requests, and retention times."""

    body_bytes: int = 64 << 10
    """JSON body of a model request."""
    upload_bytes: int = 128 << 20
    """JSON body of an upload, base64 included."""
    upload_files: int = 10
    asset_bytes: int = 512 << 20
    """A file sent by PUT."""
    fetch_bytes: int = 512 << 20
    """Each of the two files of a request."""
    fetch_s: float = 120
    """Each of the two files of a request."""
    body_s: float = 120
    """Time for a body to arrive."""
    take_s: float = 1800
    """One take, fetching included."""
    results_s: float = 3600
    """How long the state and the result of a finished request are served."""
    files_s: float = 7 * 86400
    """How long outputs and uploads are kept."""
    history_s: float = 31 * 86400


def default_workers() -> int:
    """Return half the number of cores: a take uses two cores at times."""
    return max(1, (os.cpu_count() or 1) // 2)


@dataclass(frozen=True)
class ServerOptions:
    """How the server was started."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8791
    """0 selects a free port."""
    key: str = ""
    """The only API key that is accepted; if empty, every non-empty key is."""
    allow_private: bool = False
    workers: int = field(default_factory=default_workers)
    queue_size: int = 100
    """Requests that may wait for a worker."""
    credits: float = 10_000.0
    """Initial balance in USD: large enough never to run out unless a test sets it."""
    limits: Limits = field(default_factory=Limits)

    @property
    def network(self) -> NetworkPolicy:
        """Networks that files may be fetched from; loopback only if the server itself listens on loopback."""
        return NetworkPolicy(allow_private=self.allow_private, allow_loopback=is_loopback(self.host))


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_key(options: ServerOptions) -> None:
    """Check that a server which other machines can reach has a key.

    Raises:
        PresetError: it has none.
    """
    if not is_loopback(options.host) and not options.key:
        raise PresetError(
            f"--host {options.host} can be reached by other machines, and there is no key; set {KEY_VARIABLE} to the "
            "key that they must send, or listen on 127.0.0.1"
        )


def require_server() -> None:
    """Check that the server's libraries are installed.

    Raises:
        MissingExtra: they are not.
    """
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"react1 serve needs {' and '.join(missing)}, the extra 'server': pip install 'react1-nodes[server,local]'"
        )
