"""Progress bars do not overwrite a question and its answer."""

from __future__ import annotations

import io
import threading

from rich.console import Console
from rich.progress import Progress, TextColumn

from react1.pipeline.cli.progress import Bars
from react1.pipeline.runner.events import StepEnded, StepMoved, StepStarted

UP = "\x1b[1A"


def test_unfinished_bars_continue_below_a_question():
    """The cursor never moves above the answer, and finished steps are drawn once, above it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60)
    columns = (TextColumn("{task.description} {task.completed} {task.fields[status]}"),)

    with Bars(lambda: Progress(*columns, console=console, auto_refresh=False)) as bars:
        bars.on(StepStarted("trim", ""))
        bars.on(StepEnded("trim", "", False, 1.0))
        bars.on(StepStarted("fetch", "s02"))
        bars.on(StepMoved("fetch", "s02", 0.5))
        with bars.paused():
            screen.write("Continue? y\n")
        bars.on(StepStarted("react1", "s01"))
        bars.on(StepEnded("react1", "s01", False, 2.0))
        bars.on(StepEnded("fetch", "s02", False, 3.0))

    before, after = screen.getvalue().split("Continue? y\n")
    assert "trim 1.0 1.0 s" in before
    assert "trim" not in after
    assert UP not in after.partition("fetch s02")[0]
    assert "react1 s01 1.0 2.0 s" in after
    assert "fetch s02 1.0 3.0 s" in after


def test_a_step_that_moves_while_the_bars_are_replaced_is_drawn():
    """Another thread reports it; in the new bars it has no number yet."""
    console, threads, errors = Console(file=io.StringIO(), force_terminal=True, width=60), [], []

    def move():
        try:
            bars.on(StepMoved("react1", "s02", 0.5))
        except KeyError as error:
            errors.append(error)

    class Replaced(Progress):
        def add_task(self, description, **options):
            task = super().add_task(description, **options)
            if len(threads) < len(drawn) - 1:
                threads.append(threading.Thread(target=move))
                threads[-1].start()
                threads[-1].join(0.2)
            return task

    drawn = []

    def make():
        drawn.append(Replaced(TextColumn("{task.completed}"), console=console, auto_refresh=False))
        return drawn[-1]

    with Bars(make) as bars:
        for segment in ("s01", "s02"):
            bars.on(StepStarted("react1", segment))
        with bars.paused():
            pass
        threads[0].join()

    assert not errors
    assert [task.completed for task in drawn[-1].tasks] == [0, 0.5]
