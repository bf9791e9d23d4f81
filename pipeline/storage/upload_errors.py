"""Parse upload responses: error text as one line, and the returned URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..core.errors import InputMediaError, ProviderError
from ..net.api_client import ApiClient
from ..net.error_text import Redact, error_text, no_redaction, one_line
from ..net.http_pool import HttpResponse
from ..net.url import redact_url, require_web_url
from .upload_storage import is_loopback_url

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
