"""Progress: bars on a terminal, else plain lines; nothing with `--quiet`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..runner.events import Event, Message, RunStarted, SilentWatcher, StepEnded, StepMoved, StepStarted, Watcher
from .messages import err

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


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
