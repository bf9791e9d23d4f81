"""HTTP client for one API origin: adds the API key, limits the rate, and never sends the key to another origin.

The key is hidden in text that a server sent, also where the server has encoded it. A server may repeat the key as it
is, in another case, as HTML entities, percent-encoded, as JSON escapes, in base64, or in several of these at once.

The rate is limited for all jobs of the process together. Source:
https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

A one-line error message is extracted from a JSON, HTML, XML or empty response body. The line is short and printable,
without keys, URL signatures and markup.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ..core.errors import ProviderError
from .download_response import parse_number
from .http_pool import HttpPool, HttpResponse, NotSent, RequestBody, Unanswered
from .url import redact_url, redact_urls

MAX_LENGTH = 300
_MAX_INPUT = 4000
"""Characters of a response that are looked at."""
_MESSAGE_KEYS = ("error", "message", "detail", "title", "reason", "msg", "errors")
_MESSAGE_TAG = re.compile(r"<(title|message)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)
Redact = Callable[[str], str]


def no_redaction(text: str) -> str:
    """Return the text unchanged."""
    return text


def error_text(response: HttpResponse, redact: Redact = no_redaction, max_length: int = MAX_LENGTH) -> str:
    """Return the message in a response, or "" if it has none.

    Args:
        response: the response.
        redact: removes secrets; it gets the text before it is cut, since half a key is a secret too.
        max_length: characters of the line.
    """
    try:
        text = _find_message(json.loads(response.body))
    except (ValueError, RecursionError):
        if response.content_type == "application/json":
            return ""
        start = redact(response.body.decode("utf-8", "replace"))[:_MAX_INPUT]
        return one_line(_strip_markup(start), redact, max_length)
    return one_line(text, redact, max_length)


def one_line(text: str, redact: Redact = no_redaction, max_length: int = MAX_LENGTH) -> str:
    """Return untrusted text as one safe, short line."""
    text = redact(text)
    start = text if len(text) <= _MAX_INPUT else text[:_MAX_INPUT].rsplit(None, 1)[0]
    line = " ".join(redact_urls("".join(c if c.isprintable() else " " for c in start)).split())
    return line if len(line) <= max_length else f"{line[: max_length - 1]}…"


def _find_message(value: Any) -> str:
    """Return the message in a JSON error of any shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, (_find_message(item) for item in value[:5])))
    if isinstance(value, dict):
        return next((text for key in _MESSAGE_KEYS if (text := _find_message(value.get(key)))), "")
    return ""


def _strip_markup(text: str) -> str:
    """Return the title of an HTML page or the message of an XML error, else the text without tags."""
    message = _MESSAGE_TAG.search(text)
    return html.unescape(message[2] if message else _MARKUP.sub(" ", text))


MAX_PAUSE_S = 120.0
"""Longest pause that a server may ask for; longer ones are cut to it."""
_MIN_EPOCH_MS = 1e11
"""Numeric timestamps above this are milliseconds, not seconds."""


