"""Run tools as child processes. The one place where a child process is started.

A child is killed with its parent (Linux) and at a wall-clock limit; the caller can cancel it every tenth of a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import IO, Any, NoReturn

from ...core.cancellation import raise_if_stopped
from ...core.errors import ToolFailed

_TAIL_LINES = 400
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'
"""A parent that died before setpriv was heard is not heard of any more."""


@cache
def _setpriv() -> tuple[str, ...]:
    """Return what stands before a command that dies with its parent, without the parent's process ID at its end.

    Nothing where the system has no such tool.
    """
    path, shell = shutil.which("setpriv"), shutil.which("sh")
    if _libc is None or path is None or shell is None:
        return ()
    words = (path, "--pdeathsig", "KILL", "--", shell, "-c", _IF_PARENT_LIVES)
    known = subprocess.run(
        [*words, str(os.getpid()), path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return () if known.returncode else words


def _start(argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a child that the kernel kills with this thread (Linux).

    By util-linux's setpriv where it is there: for a function of our own between fork and exec, Python copies the page
    tables of this process, which took 35 ms of CPU time at 550 MB.
    """
    if shutil.which(argv[0]) and _setpriv():
        return subprocess.Popen([*_setpriv(), str(os.getpid()), *argv], **options)
    if _libc is not None:
        # One system call through a library that is already loaded: no lock is taken after the fork.
        options["preexec_fn"] = _die_with_parent
    return subprocess.Popen(list(argv), **options)


def run_tool(
    argv: Sequence[str],
    *,
    timeout_s: float = 3600,
    on_line: Callable[[str], None] | None = None,
    check: Callable[[], None] = raise_if_stopped,
) -> str:
    """Run a tool to its end and return its standard error.

    Args:
        argv: the command; no shell is involved.
        timeout_s: wall-clock seconds after which the tool is killed.
        on_line: called with each line of its standard output.
        check: called every 0.1 s; what it raises kills the tool and propagates. By default the check of the running
            call.

    Raises:
        ToolFailed: the tool could not be started, failed, or took too long.
    """
    try:
        child = _start(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolFailed(f"{argv[0]} could not be started: {error.strerror}", argv=argv) from error
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with child:
        readers = [_reader(child.stderr, tail.append), _reader(child.stdout, on_line or (lambda _: None))]
        try:
            _wait(child, readers[0], timeout_s, check)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            for reader in readers:
                reader.join()
    output = "\n".join(tail)
    if child.returncode:
        raise _tool_failure(argv, child.returncode, output, timeout_s)
    return output


@contextlib.contextmanager
def piped_tool(argv: Sequence[str], *, timeout_s: float = 3600) -> Iterator[PipedTool]:
    """Start a tool whose standard output is read from a descriptor meanwhile; it is killed at the end of the block.

    Args:
        argv: the command; no shell is involved.
        timeout_s: wall-clock seconds after which the tool is killed.

    Raises:
        ToolFailed: the tool could not be started.
    """
    try:
        child: subprocess.Popen[bytes] = _start(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
    except OSError as error:
        raise ToolFailed(f"{argv[0]} could not be started: {error.strerror}", argv=argv) from error
    lines: deque[str] = deque(maxlen=_TAIL_LINES)
    assert child.stdout is not None and child.stderr is not None
    with child, io.TextIOWrapper(child.stderr, errors="replace") as log:
        reader = _reader(log, lines.append)
        limit = threading.Timer(timeout_s, child.kill)
        limit.daemon = True
        limit.start()
        try:
            yield PipedTool(child, reader, lines)
        finally:
            limit.cancel()
            child.kill()
            child.wait()
            reader.join()


class PipedTool:
    """A tool that writes to a pipe."""

    def __init__(self, child: subprocess.Popen[bytes], reader: threading.Thread, lines: deque[str]) -> None:
        """Take over a child that has started, and the thread that reads its standard error into `lines`."""
        assert child.stdout is not None
        self.descriptor = child.stdout.fileno()
        """Of its standard output."""
        self._child, self._log_reader, self._lines = child, reader, lines

    def log(self) -> tuple[int, str]:
        """Wait for the tool, whose output must have been read, to end; return exit status and standard error."""
        status = self._child.wait()
        self._log_reader.join()
        return status, "\n".join(self._lines)


def _reader(stream: IO[str] | None, on_line: Callable[[str], object]) -> threading.Thread:
    def read() -> None:
        if stream is not None:
            for line in stream:
                on_line(line.rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _wait(
    child: subprocess.Popen[str], log_reader: threading.Thread, timeout_s: float, check: Callable[[], None]
) -> None:
    """Wait until a tool has ended, which the end of its log tells at once.

    `Popen.wait` with a limit only looks after ever longer sleeps, which cost 20 to 30 ms of each short run.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        log_reader.join(0.1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0 if log_reader.is_alive() else 0.1)
            return
        check()


_FFMPEG_PART = re.compile(r"^\[.*?@ 0x[0-9a-f]+\] ")
_FFMPEG_ERROR = re.compile(r"(?i)error|invalid|unsupported|not supported|could not|unable|no such|failed")
_FFMPEG_LAST_LINES = 14


def _ffmpeg_cause(lines: Sequence[str]) -> str:
    """Return what failed, by ffmpeg's last lines: the first error, and what a part said just before; others follow."""
    last = lines[-_FFMPEG_LAST_LINES:]
    first = next(number for number, line in enumerate(last) if _FFMPEG_ERROR.search(line))
    before = [line for line in last[max(0, first - 1) : first] if _FFMPEG_PART.match(line)]
    return "; ".join(_FFMPEG_PART.sub("", line) for line in [*before, last[first]])


def _tool_failure(argv: Sequence[str], code: int, output: str, timeout_s: float) -> ToolFailed:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines and lines[-1] == "Conversion failed!":
        lines.append(_ffmpeg_cause(lines))
    name = argv[0].replace("\\", "/").rsplit("/", 1)[-1]
    if code == -signal.SIGKILL:
        message = f"{name} was killed (limit {timeout_s:g} s, or out of memory)"
    else:
        message = f"{name} failed with exit code {code}: {lines[-1] if lines else 'no output'}"
    return ToolFailed(message, argv=argv, code=code, tail="\n".join(lines[-20:]))


class LineProcess:
    """A child that exchanges lines of text with this process, in a process group of its own with its tools.

    It is killed when the thread that has started it ends (Linux); elsewhere it has to end with its input.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        """Start the child; its standard error is that of this process.

        Raises:
            ToolFailed: it could not be started.
        """
        try:
            self._child = _start(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        except OSError as error:
            raise ToolFailed(f"{argv[0]} could not be started: {error.strerror}", argv=argv) from error

    @property
    def pid(self) -> int:
        """The process ID, which is also that of its process group."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child has not ended."""
        return self._child.poll() is None

    def send(self, line: str) -> None:
        """Write a line, if the child still reads."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._child.stdin.write(f"{line}\n")
            self._child.stdin.flush()

    def read(self) -> str:
        """Wait for the next line; return "" if the child has ended."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        return line if line.endswith("\n") else ""

    def kill(self) -> int:
        """Kill the child and its tools, and return its exit status, negative for a signal."""
        if self._child.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self._child.pid, signal.SIGKILL)
                else:
                    self._child.kill()
        return self._child.wait()

    def close(self) -> None:
        """Kill the child and close the pipes."""
        self.kill()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def replace_process(argv: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Go on as another command, in this process; POSIX only."""
    os.execve(argv[0], list(argv), dict(environ))  # noqa: S606 no shell is wanted
