"""Output for the user: results on standard output, everything else on standard error, never a traceback."""

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
from typing import Any

import typer

from ..core.errors import InternalError, Interrupted, PresetError, React1Error, StorageFailed, ToolFailed
from ..core.settings import home_folder, require_folder
from .streams import redirect_prints, results


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
        err(internal_error_line(error))
        print_failed_object(as_json, error)
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
            _save_traceback(folder, error)
            raise


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
    empty_result |= {"notes": [], "turnover": None}
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
