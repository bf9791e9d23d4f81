"""Open media files for reading, and keep the readers of a film of which many spans are read.

To open an MP4 or MOV is to read its index: an hour of film takes 0.04 s of CPU time, which a splice of a hundred edits
would spend a thousand times.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType

from ...core.errors import InputMediaError, React1Error, ToolFailed
from ..not_applicable import is_write_error


def _unknown_side_data(cls: type[SideDataType], value: object) -> SideDataType:
    """Return a kind of side data that the library does not name, such as Exif; it would raise for all of a frame's."""
    member: Any = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return cast("SideDataType", member)


SideDataType._missing_ = classmethod(_unknown_side_data)  # type: ignore[assignment]

_NOT_MEDIA = frozenset({"tty", "hls", "dash", "concat", "ffmetadata", "sdp", "txd"})
"""Formats that ffmpeg reads but that are text, or only point at other files."""


def open_input(path: Path, options: Mapping[str, str] | None = None) -> InputContainer:
    """Open a local file for reading with PyAV, whose own errors it raises; tags may be in any encoding.

    `options` are those of ffmpeg's demuxer.
    """
    return av.open(f"file:{path}", metadata_errors="replace", options=dict(options or {}))


def open_mp4_packets(path: Path, options: Mapping[str, str] | None = None) -> InputContainer:
    """Open an MP4 or MOV whose index and packets are read, but no picture is decoded.

    A reader decodes the first pictures of H.264 to find out their pixel format, colors and reordering, which is most of
    the time of opening a film. Here it does not, so these are unknown. Packets come with the same times: an MP4 stores
    all of them.
    """
    return open_input(path, {"skip_frame": "all", **(options or {})})


@contextlib.contextmanager
def open_media(path: Path, name: str = "", options: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Open a local file for reading with PyAV.

    Args:
        path: the file.
        name: what to call it in errors; the path's own name by default.
        options: of ffmpeg's demuxer.

    Raises:
        InputMediaError: it does not exist, is a folder, is empty, may not be read, is not media, or is damaged.
    """
    name = name or path.name
    with _open(path, name, options) as container, _damage_named(name):
        yield container


def _open(path: Path, name: str, options: Mapping[str, str] | None) -> Any:
    try:
        if path.is_dir():
            raise InputMediaError(f"{name} is a folder, not a media file")
        if path.stat().st_size == 0:
            raise InputMediaError(f"{name} is empty (0 bytes)")
        known = {"protocol_whitelist": "file", **(options or {})}
        container = open_input(path, known)
    except FileNotFoundError as error:
        raise InputMediaError(f"{name} does not exist") from error
    except PermissionError as error:
        raise InputMediaError(f"{name} may not be read: no permission") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputMediaError(f"{name} {_why_unreadable(path)}") from error
    if container.format.name in _NOT_MEDIA:
        container.close()
        raise InputMediaError(f"{name} is not media: it reads as {container.format.name}")
    return container


@contextlib.contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        if is_write_error(error):
            raise  # the runner says which disk is full
        raise media_error(error, f"{name} is damaged") from error


def media_error(error: av.FFmpegError, damage: str) -> React1Error:
    """Return the error that stands for one of the library: `damage`, unless this machine has too little left."""
    if isinstance(error, MemoryError | BlockingIOError):  # the latter where no thread can be started
        return ToolFailed(
            f"pictures cannot be decoded: this process gets no more memory or threads ({error.strerror}); nothing is "
            "damaged. Run fewer films at once, or raise the limits of the process"
        )
    return InputMediaError(f"{damage}: {error.strerror}")


def _why_unreadable(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        return "is cut short or damaged: its index (the moov atom) cannot be read; copy or record it again"
    return "is not media that can be read"


class _KeptReaders:
    """The readers of one film that nobody reads from at the moment."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._idle: dict[tuple[Any, ...], list[Any]] = {}
        self._closed = False

    @contextlib.contextmanager
    def borrow(self, threads: str, options: Mapping[str, str] | None) -> Iterator[Any]:
        """Lend a reader that was used for the same kind of threads, at whatever place; open one if there is none."""
        kind = (threads, *sorted((options or {}).items()))
        with self._lock:
            idle = self._idle.setdefault(kind, [])
            container = idle.pop() if idle else None
        container = container or _open(self.path, self.path.name, options)
        # Others cannot be read from anywhere again: readers of transport streams lose packets.
        usable = "mov" in container.format.name.split(",")
        try:
            with _damage_named(self.path.name):
                yield container
        except Exception:
            usable = False
            raise
        finally:  # a consumer that stops early ends up here, too
            with self._lock:
                usable = usable and not self._closed
                if usable:
                    idle.append(container)
            if not usable:
                container.close()

    def close(self) -> None:
        """Close what is not in use; the others are closed when they are given back."""
        with self._lock:
            self._closed = True
            unused = [container for idle in self._idle.values() for container in idle]
        for container in unused:
            container.close()


_readers_of_call: ContextVar[_KeptReaders | None] = ContextVar("react1_kept_readers", default=None)


@contextlib.contextmanager
def kept_open(path: Path) -> Iterator[None]:
    """Keep the readers of an MP4 or MOV inside the block, for all reads that begin at a time of the film.

    The file must not change meanwhile. Blocks for one file nest; a block for another file inside has readers of its
    own.
    """
    readers = _readers_of_call.get()
    if readers is not None and readers.path == path:
        yield
        return
    readers = _KeptReaders(path)
    token = _readers_of_call.set(readers)
    try:
        yield
    finally:
        _readers_of_call.reset(token)
        readers.close()


@contextlib.contextmanager
def open_reader(path: Path, threads: str, options: Mapping[str, str] | None, *, may_share: bool) -> Iterator[Any]:
    """Open a file, or take a kept reader; its streams' decoders may be open already, and it may be anywhere."""
    readers = _readers_of_call.get()
    shared = readers if may_share and readers is not None and readers.path == path else None
    with open_media(path, options=options) if shared is None else shared.borrow(threads, options) as container:
        yield container
