"""Run the work of a box in a thread of its own, with progress and interruption.

ComfyUI calls a box inside its event loop, so the work, which needs an event loop too, gets another thread. The calling
thread waits, moves the progress bar, and looks for Stop ten times a second; then the work is cancelled, as by Ctrl-C
on the command line: tools are killed, and stored results stay for the next queue run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...core.errors import Interrupted, React1Error
from ...runner.events import Event, Message, RunEnded, StepEnded, StepMoved, StepStarted
from . import host
from .box_messages import BoxError, explain, in_box_terms

T = TypeVar("T")
_POLL_S = 0.1
log = logging.getLogger("react1")


class BoxProgress:
    """Watch a run: the share of the box's bar, the messages, and what the run recorded."""

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, float]] = {}
        self._expected: tuple[str, ...] = ()
        self.share = 0.0
        """Rises only, 0 to 1."""
        self.messages: list[str] = []
        self.ended: RunEnded | None = None

    def expect(self, steps: tuple[str, ...]) -> None:
        """Set the steps of the run; each is an equal part of the bar."""
        self._expected = steps

    def on(self, event: Event) -> None:
        """Handle an event of a run, from any thread."""
        if isinstance(event, Message):
            self.messages.append(event.text)
            log.info("%s", in_box_terms(event.text))
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
        self.progress = BoxProgress()
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
            InterruptProcessingException: the user has pressed Stop; the work has ended.
        """
        thread = _WorkThread(work)
        bar, shown = host.progress_bar(self.node_id), -1.0
        thread.start()
        while not thread.ended.wait(_POLL_S):
            if host.is_interrupted():
                thread.cancel()
            elif self.progress.share != shown:
                shown = self.progress.share
                if not bar(shown):
                    thread.cancel()
            self._flush_texts()
        thread.join()
        self._flush_texts()
        if thread.cancelled:
            raise host.interruption()
        if isinstance(thread.error, Interrupted):
            raise host.interruption()
        if isinstance(thread.error, React1Error):
            raise BoxError(explain(thread.error)) from None
        if thread.error is not None:
            raise thread.error
        return thread.result  # type: ignore[no-any-return]

    def do(self, work: Callable[[Callable[[float], None]], T], part: float = 1.0) -> T:
        """Run a function in another thread; it gets a function for its progress, which raises if it must stop.

        `part` is the part of the bar that it fills.
        """

        async def in_thread() -> T:
            stopped = threading.Event()

            def progress(share: float) -> None:
                if stopped.is_set():
                    raise Interrupted("stopped")
                self.progress.report(share * part)

            task = asyncio.ensure_future(asyncio.to_thread(work, progress))
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
        self.cancelled = False
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
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        return await self._work()

    def cancel(self) -> None:
        """Cancel the coroutine, once."""
        if self.cancelled or self._loop is None or self._task is None:
            return
        self.cancelled = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: the work has just ended
            self._loop.call_soon_threadsafe(self._task.cancel)
