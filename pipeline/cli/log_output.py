"""Where log records go: `-v` prints them on standard error, `--log-json FILE` appends them as JSON lines."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import StorageFailed
from ..runner.events import LOGGER

TEXT_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_LEVELS = {0: logging.WARNING, 1: logging.INFO}


class JsonLines(logging.Formatter):
    """One JSON object per record: time (ISO 8601, UTC), level, logger, event and its values, or a message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        event = getattr(record, "event", None)
        line |= {"event": event, **getattr(record, "values", {})} if event else {"message": record.getMessage()}
        return json.dumps(line, default=str)


@contextlib.contextmanager
def log_output(verbose: int, log_json: str | None) -> Iterator[None]:
    """Send the records of `react1` where the options say, for one command.

    Args:
        verbose: how often `-v` was given: 1 prints steps and notes, 2 progress too.
        log_json: the file that gets JSON lines; `-` for standard error.

    Raises:
        StorageFailed: the file cannot be written.
    """
    handlers: list[logging.Handler] = []
    if verbose:
        printer = logging.StreamHandler(sys.stderr)
        printer.setFormatter(logging.Formatter(TEXT_FORMAT, "%H:%M:%S"))
        printer.setLevel(_LEVELS.get(verbose, logging.DEBUG))
        handlers.append(printer)
    if log_json is not None:
        writer = _json_handler(log_json)
        writer.setFormatter(JsonLines())
        writer.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
        handlers.append(writer)
    before = LOGGER.level
    for handler in handlers:
        LOGGER.addHandler(handler)
        LOGGER.setLevel(min(handler.level, LOGGER.level or handler.level))
    try:
        yield
    finally:
        LOGGER.setLevel(before)
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


def _json_handler(name: str) -> logging.Handler:
    if name == "-":
        return logging.StreamHandler(sys.stderr)
    path = Path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"--log-json {path}: {error.strerror or error}") from error
