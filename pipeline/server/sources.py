"""The two files of a request: fetched unless they were uploaded here, probed, and checked before any work is done.

Uploaded media are checked in a process of its own, with limits of memory and time: a decompression bomb ends that
process, not the server. It starts with the first check and serves all servers of this Python process. It ends with the
pipe to it.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError, React1Error
from ..core.file import File
from ..core.values import Media
from ..media.frames.film_readers import open_media
from ..media.probe import probe, probe_path, require_video
from ..media.tools.process import run_tool
from ..media.transcode import video_duration_s
from ..net.url import redact_url
from ..providers.contract import MAX_CALL_S
from ..providers.provider_settings import MAX_SIZE_PX
from ..scripting.context_clips import ContextClips
from ..store.store import Store
from .server_options import DURATION_TOLERANCE_S
from .worker_protocol import WorkerRequest

RETRY_WAITS_S = (0.5, 2.0)
"""Waits before the second and the third attempt to fetch a file."""


class FolderContext(ContextClips):
    """A `NodeContext` in a folder of its own; its cache is the store of the server's home, if there is one."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self._folder, self._store = folder, Store(home) if home is not None else None
        self._paths: dict[File, Path] = {}
        self._count = 0

    def path(self, file: File) -> Path:
        """Return the path of a stored file."""
        return self._paths[file]

    def temp_path(self, name: str) -> Path:
        """Return a path for a new file."""
        self._count += 1
        return self._folder / f"{self._count}-{name}"

    def store(self, path: Path) -> File:
        """Register a file by its content, without moving it."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        file = File(digest=digest, suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self._paths[file] = path
        return file

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return a file that an earlier take cached; None if there is none."""
        return self._store.cache_get(dict(parts)) if self._store is not None else None

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache a finished file for later takes."""
        if self._store is not None:
            self._store.cache_put(dict(parts), path)

    def progress(self, share: float) -> None:
        """Ignore progress."""

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end and return its output."""
        return run_tool(argv, timeout_s=timeout_s)


def fetch_media(
    context: FolderContext, request: WorkerRequest, check: Callable[[], None] = lambda: None
) -> tuple[Media, Media]:
    """Fetch, probe and check both files; return (video, audio).

    Args:
        context: where the files go.
        request: where they come from, and the limits.
        check: called between blocks; raises to stop.

    Raises:
        InputMediaError: a file is too large, too long, too slow to fetch, or not media.
        ProviderError: it cannot be fetched.
    """
    parameters = request.parameters
    video = _media(context, request, parameters.video_url, request.video_file, "video_url", check)
    check_video(video)
    if parameters.audio_url == parameters.video_url:
        check_audio(video)
        return video, video
    audio = _media(context, request, parameters.audio_url, request.audio_file, "audio_url", check)
    check_audio(audio)
    return video, audio


def check_header(path: Path, name: str) -> None:
    """Refuse a video that is too large, by its header alone: no picture is decoded.

    Raises:
        InputMediaError: it is larger than 4096x2160, or is not media.
    """
    with open_media(path, name) as container:
        for stream in container.streams.video:
            context = stream.codec_context
            if context is not None:
                sides = sorted((context.width, context.height), reverse=True)
                if sides[0] > MAX_SIZE_PX[0] or sides[1] > MAX_SIZE_PX[1]:
                    size, max_size = f"{context.width}x{context.height}", "x".join(map(str, MAX_SIZE_PX))
                    raise InputMediaError(f"{name} is {size}; the model accepts at most {max_size}: scale it down")


def check_video(media: Media) -> None:
    """Check that the model accepts a video.

    Raises:
        InputMediaError: it has no video stream, or is longer than 15 s.
    """
    _require_duration("video_url", video_duration_s(require_video(media, "video_url")))


def check_audio(media: Media) -> None:
    """Check that the model accepts an audio file.

    Raises:
        InputMediaError: it has no audio stream, or is longer than 15 s.
    """
    if not media.audio:
        raise InputMediaError("audio_url has no audio stream")
    _require_duration("audio_url", media.audio[0].duration_s or media.duration_s)


