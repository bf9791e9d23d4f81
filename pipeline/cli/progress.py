"""Progress: bars on a terminal, plain lines where there is none, nothing when asked to be quiet."""

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
    """Give the watcher that fits where standard error goes."""
    if quiet:
        yield SilentWatcher()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        with bars() as drawn:
            yield drawn


class Lines:
    """One line when a step is done."""

    def on(self, event: Event) -> None:
        """Print what is worth a line."""
        if isinstance(event, RunStarted):
            err(f"run {event.run}")
        elif isinstance(event, StepEnded):
            how = "stored" if event.reused else f"{event.seconds:.1f} s"
            err(f"{_label(event.step, event.segment)}: {how}")
        elif isinstance(event, Message):
            err(f"note: {event.text}")


class Bars:
    """One bar per step and segment, with the time that is left by the pace so far."""

    def __init__(self, make: Callable[[], Progress]) -> None:
        self._make = make
        self._progress = make()
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __enter__(self) -> Bars:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw for the last time."""
        self._progress.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the bars as they are while somebody is asked something; go on below, with those that are unfinished.

        The same bars would be drawn over what was asked and answered, since they know nothing of those lines.
        """
        self._progress.stop()
        try:
            yield
        finally:
            before, self._progress = self._progress, self._make()
            for place, task in [(place, before.tasks[task]) for place, task in self._tasks.items()]:
                if task.finished:
                    del self._tasks[place]
                else:
                    self._tasks[place] = self._progress.add_task(task.description, total=1.0, how="")
                    self._progress.update(self._tasks[place], completed=task.completed)
            self._progress.start()

    def on(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, StepStarted):
            label = _label(event.step, event.segment)
            self._tasks[event.step, event.segment] = self._progress.add_task(label, total=1.0, how="")
        elif isinstance(event, StepMoved) and (event.step, event.segment) in self._tasks:
            self._progress.update(self._tasks[event.step, event.segment], completed=event.share)
        elif isinstance(event, StepEnded) and (event.step, event.segment) in self._tasks:
            how = "stored" if event.reused else f"{event.seconds:.1f} s"
            self._progress.update(self._tasks[event.step, event.segment], completed=1.0, how=how)
        elif isinstance(event, Message):
            self._progress.console.print(f"[yellow]note[/yellow] {_plain(event.text)}", highlight=False)
        elif isinstance(event, RunStarted):
            self._progress.console.print(f"run {event.run}", highlight=False)


@contextmanager
def bars() -> Iterator[Bars]:
    """Draw bars on standard error while the context lasts."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[how]}"),
    )
    console = Console(stderr=True)
    with Bars(lambda: Progress(*columns, console=console)) as drawn:
        yield drawn


def _label(step: str, segment: str) -> str:
    return f"{step} {segment}" if segment else step


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
