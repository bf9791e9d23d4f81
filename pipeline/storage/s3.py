"""Any S3-compatible store: sent in parts, read by an address that is signed for a while, removed after the run.

REACT1_S3_URL          s3://bucket/prefix
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION   as usual
AWS_ENDPOINT_URL       a store that is not Amazon's; https, or http on this machine's loopback

Takes   a file.
Gives   a signed address that outlives the longest deadline; its name is the nonce.
Raises  PresetError and MissingExtra before anything runs; HostFailed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import HostFailed, MissingExtra, PresetError
from .address import masked, shown
from .choose import is_loopback
from .contract import Progress, Stored
from .sending import type_of

INSTALL = "storage s3 needs the extra 's3': pip install 'react1-nodes[s3]'"
PART_BYTES = 8 << 20
LONGEST_S = 7 * 86400.0
"""The most that a signature may last, by its own rules."""


class S3Storage:
    """Uploads to a bucket of the user's."""

    name = "s3"

    def __init__(self, *, lifetime_s: float, environ: Mapping[str, str] | None = None) -> None:
        """Nothing is opened yet.

        Args:
            lifetime_s: how long an address can be read.
            environ: where the settings are; by default the environment.
        """
        self._lifetime_s = min(lifetime_s, LONGEST_S)
        self._environ = os.environ if environ is None else environ
        self._opened: Any = None

    def require(self) -> None:
        """Find out whether the bucket is named and the library there."""
        self._place()
        _library()

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Send a file in parts, and sign an address for it."""
        _, prefix = self._place()
        name = f"{nonce}{suffix}"
        key = f"{prefix}/{name}" if prefix else name
        signed_at = datetime.now(UTC)
        try:
            kind = {"Content-Type": type_of(suffix)}
            await _library().put_async(self._store(), key, path, chunk_size=PART_BYTES, attributes=kind)
            address = await _library().sign_async(self._store(), "GET", key, timedelta(seconds=self._lifetime_s))
        except _errors() as error:
            raise _failed("the upload to s3", error) from error
        progress(1.0)
        return Stored(str(address), name, signed_at + timedelta(seconds=self._lifetime_s), key)

    async def delete(self, stored: Stored) -> None:
        """Remove a file."""
        if not stored.place:
            return
        try:
            await _library().delete_async(self._store(), stored.place)
        except _errors() as error:
            raise _failed(f"removing {stored.name} from s3", error) from error

    def _place(self) -> tuple[str, str]:
        """Give bucket and prefix."""
        told = self._environ.get("REACT1_S3_URL", "").strip()
        parts = urlsplit(told)
        if parts.scheme != "s3" or not parts.netloc:
            raise PresetError(
                f"storage s3 needs REACT1_S3_URL, such as s3://bucket/prefix; it is {told or 'not set'!r}"
            )
        return parts.netloc, parts.path.strip("/")

    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import S3Store

            self._opened = S3Store(self._place()[0], config=self._config(), client_options=self._client())
        return self._opened

    def _config(self) -> dict[str, Any]:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
        config: dict[str, Any] = {name.lower(): value for name in names if (value := self._environ.get(name))}
        config.setdefault("aws_region", self._environ.get("AWS_DEFAULT_REGION") or "us-east-1")
        return config

    def _client(self) -> dict[str, Any]:
        """Allow plain http on loopback only."""
        endpoint = self._environ.get("AWS_ENDPOINT_URL", "")
        if not endpoint.lower().startswith("http://"):
            return {}
        if not is_loopback(endpoint):
            raise PresetError(f"AWS_ENDPOINT_URL {shown(endpoint)!r} is plain http; films are sent by https only")
        return {"allow_http": True}


def _library() -> Any:
    try:
        import obstore
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL) from error
    return obstore


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, OSError)


def _failed(what: str, error: Exception) -> HostFailed:
    """Say in one line what a store said; its errors are long, and may hold signed addresses."""
    first = next((line.strip() for line in masked(str(error)).splitlines() if line.strip()), type(error).__name__)
    return HostFailed(f"{what} failed: {first[:200]}; nothing was paid", retryable=True, billed=False)
