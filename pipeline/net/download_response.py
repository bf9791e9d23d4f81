"""What a server's answer to a download means; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from ..core.errors import InputMediaError
from .url import shown

_MOST_DIGITS = 18
"""A longer number tells nothing; one that Python or a clock cannot hold would break a download."""
_RANGE = re.compile(rf"bytes (\d{{1,{_MOST_DIGITS}}})-\d+/(\d+|\*)")
_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGES = ("text/html", "application/xhtml+xml")
_PLAYLISTS = (
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "audio/mpegurl",
    "audio/x-mpegurl",
    "application/dash+xml",
)
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"#extm3u", b"<mpd")


class PageInstead(InputMediaError):
    """The address gives a web page or a playlist, not a media file."""


@dataclass(frozen=True)
class Answer:
    """Status and headers, read."""

    status: int
    content_type: str
    path: str
    """The path of the address that answered, after redirects."""
    offset: int
    """Where in the file the body begins; -1 where a part came without saying which."""
    total_bytes: int | None
    """The length of the whole file; None where the server does not say."""
    validator: str
    """A strong ETag or a date, for If-Range."""
    encoded: bool
    """Compressed for the way, though we asked for the bytes as they are."""
    wait_s: float
    """Retry-After in seconds; 0 where there is none."""

    @property
    def retry(self) -> bool:
        """Whether the same request may go well later."""
        return self.status in _RETRY


def read_answer(status: int, headers: Mapping[str, str], path: str) -> Answer:
    """Read the parts of an answer that a download needs; `headers` are looked up without regard to case."""
    encoded = headers.get("content-encoding", "identity").lower() not in ("", "identity")
    offset, total = 0, _number(headers.get("content-length"))
    if status == 206:
        match = _RANGE.match(headers.get("content-range", ""))
        offset, total = (int(match[1]), _number(match[2])) if match else (-1, None)
    etag = headers.get("etag", "")
    return Answer(
        status=status,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        path=path,
        offset=offset,
        total_bytes=None if encoded else total,
        validator="" if encoded else (etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")),
        encoded=encoded,
        wait_s=float(_number(headers.get("retry-after")) or 0),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal() else None


def refused(answer: Answer) -> str:
    """Say what a status that is not a success means."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "unknown status"
    meaning = {401: "; it wants a login", 403: "; the address may have expired", 404: "; check the address"}
    return f"the server answered {answer.status} {phrase}{meaning.get(answer.status, '')}"


def check_head(address: str, answer: Answer, first: bytes) -> None:
    """Refuse what is not a media file, by its type and its first bytes.

    Raises:
        PageInstead: it is a page or a playlist, which yt-dlp may know how to read.
    """
    start = first[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if answer.content_type in (*_PAGES, *_PLAYLISTS) or start.startswith(_PAGE_STARTS):
        raise PageInstead(
            f"{shown(address)}: the server gave a page ({answer.content_type or 'no type'}), not a media file"
        )
