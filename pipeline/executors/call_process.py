"""A process that runs calls one after the other: `python -m react1.pipeline.executors.call_process HOME PLACE`.

It reads lines of JSON, `{"call": …}` or `{"stop": true}`, and writes `{"progress": share}` and one reply per call. When
its input ends, because the coordinator is gone, it ends with its tools.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from ..store.store import Store
from .base import Call, CallMonitor, execute_call
from .wire import Json, dump, error_reply, parse_call, result_reply


def main(home: Path, place: str) -> None:
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
    main(Path(sys.argv[1]), sys.argv[2])
