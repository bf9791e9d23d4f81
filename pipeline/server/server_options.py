"""What the local server is started with, and its limits."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..core.errors import MissingExtra
from ..net.ssrf import Reach
from ..providers.parameters import SEGMIND_MODEL

MODEL = SEGMIND_MODEL
SLACK_S = Fraction(1, 20)
"""What codecs pad at the end of a file that is meant to last 15 s."""
USD_PER_OUTPUT_S = 0.167
"""The host's price; here it only moves the rehearsed balance."""


@dataclass(frozen=True)
class Limits:
    """Bounds on what others may ask for."""

    body_bytes: int = 64 << 10
    """The JSON of a call."""
    upload_bytes: int = 128 << 20
    """The JSON of an upload, base64 included."""
    upload_files: int = 10
    asset_bytes: int = 512 << 20
    """A file that is sent as it is."""
    fetch_bytes: int = 512 << 20
    """Each of the two files of a call."""
    fetch_s: float = 120
    """Each of the two files of a call."""
    body_s: float = 120
    """How long a body may take to arrive."""
    take_s: float = 1800
    """One take, fetching included."""
    results_s: float = 3600
    """How long the state and the result of a finished request are served."""
    files_s: float = 7 * 86400
    """How long outputs and uploads are kept."""
    history_s: float = 31 * 86400


def half_the_cores() -> int:
    """Give the usual number of workers: each take uses two cores at times."""
    return max(1, (os.cpu_count() or 1) // 2)


@dataclass(frozen=True)
class ServerOptions:
    """How the server was started."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8791
    """0 takes a free one."""
    key: str = ""
    """The only key that is accepted; empty accepts every key that is not empty."""
    allow_private: bool = False
    workers: int = field(default_factory=half_the_cores)
    queue_size: int = 100
    """Requests that may wait for a worker."""
    credits: float = 10_000.0
    """The balance that an account begins with, in USD: enough never to run out unless that is asked for."""
    limits: Limits = field(default_factory=Limits)

    @property
    def reach(self) -> Reach:
        """Where files are fetched from: loopback is this machine's own, where only this machine can ask."""
        return Reach(private=self.allow_private, loopback=is_loopback(self.host))


def is_loopback(host: str) -> bool:
    """Tell whether a server that listens here can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_server() -> None:
    """Make sure that the server's libraries are installed.

    Raises:
        MissingExtra: they are not.
    """
    lacking = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingExtra(
            f"react1 serve needs {' and '.join(lacking)}, the extra 'server': pip install 'react1-nodes[server,local]'"
        )
