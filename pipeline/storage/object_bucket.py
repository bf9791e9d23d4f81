"""One prefix of an S3-compatible bucket: conditional writes of small objects, and streams of large ones.

AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL   as usual

Source: a PUT with `If-None-Match: *` creates, with `If-Match` and an ETag it replaces that version; else 412 or 409.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..core.errors import MissingExtra, PresetError, StorageFailed
from ..net.api_client import one_line
from ..net.url import redact_url
from .upload_storage import MAX_ERROR_LENGTH, is_loopback_url

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
INSTALL_HINT = "an S3 bucket needs the extra 's3': pip install 'react1-nodes[s3]'"
CHUNK_BYTES = 8 << 20
RANGE_BYTES = 32 << 20
"""Content is read in requests of this size, so that how long a film takes does not count."""
TIMEOUT_S = 300
"""Limit of one request, of 32 MiB at most."""
STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


class FoundObject(NamedTuple):
    """A small object as it was read."""

    content: bytes
    etag: str
    modified_at: float
    """In seconds since the epoch, by the bucket's clock."""


@dataclass(frozen=True)
class ListedObject:
    """An object of a list."""

    name: str
    size_bytes: int
    modified_at: float
    """In seconds since the epoch, by the bucket's clock."""


class ObjectBucket:
    """One prefix of a bucket. Every method raises StorageFailed when the bucket refuses or cannot be reached."""

    def __init__(self, url: str, environ: Mapping[str, str] | None = None) -> None:
        """Open nothing yet.

        Args:
            url: `s3://bucket/prefix`.
            environ: the settings; default: the environment.

        Raises:
            PresetError: the URL, or the endpoint, is not usable.
            MissingExtra: the library is missing.
        """
        environ = os.environ if environ is None else environ
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise PresetError(f"{url!r} is not a bucket; write s3://bucket/prefix")
        endpoint = environ.get("AWS_ENDPOINT_URL", "").strip()
        self.place = f"s3 bucket {parts.netloc} at {redact_url(endpoint) if endpoint else 'AWS'}"
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._store = open_bucket(parts.netloc, environ)

    def read(self, name: str) -> FoundObject | None:
        """Return a small object; None if there is none."""
        with self._errors(f"reading {name}"):
            try:
                reply = _obstore().get(self._store, self._prefix + name)
                content, meta = bytes(reply.bytes()), reply.meta
                return FoundObject(content, str(meta["e_tag"]), meta["last_modified"].timestamp())
            except FileNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> bool:
        """Create a small object; return False if it exists."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._errors(f"creating {name}"):
            try:
                _obstore().put(self._store, self._prefix + name, content, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def replace(self, name: str, content: bytes, etag: str) -> bool:
        """Replace one version of a small object; return False if it is gone or another one."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._errors(f"replacing {name}"):
            try:
                _obstore().put(self._store, self._prefix + name, content, mode={"e_tag": etag})
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                return False
        return True

    def upload(self, name: str, path: Path) -> None:
        """Upload a file in parts; the object appears when it is complete."""
        with self._errors(f"uploading {path.name}"):
            _obstore().put(self._store, self._prefix + name, path, chunk_size=CHUNK_BYTES)

    def chunks(self, name: str) -> Iterator[bytes] | None:
        """Return the content of an object in blocks; None if there is none."""
        size_bytes = self.size(name)
        return None if size_bytes is None else self._blocks(name, size_bytes)

    def _blocks(self, name: str, size_bytes: int) -> Iterator[bytes]:
        for start in range(0, size_bytes, RANGE_BYTES):
            end = min(start + RANGE_BYTES, size_bytes)
            with self._errors(f"reading {name}"):
                try:
                    yield bytes(_obstore().get_range(self._store, self._prefix + name, start=start, end=end))
                except FileNotFoundError as error:
                    raise StorageFailed(f"{self.place}: {name} was removed while it was read; run again") from error

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes; None if there is none."""
        with self._errors(f"finding {name}"):
            try:
                return int(_obstore().head(self._store, self._prefix + name)["size"])
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Remove an object, if it exists."""
        with self._errors(f"removing {name}"), contextlib.suppress(FileNotFoundError):
            _obstore().delete(self._store, self._prefix + name)

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of the objects under a prefix."""
        return (item.name for item in self.items(prefix))

    def items(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects under a prefix."""
        with self._errors(f"listing {prefix}"):
            for batch in _obstore().list(self._store, self._prefix + prefix):
                for item in batch:
                    name = item["path"].removeprefix(self._prefix)
                    yield ListedObject(name, int(item["size"]), item["last_modified"].timestamp())

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except BaseError as error:
            raise StorageFailed(f"{self.place}: {what} failed: {describe_error(error)}") from error


def open_bucket(bucket: str, environ: Mapping[str, str]) -> Any:
    """Return the library's client of a bucket.

    Raises:
        MissingExtra: the library is missing.
        PresetError: the endpoint is plain http and not on loopback.
    """
    _obstore()
    from obstore.store import S3Store

    retries = {"max_retries": 2, "backoff": {"init_backoff": timedelta(seconds=0.2), "base": 2}}
    store_class: Any = S3Store  # its types are TypedDicts, which settings read at run time do not match
    return store_class(bucket, config=_config(environ), client_options=client_options(environ), retry_config=retries)


def _config(environ: Mapping[str, str]) -> dict[str, Any]:
    names = (*KEYS, "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
    config: dict[str, Any] = {name.lower(): value for name in names if (value := environ.get(name))}
    config.setdefault("aws_region", environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    return config


def client_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the client's options; plain http is allowed on loopback only.

    Raises:
        PresetError: the endpoint is plain http and not on loopback.
    """
    options: dict[str, Any] = {"timeout": timedelta(seconds=TIMEOUT_S)}
    endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.lower().startswith("http://"):
        return options
    if not is_loopback_url(endpoint):
        raise PresetError(f"AWS_ENDPOINT_URL {redact_url(endpoint)!r} is plain http; films are sent over https only")
    return {**options, "allow_http": True}


def _obstore() -> Any:
    try:
        import obstore
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return obstore


def describe_error(error: Exception) -> str:
    """Return a bucket's error as one line; the library's own texts are long, and may contain signed URLs."""
    text = str(error)
    status, code, message = (pattern.search(text) for pattern in (STATUS, _CODE, _MESSAGE))
    if status is None:
        head = text.partition("Debug source")[0]
        return one_line(head.rpartition(" - ")[2], max_length=MAX_ERROR_LENGTH) or type(error).__name__
    details = one_line(": ".join(match[1] for match in (code, message) if match), max_length=MAX_ERROR_LENGTH)
    return f"{status[1]}{': ' + details if details else ''}"
