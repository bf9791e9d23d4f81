"""Separate standard streams: only results go to standard output, and a closed or full stream does not end a run.

`results` prints results, and raises StorageFailed if one cannot be written; a closed pipe is not an error. A failed
write to `sys.stderr` is dropped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from ..core.errors import StorageFailed


def open_closed_streams() -> None:
    """Open streams that the shell closed (`2>&-`) on the null device, so that no other file gets their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


class LossyStream:
    """A text stream whose failed writes are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            _redirect_to_null(self._stream)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop the buffer."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _redirect_to_null(self._stream)


class Results:
    """The standard output for results, as it was when the command started."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self.used = False
        """Whether a result was printed."""

    def begin(self, stream: TextIO) -> None:
        """Set the stream for results."""
        with suppress(AttributeError):  # not every stream can change its error handler
            cast(Any, stream).reconfigure(errors="backslashreplace")
        self._stream, self.used = stream, False

    def print(self, text: str) -> None:
        """Print one result; drop it if the pipe is closed.

        Raises:
            StorageFailed: it cannot be written.
        """
        stream = self._stream or sys.stdout
        self.used = True
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            _redirect_to_null(stream)
        except (OSError, ValueError) as error:
            _redirect_to_null(stream)
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"the result cannot be written to standard output: {reason}; finished work is kept"
            raise StorageFailed(message) from None


results = Results()


@contextmanager
def separate_streams() -> Iterator[None]:
    """Set up the streams for one command."""
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
    """Redirect prints of plug-ins and scripts to standard error."""
    out = sys.stdout
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = out


def _redirect_to_null(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that flushing its buffer cannot fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
