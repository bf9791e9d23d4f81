"""Run calls in processes of this machine: a call that crashes ends its own process, and is run again in another one.

As many calls run at once as fit the cores and the memory of this machine, and a few that only wait. A process that has
nothing to do for a while ends, so that a run that waits for a provider holds no libraries. When `run` returns from a
cancelled call, its process has stopped it, or was killed with its tools.

A process is this module as `python -m … HOME PLACE`. It reads lines of JSON, `{"call": …}` or `{"stop": true}`, runs
the calls one after the other, and writes `{"progress": share}` and one reply per call. When its input ends, because the
coordinator is gone, it ends with its tools.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from ..core.errors import Interrupted, ToolFailed
from ..media.tools.process import LineProcess
from ..store.store import Store
from .base import (
    Call,
    CallMonitor,
    Json,
    Result,
    call_json,
    dump,
    error_reply,
    execute_call,
    parse_call,
    parse_reply,
    result_reply,
)
from .local_executor import Capacity

ATTEMPTS = 3
"""How often a call is run whose process ends in the middle of it."""
STOP_S = 5.0
"""How long a process may take to stop a call before it is killed."""
MAX_WAITING = 4
"""How many calls that need no core, since they wait for a disk or a network, run at once."""
IDLE_S = 15.0
"""After this time without a call a process ends."""
_MAX_THREADS = 256


class ProcessExecutor:
    """Run each call in a process that runs nothing else meanwhile."""

    def __init__(
        self,
        store: Store,
        on_progress: Callable[[str, float], None] = lambda _key, _share: None,
        capacity: Capacity | None = None,
    ) -> None:
        """Start no process yet; `capacity` is what other executors of this process share."""
        self._store, self._on_progress = store, on_progress
        self._capacity = capacity or Capacity()
        self._waiting_calls = asyncio.Semaphore(MAX_WAITING)
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="react1-process")
        self._running: dict[str, Attempts] = {}
        self._idle: list[tuple[LineProcess, float]] = []
        """Processes without a call, and since when, by the monotonic clock; the last one is taken first."""
        self._lock = threading.Lock()

    async def run(self, call: Call) -> Result:
        """Run a call in a process as soon as what it needs is free."""
        waits = contextlib.nullcontext() if call.need.cores else self._waiting_calls
        async with waits, self._capacity.hold(call.need):
            attempts = Attempts(self, call, lambda share: self._on_progress(call.key, share))
            self._running[call.key] = attempts
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(self._threads, attempts.run)
            limit = loop.call_later(call.timeout_s + 60, attempts.end_overdue)
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                attempts.stop()
                done, _ = await asyncio.wait([work], timeout=STOP_S)
                if not done:
                    attempts.kill()
                    await asyncio.wait([work])
                work.exception()
                raise
            except Interrupted:
                raise asyncio.CancelledError from None
            finally:
                limit.cancel()
                self._running.pop(call.key, None)
                loop.call_later(IDLE_S, self._end_idle)

    async def cancel(self, key: str) -> None:
        """Stop the call with this key if it is running."""
        if key in self._running:
            self._running[key].stop()

    async def aclose(self) -> None:
        """Stop all calls and end all processes."""
        for attempts in self._running.values():
            attempts.kill()
        await asyncio.to_thread(self._threads.shutdown)
        for process, _ in self._idle:
            process.close()
        self._idle.clear()
        await asyncio.to_thread(self._store.sweep)

    def take(self) -> LineProcess:
        """Return an idle process, or a new one."""
        with self._lock:
            while self._idle:
                process, _ = self._idle.pop()
                if process.running:
                    return process
                process.close()
        argv = [sys.executable, "-m", f"{__package__}.process_executor", str(self._store.root), self._store.place]
        return LineProcess(argv)

    def put_back(self, process: LineProcess) -> None:
        """Keep a process for the next call."""
        with self._lock:
            self._idle.append((process, time.monotonic()))

    def _end_idle(self) -> None:
        """End the processes that had no call for `IDLE_S`; the timer of the last call finds them all."""
        with self._lock:
            since_s = time.monotonic() - IDLE_S
            ended = [process for process, idle_s in self._idle if idle_s <= since_s]
            self._idle = [item for item in self._idle if item[1] > since_s]
        for process in ended:
            process.close()


class Attempts:
    """The attempts to run one call; `run` blocks a thread."""

    def __init__(self, executor: ProcessExecutor, call: Call, report: Callable[[float], None]) -> None:
        self._executor, self._call, self._report = executor, call, report
        self._process: LineProcess | None = None
        """The one that runs the call; when it has replied, it may run another one."""
        self._lock = threading.Lock()
        self._stopped = self._overdue = False

    def run(self) -> Result:
        """Run the call to its end.

        Raises:
            Interrupted: it was stopped.
            ToolFailed: its process has ended in the middle of it, again and again.
            React1Error: what the node raised.
        """
        status = 0
        for _ in range(ATTEMPTS):
            if self._stopped:
                raise Interrupted("stopped")
            self._process = process = self._executor.take()
            process.send(dump({"call": call_json(self._call)}))
            if self._stopped:  # since it was taken
                process.send(dump({"stop": True}))
            reply = self._read_reply(process)
            if reply is not None:
                with self._lock:
                    self._process = None
                self._executor.put_back(process)
                return parse_reply(reply, self._call)
            status = process.kill()
            process.close()
            if self._overdue:
                raise ToolFailed("the step took longer than its limit; its process was killed")
        if self._stopped:
            raise Interrupted("stopped")
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise ToolFailed(
            f"the process that runs this step {how}, {ATTEMPTS} times (out of memory?); all other work goes on",
            code=status,
        )

    def stop(self) -> None:
        """Ask the process to stop the call."""
        self._stopped = True
        with self._lock:
            if self._process is not None:
                self._process.send(dump({"stop": True}))

    def kill(self) -> None:
        """Kill the process with its tools."""
        self._stopped = True
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def end_overdue(self) -> None:
        """Kill the process because the call takes longer than its limit, and does not notice it."""
        self._overdue = True
        self.kill()

    def _read_reply(self, process: LineProcess) -> Json | None:
        """Return the reply to the call; None if the process ends before."""
        while line := process.read():
            reply: Json = {}
            with contextlib.suppress(ValueError):
                reply = json.loads(line)
            if "progress" in reply:
                self._report(reply["progress"])
            elif reply:
                return reply
        return None


def serve_calls(home: Path, place: str) -> None:
    """Serve calls until the input ends."""
    replies = _take_over_output()
    store, calls = Store(home, place=place), queue.SimpleQueue[tuple[Call, CallMonitor]]()
    writing = threading.Lock()

    def reply(data: Json) -> None:
        with writing, contextlib.suppress(BrokenPipeError):
            replies.write(f"{dump(data)}\n")
            replies.flush()

    threading.Thread(target=_read_requests, args=(calls, reply), daemon=True).start()
    with contextlib.closing(store):
        while True:
            call, monitor = calls.get()
            try:
                answer = result_reply(execute_call(call, store, monitor))
            except Exception as error:  # a node may raise anything; the coordinator decides
                answer = error_reply(error, store.root)
            reply(answer)


def _take_over_output() -> TextIO:
    """Return the stream for replies; what nodes and their libraries print goes to standard error."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def _read_requests(calls: queue.SimpleQueue[tuple[Call, CallMonitor]], reply: object) -> None:
    monitor = CallMonitor()
    for line in sys.stdin:
        request = json.loads(line)
        if "call" in request:
            monitor = CallMonitor(lambda share: reply({"progress": share}))  # type: ignore[operator]
            calls.put((parse_call(request["call"]), monitor))
        else:
            monitor.stopped = True
    _end()


def _end() -> None:
    """End this process and its tools, which are in its process group."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    serve_calls(Path(sys.argv[1]), sys.argv[2])
