"""The contract of an upload storage, and which storage a run uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..net.api_client import origin
from ..net.ssrf import NetworkPolicy, is_allowed


def resolve_storage_name(name: str, provider: str, base_url: str, *, own: bool = True) -> str:
    """Return the storage that `auto` means: the provider's own, or the local server's for a server on this machine.

    Args:
        name: as in the preset.
        provider: the provider's name.
        base_url: the provider's base URL.
        own: whether the provider has a storage of its own; else `auto` means `none`.
    """
    if name != "auto":
        return name
    if provider == "segmind" and is_loopback_url(base_url):
        return "local"
    return provider if own else "none"


def is_loopback_url(url: str) -> bool:
    """Return whether a URL's host is this machine, by its text alone."""
    host = origin(url)[1]
    if host == "localhost":
        return True
    try:
        return is_allowed(host, NetworkPolicy(allow_loopback=True)) and not is_allowed(host, NetworkPolicy())
    except ValueError:
        return False


Progress = Callable[[float], None]


@dataclass(frozen=True)
class StoredUpload:
    """An uploaded file at a URL that a provider can read."""

    url: str = field(repr=False)
    """May contain a signature, so it is never logged."""
    name: str
    """The file's name in the storage; unique."""
    expires_at: datetime | None = None
    """UTC; None if the storage gives no expiry."""
    key: str = ""
    """What `delete` needs; "" if the file cannot be deleted."""


class UploadStorage(Protocol):
    """A place that files are uploaded to."""

    @property
    def name(self) -> str:
        """Name in a preset."""

    def require(self) -> None:
        """Check, before anything runs, that the storage can be used.

        Raises:
            PresetError: it cannot; the message says what to install or to set.
        """

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file, streamed from disk. `nonce` becomes part of its name if the storage allows to choose one.

        Raises:
            ProviderError: every attempt failed.
        """

    async def delete(self, upload: StoredUpload) -> None:
        """Remove a file, if the storage supports it.

        Raises:
            ProviderError: the file is still there.
        """
