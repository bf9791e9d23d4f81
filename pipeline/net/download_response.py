"""Interpret the response to a download request; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from ..core.errors import InputMediaError
from .url import redact_url

_MAX_DIGITS = 18
"""Longer numbers are ignored, because neither a file offset nor a clock can hold them."""
_CONTENT_RANGE = re.compile(rf"bytes (\d{{1,{_MAX_DIGITS}}})-\d+/(\d+|\*)")
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGES = ("text/html", "application/xhtml+xml")
_PLAYLISTS = (
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "audio/mpegurl",
    "audio/x-mpegurl",
    "application/dash+xml",
)
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"#extm3u", b"<mpd")
_STATUS_HINTS = {401: "; a login is required", 403: "; the URL may have expired", 404: "; check the URL"}


class WebPageError(InputMediaError):
    """The URL returns a web page or a playlist, not a media file."""


@dataclass(frozen=True)
class DownloadResponse:
    """Parsed status and headers."""

    status: int
    content_type: str
    path: str
    """The path of the URL after redirects."""
    offset: int
    """File offset of the body; -1 for a partial response without a valid Content-Range."""
    total_bytes: int | None
    """Length of the complete file; None if the server does not say."""
    validator: str
    """A strong ETag or a date, for If-Range; "" if there is neither. RFC 9110 forbids weak ETags there."""
    encoded: bool
    """Whether the body is compressed, although `identity` was requested."""
    retry_after_s: float
    """Retry-After in seconds; 0 without one."""

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _RETRYABLE


def parse_response(status: int, headers: Mapping[str, str], path: str) -> DownloadResponse:
    """Parse what a download needs; `headers` must look names up case-insensitively."""
    encoded = headers.get("content-encoding", "identity").lower() not in ("", "identity")
    offset, total_bytes = 0, parse_number(headers.get("content-length"))
    if status == 206:
        match = _CONTENT_RANGE.match(headers.get("content-range", ""))
        offset, total_bytes = (int(match[1]), parse_number(match[2])) if match else (-1, None)
    etag = headers.get("etag", "")
    strong_etag = "" if etag.startswith("W/") else etag
    return DownloadResponse(
        status=status,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        path=path,
        offset=offset,
        total_bytes=None if encoded else total_bytes,
        validator="" if encoded else strong_etag or headers.get("last-modified", ""),
        encoded=encoded,
        retry_after_s=float(parse_number(headers.get("retry-after")) or 0),
    )


def parse_number(text: str | None) -> int | None:
    """Return a header's decimal number; None if it is missing, not a number, or absurdly long."""
    return int(text) if text and len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal() else None


def describe_status(response: DownloadResponse) -> str:
    """Return what an unsuccessful status means and what to do."""
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "unknown status"
    return f"the server returned {response.status} {phrase}{_STATUS_HINTS.get(response.status, '')}"


def reject_web_page(url: str, response: DownloadResponse, first_chunk: bytes) -> None:
    """Refuse a web page or playlist, by its content type and first bytes.

    Raises:
        WebPageError: it is one; yt-dlp may be able to read it.
    """
    start = first_chunk[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if response.content_type in (*_PAGES, *_PLAYLISTS) or start.startswith(_PAGE_STARTS):
        content_type = response.content_type or "no type"
        raise WebPageError(f"{redact_url(url)}: the server returned a web page ({content_type}), not a media file")
