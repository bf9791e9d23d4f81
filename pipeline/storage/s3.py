"""Any S3-compatible bucket: multipart upload, a presigned URL, and removal after the run.

REACT1_S3_URL          s3://bucket/prefix
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION   as usual
AWS_ENDPOINT_URL       a store other than Amazon's; https, or http on loopback

Source: AWS Signature Version 4: a URL is signed for at most 7 days. A multipart upload has at most 10,000 parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import MissingExtra, PresetError, ProviderError
from ..net.url import redact_url
from .object_bucket import KEYS, STATUS, client_options, describe_error, open_bucket
from .upload import RetryableUploadError, content_type, file_size, read_chunks, retry_upload
from .upload_storage import Progress, StoredUpload

INSTALL_HINT = "storage s3 needs the extra 's3': pip install 'react1-nodes[s3]'"
PART_BYTES = 8 << 20
CONCURRENT_PARTS = 3
MAX_SIGNATURE_S = 7 * 86400.0
CLOCK_SKEW_S = 300.0
"""Extra signature lifetime, to allow for clock skew."""


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
        client_options(self._environ)
        missing = [name for name in KEYS if not self._environ.get(name, "").strip()]
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
                reason, status = describe_error(error), STATUS.search(str(error))
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
                f"the URL at {self._place} could not be signed: {describe_error(error)}", billed=False
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
                f"removing {upload.name} from {self._place} failed: {describe_error(error)}", billed=False
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
            self._store = open_bucket(self._bucket_and_prefix()[0], self._environ)
        return self._store


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
