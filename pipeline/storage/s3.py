"""Any S3-compatible bucket: multipart upload, a presigned URL, and removal after the run.

REACT1_S3_URL          s3://bucket/prefix
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION   as usual
AWS_ENDPOINT_URL       a store other than Amazon's; https, or http on loopback

Source: AWS Signature Version 4: a URL is signed for at most 7 days. A multipart upload has at most 10,000 parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import MissingExtra, PresetError, ProviderError
from ..net.error_text import one_line
from ..net.url import redact_url
from .upload import RetryableUploadError, content_type, file_size, read_chunks, retry_upload
from .upload_errors import MAX_ERROR_LENGTH
from .upload_storage import Progress, StoredUpload, is_loopback_url

INSTALL_HINT = "storage s3 needs the extra 's3': pip install 'react1-nodes[s3]'"
PART_BYTES = 8 << 20
CONCURRENT_PARTS = 3
PART_TIMEOUT_S = 300
"""Timeout per 8 MiB part."""
MAX_SIGNATURE_S = 7 * 86400.0
CLOCK_SKEW_S = 300.0
"""Extra signature lifetime, to allow for clock skew."""
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


class S3Storage:
    """Upload to the user's bucket."""

    name = "s3"

    def __init__(
        self,
        *,
        lifetime_s: float,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open nothing yet.

        Args:
            lifetime_s: how long a URL can be read.
            environ: the settings; default: the environment.
            now: the time, UTC.
        """
        self._lifetime_s, self._now = lifetime_s, now
        self._environ = os.environ if environ is None else environ
        self._store: Any = None

    def require(self) -> None:
        """Check that the bucket and the keys are set, and that the library is installed.

        Raises:
            MissingExtra: the library is missing.
            PresetError: a setting is missing or wrong.
        """
        _obstore()
        self._bucket_and_prefix()
        self._client_options()
        missing = [name for name in _KEYS if not self._environ.get(name, "").strip()]
        if missing:
            raise PresetError(f"storage s3 needs {' and '.join(missing)}: set {'it' if len(missing) == 1 else 'them'}")
        if self._lifetime_s + CLOCK_SKEW_S > MAX_SIGNATURE_S:
            raise PresetError(f"storage s3 signs URLs for at most 7 days, not for {self._lifetime_s / 86400:.1f}")

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file in parts, and sign a URL for it.

        Raises:
            ProviderError: it was refused, or every attempt failed.
            StorageFailed: the file cannot be read.
        """
        _, prefix = self._bucket_and_prefix()
        name = f"{nonce}{suffix}"
        key = f"{prefix}/{name}" if prefix else name
        large = file_size(path) > PART_BYTES

        async def attempt() -> None:
            try:
                await _obstore().put_async(
                    self._open(),
                    key,
                    read_chunks(path, progress) if large else await _read_all(path, progress),
                    chunk_size=PART_BYTES,
                    max_concurrency=CONCURRENT_PARTS,
                    attributes={"Content-Type": content_type(suffix)},
                )
            except _errors() as error:
                reason, status = _describe(error), _STATUS.search(str(error))
                if status is not None and int(status[1]) < 500 and status[1] != "429":
                    raise ProviderError(f"the upload to {self._place} was refused: {reason}", billed=False) from error
                raise RetryableUploadError(reason) from error

        await retry_upload(attempt, self._place)
        expires_at = self._now() + timedelta(seconds=self._lifetime_s)
        signed_for = timedelta(seconds=self._lifetime_s + CLOCK_SKEW_S)
        try:
            url = await _obstore().sign_async(self._open(), "GET", key, signed_for)
        except _errors() as error:
            raise ProviderError(
                f"the URL at {self._place} could not be signed: {_describe(error)}", billed=False
            ) from error
        return StoredUpload(str(url), name, expires_at, key)

    async def delete(self, upload: StoredUpload) -> None:
        """Remove a file."""
        if not upload.key:
            return
        try:
            await _obstore().delete_async(self._open(), upload.key)
        except _errors() as error:
            raise ProviderError(
                f"removing {upload.name} from {self._place} failed: {_describe(error)}", billed=False
            ) from error

    @property
    def _place(self) -> str:
        """Bucket and endpoint, for messages."""
        endpoint = self._environ.get("AWS_ENDPOINT_URL", "").strip()
        return f"s3 bucket {self._bucket_and_prefix()[0]} at {redact_url(endpoint) if endpoint else 'AWS'}"

    def _bucket_and_prefix(self) -> tuple[str, str]:
        url = self._environ.get("REACT1_S3_URL", "").strip()
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise PresetError(f"storage s3 needs REACT1_S3_URL, such as s3://bucket/prefix; it is {url or 'not set'!r}")
        return parts.netloc, parts.path.strip("/")

    def _open(self) -> Any:
        if self._store is None:
            from obstore.store import S3Store

            retries = {"max_retries": 2, "backoff": {"init_backoff": timedelta(seconds=0.2), "base": 2}}
            store_class: Any = S3Store  # its types are TypedDicts, which settings read at run time do not match
            self._store = store_class(
                self._bucket_and_prefix()[0],
                config=self._config(),
                client_options=self._client_options(),
                retry_config=retries,
            )
        return self._store

    def _config(self) -> dict[str, Any]:
        names = (*_KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
        config: dict[str, Any] = {name.lower(): value for name in names if (value := self._environ.get(name))}
        config.setdefault("aws_region", self._environ.get("AWS_DEFAULT_REGION") or "us-east-1")
        return config

    def _client_options(self) -> dict[str, Any]:
        """Return the client's options; plain http is allowed on loopback only."""
        options: dict[str, Any] = {"timeout": timedelta(seconds=PART_TIMEOUT_S)}
        endpoint = self._environ.get("AWS_ENDPOINT_URL", "")
        if not endpoint.lower().startswith("http://"):
            return options
        if not is_loopback_url(endpoint):
            raise PresetError(
                f"AWS_ENDPOINT_URL {redact_url(endpoint)!r} is plain http; films are sent over https only"
            )
        return {**options, "allow_http": True}


async def _read_all(path: Path, progress: Progress) -> bytes:
    """Read a file that is no larger than a part."""
    return b"".join([chunk async for chunk in read_chunks(path, progress)])


def _obstore() -> Any:
    try:
        import obstore
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return obstore


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, OSError)


def _describe(error: Exception) -> str:
    """Return a store's error as one line; the library's own texts are long, and may contain signed URLs."""
    text = str(error)
    status, code, message = (pattern.search(text) for pattern in (_STATUS, _CODE, _MESSAGE))
    if status is None:
        head = text.partition("Debug source")[0]
        return one_line(head.rpartition(" - ")[2], max_length=MAX_ERROR_LENGTH) or type(error).__name__
    details = one_line(": ".join(match[1] for match in (code, message) if match), max_length=MAX_ERROR_LENGTH)
    return f"{status[1]}{': ' + details if details else ''}"
