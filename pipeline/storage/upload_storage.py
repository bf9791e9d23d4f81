"""The contract of an upload storage, and which storage a run uses.

Responses of uploads are parsed here: error text as one line, and the returned URLs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ..core.errors import InputMediaError, ProviderError
from ..net.api_client import ApiClient, Redact, error_text, no_redaction, one_line, origin
from ..net.http_pool import HttpResponse
from ..net.url import NetworkPolicy, is_allowed, redact_url, require_web_url

MAX_ERROR_LENGTH = 200
_HINTS = {
    401: "; check the key",
    403: "; the key does not allow it, or the URL has expired",
    413: "; choose another storage, such as s3",
}


def require_readable_url(value: object, storage: str, api: ApiClient) -> str:
    """Return a value of a response if it is a URL that a provider can read: https, or http on loopback.

    It is stored, so it must not contain the key of `api`.

    Raises:
        ProviderError: it is anything else.
    """
    try:
        url = require_web_url(value if isinstance(value, str) else "")
    except InputMediaError as error:
        shown = repr(one_line(value, api.redact, MAX_ERROR_LENGTH)) if isinstance(value, str) and value else "nothing"
        raise ProviderError(f"the upload to {storage} returned {shown} instead of a URL", billed=False) from error
    if urlsplit(url).scheme.lower() != "https" and not is_loopback_url(url):
        message = f"storage {storage} returned {api.redact(redact_url(url))}, which is not https; it is not used"
        raise ProviderError(message, billed=False)
    if api.reveals_key(url):
        raise ProviderError(f"the upload to {storage} returned a URL with the API key in it; not used", billed=False)
    return url


def file_name(url: str) -> str:
    """Return the last part of a URL's path."""
    return urlsplit(url).path.rsplit("/", 1)[-1]


def describe_refusal(response: HttpResponse, redact: Redact = no_redaction) -> str:
    """Return a refusal's status and message, without secrets.

    Args:
        response: the refusal.
        redact: removes secrets besides those in URLs; it gets the text before it is cut, since half a key is a secret.
    """
    text = error_text(response, redact, MAX_ERROR_LENGTH)
    return f"{response.status}{': ' + text if text else ''}"


def hint_for_status(status: int) -> str:
    """Return a hint that can be appended to a refusal, or nothing."""
    return _HINTS.get(status, "")


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