class RateLimiter:
    """Spread requests evenly at a rate per minute, after a burst that does not wait."""

    def __init__(
        self,
        per_minute: float,
        burst: int = 10,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Start with the full burst available.

        Args:
            per_minute: requests per minute in the long run.
            burst: requests that may be sent at once after a pause.
            now: monotonic seconds.
            sleep: wait for a number of seconds.
        """
        self._interval_s, self._burst = 60.0 / per_minute, burst
        self._now, self._sleep = now, sleep
        self._due_s = 0.0
        self._paused_until_s = 0.0
        self._queue = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait until one more request may be sent. First come, first served; after a pause the burst is not larger."""
        async with self._queue:
            while (wait_s := self._next_slot_s() - self._now()) > 0:
                await self._sleep(wait_s)
            self._due_s = max(self._due_s, self._now()) + self._interval_s

    def _next_slot_s(self) -> float:
        return max(self._paused_until_s, self._due_s - self._interval_s * (self._burst - 1))

    def pause(self, seconds: float) -> None:
        """Send nothing for a number of seconds (at most MAX_PAUSE_S), because the server asked for it."""
        self._paused_until_s = max(self._paused_until_s, self._now() + min(seconds, MAX_PAUSE_S))


def seconds_until_reset(text: str | None, now: datetime) -> float | None:
    """Parse `x-rate-limit-reset-at-utc` (ISO 8601, or seconds or milliseconds since 1970); None if it is invalid."""
    if not text:
        return None
    try:
        number = float(text)
        reset_at = datetime.fromtimestamp(number / 1000 if number > _MIN_EPOCH_MS else number, UTC)
    except (ValueError, OverflowError, OSError):
        try:
            reset_at = datetime.fromisoformat(text)
        except ValueError:
            return None
    reset_at = reset_at if reset_at.tzinfo else reset_at.replace(tzinfo=UTC)
    return max(0.0, (reset_at - now).total_seconds())


HIDDEN = "…"
MIN_LENGTH = 8
"""A shorter key occurs in ordinary text by chance; it is hidden only where it stands as it is."""
_MAX_DECODINGS = 3
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def hide_secret(text: str, secret: str) -> str:
    """Return a text without a secret; a text that contains it in an encoded form is decoded first."""
    if len(secret) < MIN_LENGTH:
        return text.replace(secret, HIDDEN) if secret else text
    pattern = _pattern(secret)
    text = pattern.sub(HIDDEN, text)
    decoded = text
    for _ in range(_MAX_DECODINGS):
        decoded = _decode(decoded)
        if pattern.search(decoded):
            return hide_secret(pattern.sub(HIDDEN, decoded), secret)
    return text


def reveals_secret(text: str, secret: str) -> bool:
    """Return whether a text contains a secret in any form; False for a secret that is too short to tell."""
    return len(secret) >= MIN_LENGTH and hide_secret(text, secret) != text


def _pattern(secret: str) -> re.Pattern[str]:
    in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
    return re.compile(f"{re.escape(secret)}|{re.escape(in_base64)}={{0,2}}", re.IGNORECASE)


def _decode(text: str) -> str:
    """Undo one layer of each encoding."""
    return _JSON_ESCAPE.sub(lambda match: chr(int(match[1], 16)), unquote(html.unescape(text)))


MAX_REDIRECTS = 5
DEFAULT_PAUSE_S = 15.0
"""Pause after a 429 that does not say for how long."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ApiClient:
    """One API origin with its key and rate limit.

    Requests raise NotSent and Unanswered as HttpPool does, and ProviderError for a URL at another origin or an invalid
    redirect, before anything is sent there.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        pool: HttpPool,
        rate_limiter: RateLimiter,
        header: str = "x-api-key",
        scheme: str = "",
    ) -> None:
        """Send nothing yet.

        Args:
            base_url: the origin, with a path or without.
            key: the API key.
            pool: the connections.
            rate_limiter: the limit of requests to this origin.
            header: the header that has the key.
            scheme: what precedes the key there, such as `Bearer `.
        """
        self.base_url = base_url.rstrip("/")
        self._key, self._pool, self._rate_limiter = key, pool, rate_limiter
        self._header, self._scheme = header, scheme

    def __repr__(self) -> str:
        """Return a form without the key."""
        return f"ApiClient({redact_url(self.base_url)!r})"

    def server_now(self) -> datetime | None:
        """Return the time by this origin's clock; None if it has not stated it yet."""
        return self._pool.server_now(self.base_url)

    def redact(self, text: str) -> str:
        """Return a text without the key, in case the server repeats it in any encoding."""
        return hide_secret(text, self._key)

    def reveals_key(self, text: str) -> bool:
        """Return whether a text contains the key in any encoding, so that it must not be stored."""
        return reveals_secret(text, self._key)

    async def get(self, path: str, *, params: Mapping[str, str] | None = None, timeout_s: float = 60.0) -> HttpResponse:
        """Get a path or an absolute URL of this origin, following redirects within it."""
        url = self._absolute(path)
        for _ in range(MAX_REDIRECTS):
            response = await self._request("GET", url, params=params, timeout_s=timeout_s)
            if response.status not in _REDIRECTS:
                return response
            url, params = self._absolute(self._redirect_target(url, response)), None
        raise ProviderError(f"{self.redact(redact_url(url))}: more than {MAX_REDIRECTS} redirects", retryable=True)

    async def post(
        self,
        path: str,
        payload: Any = None,
        *,
        body: RequestBody | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        limit_s: float | None = None,
        to_file: Path | None = None,
        method: str = "POST",
    ) -> HttpResponse:
        """Send `payload` as JSON, or `body` unchanged. Never repeated, never redirected."""
        content_type = {"content-type": "application/json"} if body is None else {}
        content = json.dumps(payload).encode() if body is None else body
        headers = {**content_type, **(headers or {})}
        return await self._request(
            method,
            self._absolute(path),
            headers=headers,
            body=content,
            timeout_s=timeout_s,
            limit_s=limit_s,
            to_file=to_file,
        )

    async def _request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> HttpResponse:
        await self._rate_limiter.acquire()
        headers = {**(headers or {}), self._header: f"{self._scheme}{self._key}"}
        try:
            response = await self._pool.request(method, url, headers=headers, **options)
        except (NotSent, Unanswered) as error:
            raise type(error)(self.redact(str(error))) from error
        if response.status == 429:
            self._rate_limiter.pause(retry_after_s(response))
        return response

    def _redirect_target(self, url: str, response: HttpResponse) -> str:
        location: str = response.headers.get("location", "")
        try:
            return urljoin(url, location)
        except ValueError as error:
            message = f"{self.redact(redact_url(url))}: redirects to an invalid URL"
            raise ProviderError(message, retryable=True) from error

    def _absolute(self, path: str) -> str:
        """Return the absolute URL of a path or URL of this origin.

        Raises:
            ProviderError: the URL is at another origin, which must not receive the key.
        """
        if "://" not in path:
            return f"{self.base_url}/{path.lstrip('/')}"
        if origin(path) != origin(self.base_url):
            raise ProviderError(
                f"{self.redact(redact_url(path))} is not at {redact_url(self.base_url)}; the key was not sent there; "
                "check the provider's settings",
                retryable=False,
            )
        return path


def retry_after_s(response: HttpResponse) -> float:
    """Return how many seconds a 429 asks to wait: from its header, else from its body, else DEFAULT_PAUSE_S."""
    now = response.date or datetime.now(UTC)
    reset_s = seconds_until_reset(response.headers.get("x-rate-limit-reset-at-utc"), now)
    if reset_s is not None:
        return reset_s
    header_s = parse_number(response.headers.get("retry-after"))
    if header_s is not None:
        return float(header_s)
    body_s = response.json_object().get("retryAfterSeconds")
    if isinstance(body_s, bool) or not isinstance(body_s, (int, float)) or not 0 <= body_s < math.inf:
        return DEFAULT_PAUSE_S
    return float(body_s)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, with default ports filled in; ("", "", 0) if it is invalid."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        return parts.scheme.lower(), (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", 0
