"""Worker processes without processes: a `LineProcess` that runs its calls in the thread that reads the reply."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from react1.pipeline.executors import process_executor
from react1.pipeline.executors.base import dump, error_reply, execute_call, parse_call, result_reply
from react1.pipeline.store.store import Store


class FakeWorker:
    """One worker; the class remembers all that were started, and the functions of their calls."""

    started: list[FakeWorker]
    calls: list[str]
    most_at_once = 0
    _busy = 0
    _lock = threading.Lock()
    may_reply: threading.Event

    def __init__(self, argv: Sequence[str]) -> None:
        self.running = True
        self._home, self._place, self._line = Path(argv[-2]), argv[-1], ""
        type(self).started.append(self)

    def send(self, line: str) -> None:
        self._line = line

    def read(self) -> str:
        kind, call, store = type(self), parse_call(json.loads(self._line)["call"]), Store(self._home, place=self._place)
        with self._lock:
            kind.calls.append(call.fn.rpartition(":")[2])
            kind._busy += 1
            kind.most_at_once = max(kind.most_at_once, kind._busy)
        kind.may_reply.wait(60)
        try:
            return dump(result_reply(execute_call(call, store)))
        except Exception as error:
            return dump(error_reply(error, store.root))
        finally:
            with self._lock:
                kind._busy -= 1
            store.close()

    def kill(self) -> int:
        self.running = False
        return -9

    def close(self) -> None:
        self.kill()


@pytest.fixture
def fake_workers(monkeypatch: pytest.MonkeyPatch) -> type[FakeWorker]:
    """Let the executor `processes` start these workers; set `may_reply` to a cleared event to hold their replies."""
    kind = type("Workers", (FakeWorker,), {"started": [], "calls": [], "may_reply": threading.Event()})
    kind.may_reply.set()
    monkeypatch.setattr(process_executor, "LineProcess", kind)
    return kind
