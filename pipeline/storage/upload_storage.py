"""Which storage a run sends its files to.

Where uploads go: one small contract for all storages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..net.api_client import origin
from ..net.ssrf import Reach, may_reach


def storage_name(asked: str, provider: str, base: str) -> str:
    """Resolve `auto`: the provider's own; for a server on this machine that server's.

    Args:
        asked: what the preset says.
        provider: the host's name.
        base: the host's address.
    """
    if asked != "auto":
        return asked
    if provider == "segmind":
        return "local" if is_loopback(base) else "segmind"
    return provider if provider == "sync" else "none"


def is_loopback(address: str) -> bool:
    """Tell whether an address lies on this machine."""
    host = origin(address)[1]
    if host == "localhost":
        return True
    try:
        return may_reach(host, Reach(loopback=True)) and not may_reach(host, Reach())
    except ValueError:
        return False


Progress = Callable[[float], None]


@dataclass(frozen=True)
class Stored:
    """A file at an address that a host can read."""

    address: str = field(repr=False)
    """May carry a signature, so it is never logged."""
    name: str
    """The file's own name there: nobody else's file has it."""
    expires_at: datetime | None = None
    """UTC; None where the address lasts."""
    place: str = ""
    """What `delete` needs; empty where nothing can be deleted."""


class Storage(Protocol):
    """One place that files are sent to."""

    @property
    def name(self) -> str:
        """Its name in a preset."""

    def require(self) -> None:
        """Find out, before anything runs, whether it can be used.

        Raises:
            PresetError: it cannot; the message says what to install or to set.
        """

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Send a file, streamed from disk; `nonce` becomes part of its name where the storage lets us choose.

        Raises:
            HostFailed: it was not taken, after tries of its own.
        """

    async def delete(self, stored: Stored) -> None:
        """Remove a file, where that is possible.

        Raises:
            HostFailed: it is still there.
        """
