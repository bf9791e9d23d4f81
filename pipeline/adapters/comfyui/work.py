"""Run the work of a box in a thread of its own, with progress and interruption.

ComfyUI calls a box inside its event loop, so the work, which needs an event loop too, gets another thread. The calling
thread waits, moves the progress bar, and looks for Stop ten times a second; then the work is cancelled, as by Ctrl-C
on the command line: tools are killed, and stored results stay for the next queue run.

Errors are put in the terms of boxes, and results are text for a box.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...core.cancellation import stop_checked_by
from ...core.errors import Interrupted, PresetError, Problem, React1Error, in_terms
from ...core.times import frames_text
from ...runner.events import Event, Message, RunEnded, StepEnded, StepMoved, StepStarted, Waiting
from ...runner.run_records.outcome import RunResult, SegmentResult
from . import host

_TERMS: tuple[tuple[str, str], ...] = (
    (r"pass --pay or --yes, and --max-cost USD for a limit", "set max_cost_usd to what the run may cost"),
    (r"raise --max-cost, or edit less", "raise max_cost_usd, which REACT1_MAX_COST of the server limits, or edit less"),
    (r"give --replace to replace it, or another --out", "choose another name in out, or delete it"),
    (r"run again with --replace to replace it, or with another --out", "queue again with another name in out"),
    (r"choose another --out", "choose another name in out"),
    (r"raise `checks: \{(\w+): …\}` of splice", r"raise checks: \1 in Settings"),
    (r"drop such takes with `on_failure: keep-original`", "set on_failure to keep-original"),
    (r"keep the original footage with `on_failure: keep-original`", "set on_failure to keep-original"),
    (r"--max-cost(?: USD)?", "max_cost_usd"),
    (r"--edit IN-OUT:PROMPT", "edits"),
    (r"--set (\w+)(?:=…)?", r"\1"),
    (
        r": set `timeline` to an EDL, OTIO or FCPXML file",
        ": set timeline_file in Settings to an EDL, OTIO or FCPXML, or put one with the film's name beside the film",
    ),
    (r"give --start-tc\b", "set start_tc in Settings"),
    (r"--provider", "provider"),
    (r"--out\b", "out"),
    (r"--home(?: or REACT1_HOME)?", "REACT1_HOME"),
    (r"--map or (?=\S)|--(?:trace|metrics), (?=REACT1_)", ""),
    (r"pass it with out or \w+, or add --allow-outside", "choose a name in out"),
    (r"--script\b", "REACT1_SCRIPT"),
    (r"give `(?:certificate|key)`, or set ", "set "),
    (r"resume with: react1 resume \S+", "queue again to go on"),
    (r"(?:;\s*)?`react1 pick` sets it", "; Pick take sets it"),
    (r"with `react1 run`", "by queueing again"),
    (r"\brun (?:it )?again\b", "queue again"),
    (r" \(`react1 faces` shows them\)", ""),
    (r"its number in `react1 faces`", "its number from left to right"),
)
"""What the command line says, and what it is called in a node editor."""


class BoxError(Exception):
    """What went wrong in a box, in one line; ComfyUI shows it in a dialog."""


def in_box_terms(message: str) -> str:
    """Return a message with the options of the command line replaced by widgets and settings."""
    return in_terms(message, _TERMS)


def explain(error: React1Error) -> str:
    """Return one line that says what to do in the node editor."""
    if isinstance(error, Interrupted):
        return "stopped; queue again to go on from where it was"
    problems = error.problems if isinstance(error, PresetError) else ()
    text = "; ".join(f"{_widget_of(problem)}: {problem.message}".lstrip(": ") for problem in problems) or error.message
    where = f"{error.where}: " if error.where and not problems else ""
    spent = f" (this run has cost ${error.cost_usd:.2f})" if error.cost_usd else ""
    return in_box_terms(f"{where}{text}{spent}")


def _widget_of(problem: Problem) -> str:
    """Return the keys that lead to a problem; of a value that a job was given, the name of its input.

    A line of a list, or of a text, is named as well.
    """
    if problem.line:
        return ": ".join(filter(None, (f"{Path(problem.file).name}:{problem.line}", problem.path)))
    return problem.path or (problem.file.removeprefix("--set ") if problem.file.startswith("--set ") else "")


def summary(result: RunResult, notes: Sequence[str] = ()) -> str:
    """Return what a run did, for the text output of its box."""
    lines = [_segment_line(segment) for segment in result.segments]
    if result.status == "choose":
        lines.append("takes wait for a choice: connect takes to Contact sheet and to Pick take")
    lines += [f"note: {in_box_terms(note)}" for note in dict.fromkeys((*result.notes, *notes))]
    way = result.checks.get("way")
    if way:
        lines.append(f"film: {_WAYS.get(str(way), str(way))}")
    if result.cost_usd:
        lines.append(f"cost: ${result.cost_usd:.2f}")
    if result.report:
        lines.append(f"report: {result.report}")
    return "\n".join(lines)


_WAYS = {
    "exact": "packets outside the edits are the source's own",
    "untouched": "nothing was changed",
    "reencoded-picture": "the complete picture was encoded again, visually lossless",
}


def _segment_line(segment: SegmentResult) -> str:
    span = frames_text(segment.start_frame, segment.end_frame)
    outcome = "original footage kept" if segment.status == "original" else (segment.provider or "prepared")
    lines = [f"{segment.name}: {span}, {outcome}{', stored before' if segment.reused else ''}"]
    lines += [f"  {take.number}  {take.name}{'' if take.status == 'done' else ' (failed)'}" for take in segment.takes]
    return "\n".join(lines)


T = TypeVar("T")
_POLL_S = 0.1
_GRACE_S = 1.2
"""How long the box waits for stopped work to end; what loads a library then ends a little later, by itself."""
log = logging.getLogger("react1")


class BoxProgress:
    """Watch a run: the share of the box's bar, and what the run recorded; its messages go to the log."""

    def __init__(self, show: Callable[[str], None] = lambda _: None) -> None:
        """Start at 0; `show` gets what the run waits for."""
        self._show = show
        self._steps: dict[str, dict[str, float]] = {}
        self._expected: tuple[str, ...] = ()
        self.share = 0.0
        """Rises only, 0 to 1."""
        self.ended: RunEnded | None = None

    def expect(self, steps: tuple[str, ...]) -> None:
        """Set the steps of the run; each is an equal part of the bar."""
        self._expected = steps

    def on(self, event: Event) -> None:
        """Handle an event of a run, from any thread."""
        if isinstance(event, Message):
            log.info("%s", in_box_terms(event.text))
            if isinstance(event, Waiting):
                self._show(in_box_terms(event.text))
        elif isinstance(event, RunEnded):
            self.ended = event
        elif isinstance(event, (StepStarted, StepMoved, StepEnded)):
            share = 1.0 if isinstance(event, StepEnded) else event.share if isinstance(event, StepMoved) else 0.0
            self._steps.setdefault(event.step, {})[event.segment] = share
            parts = [list(segments.values()) for segments in list(self._steps.values())]
            total = max(len(self._expected), len(parts))
            self.report(sum(sum(shares) / len(shares) for shares in parts) / total)

    def report(self, share: float) -> None:
        """Move the bar forward to a share, 0 to 1."""
        self.share = max(self.share, min(1.0, share))