def probe_file(path: Path, name: str) -> Media:
    """Probe a file without hashing it."""
    return probe_path(path, name)


def _require_duration(name: str, duration_s: Fraction) -> None:
    if duration_s > MAX_CALL_S + DURATION_TOLERANCE_S:
        raise InputMediaError(f"{name} is {float(duration_s):.2f} s long; the model accepts {MAX_CALL_S} s: split it")


def _media(
    context: FolderContext, request: WorkerRequest, url: str, uploaded: str, name: str, check: Callable[[], None]
) -> Media:
    path = Path(uploaded) if uploaded else _download(context, request, url, name, check)
    check_header(path, name)
    return probe(path, context.store(path), name)


def _download(context: FolderContext, request: WorkerRequest, url: str, name: str, check: Callable[[], None]) -> Path:
    from ..net.download import download
    from ..net.guarded_client import open_guarded_client

    path, deadline_s = context.temp_path(name), time.monotonic() + request.fetch_s

    def check_deadline(_share: float) -> None:
        check()
        if time.monotonic() > deadline_s:
            raise InputMediaError(f"{name} {redact_url(url)} took more than {request.fetch_s:g} s to fetch")

    with open_guarded_client(request.network) as client:
        response = download(
            url, path, max_bytes=request.fetch_bytes, progress=check_deadline, client=client, waits_s=RETRY_WAITS_S
        )
    suffix = Path(response.final_path).suffix.lower()
    return path.rename(path.with_suffix(suffix)) if suffix.isascii() and 1 < len(suffix) <= 6 else path


MEMORY_BYTES = 1 << 30
"""What a check may allocate: many times what a video of the largest accepted size needs."""
TIME_S = 30.0
KEPT_ANSWERS = 1024
"""So many uploads are not checked again."""
STATM = Path("/proc/self/statm")


@lru_cache(1)
def media_checker() -> MediaChecker:
    """Return the checker of this Python process."""
    return MediaChecker()


class MediaChecker:
    """A process that checks files, one at a time; it is started again after it was killed."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, time_s: float = TIME_S) -> None:
        self._memory_bytes, self._time_s = memory_bytes, time_s
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._answers: dict[tuple[Path, str], str] = {}

    def problem(self, path: Path, name: str) -> str:
        """Return why the model does not accept a file, or ""; the answer is kept, since an upload never changes.

        Args:
            path: the upload.
            name: `video_url` or `audio_url`.
        """
        known = self._answers.get((path, name))
        if known is not None:
            return known
        with self._lock:
            try:
                pipe = self._open()
                pipe.send((str(path), name))
                if pipe.poll(self._time_s):
                    if len(self._answers) == KEPT_ANSWERS:
                        self._answers.clear()
                    return self._answers.setdefault((path, name), pipe.recv())
            except (EOFError, OSError):
                pass  # it has ended: out of memory, or killed
            self.close()
        return f"{name} needs more than {self._time_s:g} s or {self._memory_bytes >> 20} MiB to be read; transcode it"

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _open(self) -> Connection:
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._pipe
        self.close()
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, self._memory_bytes), daemon=True)
        self._process.start()
        other_end.close()
        return self._pipe


def _serve(pipe: Connection, memory_bytes: int) -> None:
    """Check files until the pipe is closed."""

    def problem_of(path: Path, name: str) -> str:
        try:
            check_header(path, name)
            (check_video if name == "video_url" else check_audio)(probe_file(path, name))
        except React1Error as error:
            return str(error)
        except MemoryError:
            return f"{name} needs too much memory to be read; transcode it"
        return ""

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes the pipe
    _limit_memory(memory_bytes)
    while True:
        try:
            path, name = pipe.recv()
        except EOFError:
            return
        pipe.send(problem_of(Path(path), name))


def _limit_memory(memory_bytes: int) -> None:
    """Limit the address space of this process to its present size and some more."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if not STATM.exists():
        return
    now_bytes = int(STATM.read_text().split()[0]) * resource.getpagesize()
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    limit = now_bytes + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard_limit < 0 else min(limit, hard_limit), hard_limit))
