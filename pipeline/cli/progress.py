"""Progress and log records: bars on a terminal, else plain lines; nothing with `--quiet`.

`-v` prints log records on standard error, `--log-json FILE` appends them as JSON lines.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import StorageFailed
from ..core.settings import require_file_path
from ..runner.events import (
    LOGGER,
    Event,
    Message,
    RunStarted,
    SilentWatcher,
    StepEnded,
    StepMoved,
    StepStarted,
    Watcher,
)
from .messages import err

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


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
        PresetError: the file's path is a folder, or below a file.
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
    path = require_file_path(Path(name), f"--log-json {name}", "a file, or - for standard error")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"--log-json {path}: {error.strerror or error}") from error


@contextmanager
def progress_for(*, quiet: bool) -> Iterator[Watcher]:
    """Return the watcher for standard error."""
    if quiet:
        yield SilentWatcher()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        with bars() as progress_bars:
            yield progress_bars


class Lines:
    """One line per finished step."""

    def on(self, event: Event) -> None:
        """Print an event."""
        if isinstance(event, RunStarted):
            err(f"run {event.run}")
        elif isinstance(event, StepEnded):
            status = "stored" if event.reused else f"{event.seconds:.1f} s"
            err(f"{_label(event.step, event.segment)}: {status}")
        elif isinstance(event, Message):
            err(f"note: {event.text}")


class Bars:
    """One bar per step and segment, with the estimated time left."""

    def __init__(self, make: Callable[[], Progress]) -> None:
        self._make = make
        self._progress = make()
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._lock = threading.RLock()
        """Steps report from several threads, also while the bars are replaced."""

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the bars during a question; then continue below it with new bars for the unfinished steps.

        The old bars would overwrite the question, because they do not know about its lines.
        """
        self._progress.stop()
        try:
            yield
        finally:
            with self._lock:
                before, self._progress = self._progress, self._make()
                for key, task in [(key, before.tasks[task]) for key, task in self._tasks.items()]:
                    if task.finished:
                        del self._tasks[key]
                    else:
                        self._tasks[key] = self._progress.add_task(task.description, total=1.0, status="")
                        self._progress.update(self._tasks[key], completed=task.completed)
                self._progress.start()

    def on(self, event: Event) -> None:
        """Draw an event."""
        with self._lock:
            self._draw(event)

    def _draw(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            label = _label(event.step, event.segment)
            self._tasks[event.step, event.segment] = self._progress.add_task(label, total=1.0, status="")
        elif isinstance(event, StepMoved) and (event.step, event.segment) in self._tasks:
            self._progress.update(self._tasks[event.step, event.segment], completed=event.share)
        elif isinstance(event, StepEnded) and (event.step, event.segment) in self._tasks:
            status = "stored" if event.reused else f"{event.seconds:.1f} s"
            self._progress.update(self._tasks[event.step, event.segment], completed=1.0, status=status)
        elif isinstance(event, Message):
            self._progress.console.print(f"[yellow]note[/yellow] {_escape_markup(event.text)}", highlight=False)
        elif isinstance(event, RunStarted):
            self._progress.console.print(f"run {event.run}", highlight=False)


@contextmanager
def bars() -> Iterator[Bars]:
    """Draw bars on standard error inside the context."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    console = Console(stderr=True)
    with Bars(lambda: Progress(*columns, console=console)) as progress_bars:
        yield progress_bars


def _label(step: str, segment: str) -> str:
    return f"{step} {segment}" if segment else step


def _escape_markup(text: str) -> str:
    from rich.markup import escape

    return escape(text)
