"""Output for the user: results on standard output, everything else on standard error, never a traceback.

A closed or full stream does not end a run: `results` prints results, and raises StorageFailed if one cannot be written;
a closed pipe is not an error. A failed write to `sys.stderr` is dropped.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

import typer

from ..core.errors import InternalError, Interrupted, PresetError, React1Error, StorageFailed, ToolFailed
from ..core.settings import home_folder, require_folder


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


def out(text: str) -> None:
    """Print a line of the result."""
    results.print(text)


def out_json(value: Any) -> None:
    """Print one JSON object in ASCII, so that file names with any bytes give valid JSON."""
    results.print(json.dumps(value, indent=2))


def err(text: str) -> None:
    """Print a message."""
    print(text, file=sys.stderr)


@contextmanager
def report_failures(as_json: bool = False) -> Iterator[None]:
    """Report every failure on standard error and exit with its status; with `as_json` also print one object.

    Raises:
        typer.Exit: with the exit status of the failure.
    """
    try:
        with redirect_prints():
            yield
    except typer.Exit:
        raise
    except (React1Error, KeyboardInterrupt) as error:
        reported = error if isinstance(error, React1Error) else Interrupted("stopped")
        for line in error_lines(reported):
            err(line)
        status = "interrupted" if isinstance(reported, Interrupted) else "failed"
        print_failed_object(as_json, reported, status)
        raise typer.Exit(reported.exit_status) from None
    except (Exception, SystemExit) as error:  # the outermost level: an internal error must not print a traceback
        refused = _refused(error)
        err(f"react1: {refused}" if refused else internal_error_line(error))
        print_failed_object(as_json, refused or error)
        raise typer.Exit(1) from None


@contextmanager
def open_home(home: str | None, as_json: bool = False) -> Iterator[Path]:
    """Return the home folder, report failures as `report_failures` does, and save tracebacks in that folder."""
    with report_failures(as_json):
        folder = require_folder(home_folder(home))
        try:
            yield folder
        except InternalError as internal_error:
            if internal_error.run:
                internal_error.add_note(f"details are in {folder / 'runs' / internal_error.run / 'fault.txt'}")
            raise
        except (React1Error, typer.Exit):
            raise
        except (Exception, SystemExit) as error:
            if _refused(error) is None:
                _save_traceback(folder, error)
            raise


def _refused(error: BaseException) -> StorageFailed | None:
    """Return the failure for a path that the system refuses, such as a folder of somebody else; None for others."""
    if not isinstance(error, OSError):
        return None
    from ..store.atomic import refusal_by_system

    refusal = refusal_by_system(error)
    return StorageFailed(refusal) if refusal else None


def internal_error_line(error: BaseException) -> str:
    """Return the message for an unexpected exception, in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return _with_notes(f"react1: internal error (please report): {text}", error)


def _with_notes(line: str, error: BaseException) -> str:
    return "; ".join([line, *getattr(error, "__notes__", ())])


def error_lines(error: React1Error) -> list[str]:
    """Return the messages for a failure: one, or one per problem of a preset."""
    if isinstance(error, PresetError):
        return [str(problem) if problem.file or problem.path else f"react1: {problem}" for problem in error.problems]
    lines = [_with_notes(f"react1: {error}", error)]
    if isinstance(error, ToolFailed) and os.environ.get("REACT1_DEBUG"):
        lines += [" ".join(error.argv), error.tail]
    return lines


def failed_object(error: BaseException | None = None, status: str = "failed") -> dict[str, Any]:
    """Return the `--json` object of a failed run; it may have cost something nevertheless."""
    run, cost_usd = (error.run or None, error.cost_usd) if isinstance(error, React1Error) else (None, 0.0)
    empty_result: dict[str, Any] = {"output": None, "report": None, "cost_usd": cost_usd, "segments": [], "checks": {}}
    empty_result |= {"notes": [], "turnover": None, "until": None}
    return {"run": run, "status": status, **empty_result, "error": _error_object(error)}


def _error_object(error: BaseException | None) -> dict[str, Any]:
    """Return what failed: the kind of the error, its message, what to do, and the problems of a preset one by one."""
    if error is None:
        return {"kind": "UsageError", "message": "the command line is wrong", "hint": "see --help", "problems": []}
    text = str(error) if isinstance(error, React1Error) else " ".join(f"{type(error).__name__}: {error}".split())
    message, _, hint = text.partition("; ")
    problems: list[dict[str, Any]] = []
    if isinstance(error, PresetError):
        problems = [asdict(problem) for problem in error.problems]
        message, _, hint = error.problems[0].message.partition("; ") if error.problems else (message, "", hint)
    kind = type(error).__name__ if isinstance(error, React1Error) else "InternalError"
    return {"kind": kind, "message": message, "hint": hint, "problems": problems}


def print_failed_object(as_json: bool, error: BaseException | None = None, status: str = "failed") -> None:
    """Print the object of a failed run if JSON is wanted and nothing is printed yet."""
    if as_json and not results.used:
        with suppress(StorageFailed):  # the failure itself is already reported
            out_json(failed_object(error, status))


def _save_traceback(home: Path, error: BaseException) -> None:
    """Save the traceback in the home folder, for a bug report."""
    path = home / "faults" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except OSError:
        return
    error.add_note(f"details are in {path}")


def one_line(text: str) -> str:
    """Return text with its line breaks, which names of files may have, escaped: a film is one line."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
