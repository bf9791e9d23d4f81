"""Check uploaded media in a process of its own, with limits of memory and time.

A decompression bomb ends that process, not the server.

The process starts with the first check and serves all servers of this Python process. It ends with the pipe to it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from ..core.errors import React1Error

MEMORY_BYTES = 1 << 30
"""What a check may allocate: many times what a video of the largest accepted size needs."""
TIME_S = 30.0
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

    def problem(self, path: Path, name: str) -> str:
        """Return why the model does not accept a file, or "".

        Args:
            path: the upload.
            name: `video_url` or `audio_url`.
        """
        with self._lock:
            try:
                pipe = self._open()
                pipe.send((str(path), name))
                if pipe.poll(self._time_s):
                    problem: str = pipe.recv()
                    return problem
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
    from .sources import check_audio, check_header, check_video, probe_file  # before the limit: libraries do not count

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
