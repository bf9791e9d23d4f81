"""The two files of a call: fetched within limits, and looked at before any work is done.

Raises  BadInput when a file is too large, too long, too slow, or no media; HostFailed when it cannot be fetched.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError
from ..core.file import File
from ..core.values import Media
from ..media.probe import probe, probe_outside, require_video
from ..media.transcode import length_s
from ..net.url import shown
from ..providers.parameters import LONGEST_S
from ..store.store import Store
from .server_options import SLACK_S
from .worker_protocol import Order

WAITS_S = (0.5, 2.0)
"""Waits before the second and the third try to fetch a file."""


class FolderRoom:
    """A `Room` in a folder of its own; what is to outlive it is remembered in the store of the server's home."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self._folder, self._store = folder, Store(home) if home is not None else None
        self._paths: dict[File, Path] = {}
        self._made = 0

    def path(self, file: File) -> Path:
        """Give the path of a file that is kept here."""
        return self._paths[file]

    def temp_path(self, name: str) -> Path:
        """Give a path for a new file."""
        self._made += 1
        return self._folder / f"{self._made}-{name}"

    def store(self, path: Path) -> File:
        """Know a file by its content, where it lies."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        file = File(digest=digest, suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self._paths[file] = path
        return file

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Give a file that the making of another take remembered; None where there is none."""
        return self._store.cache_get(dict(parts)) if self._store is not None else None

    def cache_put(self, parts: Mapping[str, Any], made: Path) -> None:
        """Keep a finished file for other takes."""
        if self._store is not None:
            self._store.cache_put(dict(parts), made)

    def progress(self, share: float) -> None:
        """Nobody asks."""

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end."""
        from ..media.process import run_tool

        return run_tool(argv, timeout_s=timeout_s)


def gathered(context: FolderRoom, order: Order, check: Callable[[], None] = lambda: None) -> tuple[Media, Media]:
    """Fetch both files, and give what is in them.

    Args:
        context: where they go.
        order: where they come from, and the limits.
        check: asked at every piece whether to go on.
    """
    video = _one(context, order, order.request.video_url, order.video_file, "video_url", check)
    check_video(video)
    if order.request.audio_url == order.request.video_url:
        check_audio(video)
        return video, video
    audio = _one(context, order, order.request.audio_url, order.audio_file, "audio_url", check)
    check_audio(audio)
    return video, audio


def check_video(media: Media) -> None:
    """Refuse a video that the model would not take.

    Raises:
        BadInput: it has no picture, or lasts more than 15 s.
    """
    _no_longer("video_url", length_s(require_video(media, "video_url")))


def check_audio(media: Media) -> None:
    """Refuse an audio that the model would not take.

    Raises:
        BadInput: it has no sound, or lasts more than 15 s.
    """
    if not media.audio:
        raise InputMediaError("audio_url holds no sound")
    _no_longer("audio_url", media.audio[0].duration_s or media.duration_s)


def look(path: Path, name: str) -> Media:
    """Read what a file of ours holds; it is not hashed."""
    return probe_outside(path, name)


def _no_longer(name: str, lasts_s: Fraction) -> None:
    if lasts_s > LONGEST_S + SLACK_S:
        raise InputMediaError(f"{name} lasts {float(lasts_s):.2f} s; the model takes at most {LONGEST_S} s: split it")


def _one(context: FolderRoom, order: Order, address: str, own: str, name: str, check: Callable[[], None]) -> Media:
    path = Path(own) if own else _fetched(context, order, address, name, check)
    file = context.store(path)
    return probe(path, file, name)


def _fetched(context: FolderRoom, order: Order, address: str, name: str, check: Callable[[], None]) -> Path:
    from ..net.download import download
    from ..net.ssrf import open_guarded_client

    path, ends = context.temp_path(name), time.monotonic() + order.fetch_s

    def go_on(_share: float) -> None:
        check()
        if time.monotonic() > ends:
            raise InputMediaError(f"{name} {shown(address)} took more than {order.fetch_s:g} s to fetch")

    with open_guarded_client(order.reach) as client:
        got = download(address, path, max_bytes=order.fetch_bytes, progress=go_on, client=client, waits_s=WAITS_S)
    suffix = Path(got.final_path).suffix.lower()
    return path.rename(path.with_suffix(suffix)) if suffix.isascii() and 1 < len(suffix) <= 6 else path