class BoxCall:
    """One execution of a box."""

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.progress = BoxProgress(self.show)
        self._texts: list[str] = []
        self._thread = threading.get_ident()

    def show(self, text: str) -> None:
        """Show text on the box; from any thread."""
        self._texts.append(text)
        if threading.get_ident() == self._thread:
            self._flush_texts()

    def finish(self) -> None:
        """Fill the bar.

        Raises:
            InterruptProcessingException: the user has pressed Stop.
        """
        if not host.progress_bar(self.node_id)(1.0):
            raise host.interruption()

    def wait_for(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine to its end, in another thread.

        Raises:
            BoxError: it failed; the message is in the terms of boxes.
            InterruptProcessingException: the user has pressed Stop; the work has ended, or ends at its next step.
        """
        thread = _WorkThread(work)
        bar, shown = host.progress_bar(self.node_id), -1.0
        thread.start()
        while not thread.ended.wait(_POLL_S):
            if thread.cancelled:
                if time.monotonic() > thread.cancelled_s + _GRACE_S:
                    raise host.interruption()
            elif host.is_interrupted():
                thread.cancel()
            elif self.progress.share != shown:
                shown = self.progress.share
                if not bar(shown):
                    thread.cancel()
            self._flush_texts()
        thread.join()
        self._flush_texts()
        result: T = self._result_of(thread)
        return result

    @staticmethod
    def _result_of(thread: _WorkThread) -> Any:
        if thread.cancelled or isinstance(thread.error, Interrupted):
            raise host.interruption()
        if isinstance(thread.error, React1Error):
            raise BoxError(explain(thread.error)) from None
        if thread.error is not None:
            raise thread.error
        return thread.result

    def do(self, work: Callable[[Callable[[float], None]], T], part: float = 1.0) -> T:
        """Run a function in another thread; it gets a function for its progress, which raises if it must stop.

        So do loops that ask by themselves, such as the copy of a film. `part` is the part of the bar that it fills.
        """

        async def in_thread() -> T:
            stopped = threading.Event()

            def check() -> None:
                if stopped.is_set():
                    raise Interrupted("stopped")

            def progress(share: float) -> None:
                check()
                self.progress.report(share * part)

            def run() -> T:
                with stop_checked_by(check):
                    return work(progress)

            task = asyncio.ensure_future(asyncio.to_thread(run))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                stopped.set()
                with contextlib.suppress(React1Error):
                    await task
                raise

        return self.wait_for(in_thread)

    def _flush_texts(self) -> None:
        while self._texts:
            host.show_text(self._texts.pop(0), self.node_id)


class _WorkThread(threading.Thread):
    """A thread with an event loop for one coroutine."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        super().__init__(name="react1-box", daemon=True)
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self.ended = threading.Event()
        self.cancelled, self.cancelled_s = False, 0.0
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run the coroutine."""
        try:
            self.result = asyncio.run(self._main())
        except BaseException as error:  # raised again in the thread that waits
            self.error = error
        finally:
            self.ended.set()

    async def _main(self) -> Any:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if self.cancelled:  # before there was a task to cancel
            raise asyncio.CancelledError
        return await self._work()

    def cancel(self) -> None:
        """Cancel the coroutine, once, or let it not begin."""
        if self.cancelled:
            return
        self.cancelled, self.cancelled_s = True, time.monotonic()
        if self._loop is None or self._task is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the work has just ended
            self._loop.call_soon_threadsafe(self._task.cancel)
