"""The standard streams, kept apart: results alone go to standard output, and nobody who stops listening ends a run.

Takes   the process's streams, which may be closed, full, or a pipe that nobody reads any more.
Gives   `results` for what was asked for; `sys.stderr` for all else, where a write that cannot be made is dropped.
Raises  StorageFailed when a result cannot be written; a reader that went away is no failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from ..core.errors import StorageFailed


def open_closed_streams() -> None:
    """Open what was closed before we began (`2>&-`) on the null device, so that no file of ours gets its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


class LossyStream:
    """A text stream whose writes never fail; what nobody can read is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            _silence(self._stream)
        return len(text)

    def flush(self) -> None:
        """Pass on what can be passed on."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _silence(self._stream)


class Results:
    """Standard output, as it was when the command began."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self.used = False
        """Whether anything was given."""

    def begin(self, stream: TextIO) -> None:
        """Take the stream that results go to."""
        with suppress(AttributeError):  # a stream of another kind has its own way with odd characters
            cast(Any, stream).reconfigure(errors="backslashreplace")
        self._stream, self.used = stream, False

    def print(self, text: str) -> None:
        """Give one result, whole.

        Raises:
            StorageFailed: it cannot be written; where the reader has gone away it is dropped.
        """
        stream = self._stream or sys.stdout
        self.used = True
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            _silence(stream)
        except (OSError, ValueError) as error:
            _silence(stream)
            why = error.strerror if isinstance(error, OSError) else error
            raise StorageFailed(
                f"the result cannot be written to standard output: {why}; what is done is kept"
            ) from None


results = Results()


@contextmanager
def separate_streams() -> Iterator[None]:
    """Hold the streams for one command."""
    out, err = sys.stdout, sys.stderr
    results.begin(out)
    sys.stderr = cast(TextIO, LossyStream(err))
    try:
        yield
    finally:
        LossyStream(out).flush()
        sys.stdout, sys.stderr = out, err


@contextmanager
def redirect_prints() -> Iterator[None]:
    """Send what plug-ins and scripts print to standard error."""
    out = sys.stdout
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = out


def _silence(stream: TextIO) -> None:
    """Point a stream at the null device, so that what it still holds fails nowhere."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
