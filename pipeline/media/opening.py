"""Open a media file, or say in one line why it cannot be used.

Takes   a path.
Gives   a PyAV container, and which of its pictures is the film's.
Raises  BadInput: it does not exist, is a folder, is empty, may not be read, is not media, or is cut short.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from ..core.errors import InputMediaError

_NOT_FILMS = frozenset({"tty", "hls", "dash", "concat", "ffmetadata", "sdp", "txd"})
"""Formats that ffmpeg reads but that are text, or only point at other files."""


@contextlib.contextmanager
def opened(path: Path, name: str = "") -> Iterator[Any]:
    """Open a local file for reading with PyAV, and tell failures in one line."""
    called = name or path.name
    try:
        if path.is_dir():
            raise InputMediaError(f"{called} is a folder, not a media file")
        if path.stat().st_size == 0:
            raise InputMediaError(f"{called} is empty (0 bytes)")
        container = av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except FileNotFoundError as error:
        raise InputMediaError(f"{called} does not exist") from error
    except PermissionError as error:
        raise InputMediaError(f"{called} may not be read: no permission") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputMediaError(f"{called} {_why_not_read(path)}") from error
    with container:
        if container.format.name in _NOT_FILMS:
            raise InputMediaError(f"{called} is not media: it reads as {container.format.name}")
        try:
            yield container
        except av.FFmpegError as error:
            raise InputMediaError(f"{called} is damaged: {error.strerror}") from error


def main_picture(container: Any) -> Any:
    """Give the stream that a player shows: the default one if it is marked, else the first; never a cover."""
    cover = av.stream.Disposition.attached_pic
    pictures = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & cover]
    marked = [s for s in pictures if s.disposition & av.stream.Disposition.default]
    return next(iter(marked or pictures), None)


def _why_not_read(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        return "is cut short or damaged: its index (the moov atom) cannot be read; copy or record it again"
    return "is not media that can be read"


def refuse_cut_short(path: Path, streams: list[Any], called: str) -> None:
    """Refuse a file whose index names bytes behind its end: a download or a copy that broke off."""
    size = path.stat().st_size
    entries = [entry for s in streams for entry in (getattr(s, "index_entries", None) or ())[-1:]]
    needed = max((entry.pos + entry.size for entry in entries), default=0)
    if needed > size:
        raise InputMediaError(
            f"{called} is cut short: it needs {needed} bytes and has {size}; copy or download it again"
        )
