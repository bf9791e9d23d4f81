"""What goes to the user: results to standard output, everything else to standard error; no traceback, ever."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """Print one JSON object; ASCII, so that a name of any bytes gives valid JSON."""
    results.print(json.dumps(value, indent=2))


def err(text: str) -> None:
    """Print a line about the work."""
    print(text, file=sys.stderr)


@contextmanager
def report_failures(as_json: bool = False) -> Iterator[None]:
    """Turn every failure into lines on standard error and an exit status; with `as_json` also one object.

    Raises:
        typer.Exit: with the status of the failure.
    """
    try:
        with redirect_prints():
            yield
    except typer.Exit:
        raise
    except (React1Error, KeyboardInterrupt) as error:
        known = error if isinstance(error, React1Error) else Interrupted("stopped")
        for line in error_lines(known):
            err(line)
        status = "interrupted" if isinstance(known, Interrupted) else "failed"
        print_failed_object(as_json, status, known.run or None, known.cost_usd)
        raise typer.Exit(known.exit_status) from None
    except (Exception, SystemExit) as error:  # the edge: a fault of ours must not spill a traceback
        err(internal_error_line(error))
        print_failed_object(as_json)
        raise typer.Exit(1) from None


@contextmanager
def open_home(home: str | None, as_json: bool = False) -> Iterator[Path]:
    """Do as `failures_told`, give the folder of store and runs, and keep the traceback of a fault there."""
    with report_failures(as_json):
        folder = require_folder(home_folder(home))
        try:
            yield folder
        except InternalError as fault:
            if fault.run:
                fault.add_note(f"details are in {folder / 'runs' / fault.run / 'fault.txt'}")
            raise
        except (React1Error, typer.Exit):
            raise
        except (Exception, SystemExit) as error:
            _keep(folder, error)
            raise


def internal_error_line(error: BaseException) -> str:
    """Tell of what nobody foresaw in one line."""
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return _noted(f"react1: a fault of ours: {told}", error)


def _noted(line: str, error: BaseException) -> str:
    return "; ".join([line, *getattr(error, "__notes__", ())])


def error_lines(error: React1Error) -> list[str]:
    """Give the lines that tell of a failure: one, or one per problem of a preset."""
    if isinstance(error, PresetError):
        return [str(problem) if problem.file or problem.path else f"react1: {problem}" for problem in error.problems]
    lines = [_noted(f"react1: {error}", error)]
    if isinstance(error, ToolFailed) and os.environ.get("REACT1_DEBUG"):
        lines += [" ".join(error.argv), error.tail]
    return lines


def failed_object(status: str, run: str | None = None, cost_usd: float = 0.0) -> dict[str, Any]:
    """Give the `--json` object of a run that gave nothing; it may have spent something all the same."""
    nothing: dict[str, Any] = {"output": None, "report": None, "cost_usd": cost_usd, "segments": [], "checks": {}}
    return {"run": run, "status": status, **nothing}


def print_failed_object(as_json: bool, status: str = "failed", run: str | None = None, cost_usd: float = 0.0) -> None:
    """Print the object of a run that gave nothing, where one is wanted and none was printed."""
    if as_json and not results.used:
        with suppress(StorageFailed):  # the failure itself is told already
            out_json(failed_object(status, run, cost_usd))


def _keep(home: Path, error: BaseException) -> None:
    """Write the traceback down where a report of the fault can take it from."""
    place = home / "faults" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except OSError:
        return
    error.add_note(f"details are in {place}")
