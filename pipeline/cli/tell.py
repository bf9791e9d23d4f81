"""What goes to the user: results to standard output, everything else to standard error; no traceback, ever."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from ..errors import Interrupted, PresetError, React1Error, ToolFailed


def out(text: str) -> None:
    """Print a line of the result."""
    print(text)


def out_json(value: Any) -> None:
    """Print one JSON object."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def err(text: str) -> None:
    """Print a line about the work."""
    print(text, file=sys.stderr)


@contextmanager
def failures_told(home: Path | None = None, as_json: bool = False) -> Iterator[None]:
    """Turn every failure into lines on standard error and an exit status; with `as_json` also one object.

    Raises:
        typer.Exit: with the status of the failure.
    """
    try:
        yield
    except (React1Error, KeyboardInterrupt) as error:
        known = error if isinstance(error, React1Error) else Interrupted("stopped")
        for line in lines_of(known):
            err(line)
        if as_json:
            out_json(failed_object("interrupted" if isinstance(known, Interrupted) else "failed", known.run or None))
        raise typer.Exit(known.exit_status) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except Exception as error:  # the edge: a fault of ours must not spill a traceback
        err(f"react1: a fault of ours: {type(error).__name__}: {error}{_kept(home)}")
        if as_json:
            out_json(failed_object("failed"))
        raise typer.Exit(1) from None


def lines_of(error: React1Error) -> list[str]:
    """Give the lines that tell of a failure: one, or one per problem of a preset."""
    if isinstance(error, PresetError):
        return [str(problem) if problem.file or problem.path else f"react1: {problem}" for problem in error.problems]
    lines = [f"react1: {error}"]
    if isinstance(error, ToolFailed) and os.environ.get("REACT1_DEBUG"):
        lines += [" ".join(error.argv), error.tail]
    return lines


def failed_object(status: str, run: str | None = None) -> dict[str, Any]:
    """Give the `--json` object of a run that gave nothing."""
    nothing: dict[str, Any] = {"output": None, "report": None, "cost_usd": 0.0, "segments": [], "checks": {}}
    return {"run": run, "status": status, **nothing}


def _kept(home: Path | None) -> str:
    """Write the traceback down where a report of the fault can take it from."""
    if home is None:
        return ""
    place = home / "faults" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return ""
    return f"; details are in {place}"
