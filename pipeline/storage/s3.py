"""Any S3-compatible store: sent in parts, read by an address that is signed for a while, removed after the run.

REACT1_S3_URL          s3://bucket/prefix
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION   as usual
AWS_ENDPOINT_URL       a store that is not Amazon's; https, or http on this machine's loopback

Takes   a file.
Gives   a signed address that outlives the longest deadline; its name is the nonce.
Raises  PresetError and MissingExtra before anything runs; HostFailed; StorageFailed when the file cannot be read.
Source  AWS Signature Version 4: an address is signed for at most 7 days. A multipart upload has at most 10,000 parts.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import MissingExtra, PresetError, ProviderError
from ..net.error_text import in_one_line
from ..net.url import shown
from .upload import WAITS_S, Sleep, failed_for_good, pieces, size_of, type_of
from .upload_errors import LONGEST_WORDS
from .upload_storage import Progress, Stored, is_loopback

INSTALL = "storage s3 needs the extra 's3': pip install 'react1-nodes[s3]'"
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 3
PART_S = 300
"""How long one part may take: 8 MiB in that time is slower than any line that films are sent by."""
LONGEST_S = 7 * 86400.0
SPARE_S = 300.0
"""An address is signed for so much longer than it is said to last: two clocks are never the same."""
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


class S3Storage:
    """Uploads to a bucket of the user's."""

    name = "s3"

    def __init__(
        self,
        *,
        lifetime_s: float,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Nothing is opened yet.

        Args:
            lifetime_s: how long an address can be read.
            environ: where the settings are; by default the environment.
            now: the time, UTC.
            sleep: waits so many seconds.
        """
        self._lifetime_s, self._now, self._sleep = lifetime_s, now, sleep
        self._environ = os.environ if environ is None else environ
        self._opened: Any = None

    def require(self) -> None:
        """Find out whether the bucket is named, the keys are there, and the library is."""
        _library()
        self._place()
        self._client()
        lacking = [name for name in _KEYS if not self._environ.get(name, "").strip()]
        if lacking:
            raise PresetError(f"storage s3 needs {' and '.join(lacking)}: set {'it' if len(lacking) == 1 else 'them'}")
        if self._lifetime_s + SPARE_S > LONGEST_S:
            raise PresetError(f"storage s3 signs addresses for 7 days at most, not for {self._lifetime_s / 86400:.1f}")

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> Stored:
        """Send a file in parts, and sign an address for it."""
        _, prefix = self._place()
        name = f"{nonce}{suffix}"
        key = f"{prefix}/{name}" if prefix else name
        large = size_of(path) > PART_BYTES

        async def send() -> None:
            await _library().put_async(
                self._store(),
                key,
                pieces(path, progress) if large else await _whole(path, progress),
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
                attributes={"Content-Type": type_of(suffix)},
            )

        await self._tried(send)
        expires_at = self._now() + timedelta(seconds=self._lifetime_s)
        signed_for = timedelta(seconds=self._lifetime_s + SPARE_S)
        try:
            address = await _library().sign_async(self._store(), "GET", key, signed_for)
        except _errors() as error:
            raise ProviderError(f"an address at s3 could not be signed: {_words(error)}", billed=False) from error
        return Stored(str(address), name, expires_at, key)

    async def delete(self, stored: Stored) -> None:
        """Remove a file."""
        if not stored.place:
            return
        try:
            await _library().delete_async(self._store(), stored.place)
        except _errors() as error:
            raise ProviderError(f"removing {stored.name} from s3 failed: {_words(error)}", billed=False) from error

    async def _tried(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send until it is taken, as the other storages do."""
        why = ""
        for wait_s in (*WAITS_S, None):
            try:
                return await send()
            except _errors() as error:
                why, status = _words(error), _STATUS.search(str(error))
                if status is not None and int(status[1]) < 500 and status[1] != "429":
                    raise ProviderError(f"the upload to s3 was refused: {why}", billed=False) from error
            if wait_s is not None:
                await self._sleep(wait_s)
        raise failed_for_good(self.name, why)

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

            patience = {"max_retries": 2, "backoff": {"init_backoff": timedelta(seconds=0.2), "base": 2}}
            new: Any = S3Store  # its own types are dicts with fixed keys, which settings are not
            self._opened = new(
                self._place()[0], config=self._config(), client_options=self._client(), retry_config=patience
            )
        return self._opened

    def _config(self) -> dict[str, Any]:
        names = (*_KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
        config: dict[str, Any] = {name.lower(): value for name in names if (value := self._environ.get(name))}
        config.setdefault("aws_region", self._environ.get("AWS_DEFAULT_REGION") or "us-east-1")
        return config

    def _client(self) -> dict[str, Any]:
        """Allow plain http on loopback only."""
        options: dict[str, Any] = {"timeout": timedelta(seconds=PART_S)}
        endpoint = self._environ.get("AWS_ENDPOINT_URL", "")
        if not endpoint.lower().startswith("http://"):
            return options
        if not is_loopback(endpoint):
            raise PresetError(f"AWS_ENDPOINT_URL {shown(endpoint)!r} is plain http; films are sent by https only")
        return {**options, "allow_http": True}


async def _whole(path: Path, progress: Progress) -> bytes:
    """Read a file that is no larger than a part."""
    return b"".join([piece async for piece in pieces(path, progress)])


def _library() -> Any:
    try:
        import obstore
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL) from error
    return obstore


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, OSError)


def _words(error: Exception) -> str:
    """Say in one line what a store said; the library's errors are long, and may hold signed addresses."""
    text = str(error)
    status, code, message = (found.search(text) for found in (_STATUS, _CODE, _MESSAGE))
    if status is None:
        head = text.partition("Debug source")[0]
        return in_one_line(head.rpartition(" - ")[2], most=LONGEST_WORDS) or type(error).__name__
    said = in_one_line(": ".join(found[1] for found in (code, message) if found), most=LONGEST_WORDS)
    return f"{status[1]}{': ' + said if said else ''}"
