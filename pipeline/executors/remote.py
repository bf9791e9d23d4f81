"""Run calls on workers elsewhere: what is shipped to them, the executor around it, and how they learn to stop.

One function from text to text is shipped. A worker uses the store that the call names. Without a shared store it must
see the coordinator's home folder, as on the same machine.

It learns that a call is to stop from the coordinator's record in the store, `coordinators/<name>`: a beat, which the
coordinator raises, and the calls that are to stop. A call also stops when the record is gone, or when its beat has
not changed for REACT1_SILENCE_S seconds by the worker's own clock: then the coordinator is dead. Engines alone do not
stop a tool that runs in a cancelled call.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import Interrupted, PresetError, React1Error, StorageFailed, ToolFailed
from ..core.file import File
from ..core.settings import coordinator_silence_s, home_folder, map_path
from ..core.version import version_text
from ..scripting.apply import SHIPPED, allowed_files
from ..store.store import Store
from ..store.store_backend import Records
from .base import (
    Call,
    CallMonitor,
    Json,
    Result,
    call_json,
    dump,
    error_reply,
    execute_call,
    load_node_class,
    parse_call,
    parse_reply,
    result_reply,
)

BEATS = 9
"""Beats in the time after which a coordinator counts as dead."""
POLL_S = 1.0
"""How often a call reads the record."""


class Coordinator:
    """The record of this process; it exists from `start` to `close`."""

    def __init__(self, records: Records, silence_s: float | None = None) -> None:
        """Write nothing yet; after `silence_s` without a beat the calls stop."""
        self.name = secrets.token_hex(8)
        self.silence_s = coordinator_silence_s() if silence_s is None else silence_s
        self._records = records
        self._beat = 0
        self._stopped: set[str] = set()
        self._writing = threading.Lock()
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Create the record, and raise its beat from time to time."""
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat_on())
            await asyncio.to_thread(self._records.create, self._record, self._text())

    async def stop(self, call: str) -> None:
        """Record that whoever runs a call has to stop it."""
        self._stopped.add(call)
        await asyncio.to_thread(self._write)

    async def close(self) -> None:
        """Remove the record, which stops all calls."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.to_thread(self._records.remove, self._record)

    @property
    def _record(self) -> str:
        return f"coordinators/{self.name}"

    def _text(self) -> str:
        return json.dumps({"beat": self._beat, "stopped": sorted(self._stopped)})

    def _write(self) -> None:
        with self._writing:
            self._beat += 1
            stored = self._records.read(self._record)
            if stored is not None:
                self._records.replace(self._record, self._text(), stored.version)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self.silence_s / BEATS)
            with contextlib.suppress(StorageFailed):  # the store is away for a moment
                await asyncio.to_thread(self._write)


class WatchingMonitor(CallMonitor):
    """A monitor that stops its call when the coordinator's record says so, or the coordinator is dead."""

    def __init__(
        self,
        records: Records,
        coordinator: str,
        call: str,
        silence_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._silence_s = silence_s
        self._records, self._record, self._call, self._clock = records, f"coordinators/{coordinator}", call, clock
        self._polled_s = -POLL_S
        self._beat: tuple[int, float] = (-1, 0.0)
        self._reading = threading.Lock()

    def check(self) -> None:
        """Raise if the call has to stop; the record is read at most every `POLL_S`.

        Raises:
            Interrupted: the run was stopped, or its coordinator is gone.
        """
        now_s = self._clock()
        if not self.stopped and now_s - self._polled_s >= POLL_S and self._reading.acquire(blocking=False):
            try:
                self._polled_s = now_s
                self.stopped = self._is_stopped(now_s)
            finally:
                self._reading.release()
        if self.stopped:
            raise Interrupted("stopped")

    def _is_stopped(self, now_s: float) -> bool:
        try:
            stored = self._records.read(self._record)
        except StorageFailed:
            return self._is_silent(self._beat[0], now_s)
        if stored is None:
            return True
        data = json.loads(stored.text)
        return self._call in data["stopped"] or self._is_silent(data["beat"], now_s)

    def _is_silent(self, beat: int, now_s: float) -> bool:
        if beat != self._beat[0]:
            self._beat = (beat, now_s)
        return now_s - self._beat[1] > self._silence_s


ATTEMPTS = 3
"""How often a call is run whose worker is lost."""
STOP_S = 30.0
"""How long a cancelled call may take to stop."""


def run_shipped_call(text: str) -> str:
    """Run a call on a worker and return its reply; both are JSON."""
    request: Json = json.loads(text)
    home = home_folder() if request["place"] else Path(request["home"])
    try:
        store = _open_store(home, map_path(request["place"]))
        if request["version"] != version_text():
            raise ToolFailed(
                f"react1 is {version_text()} on this worker, and {request['version']} where the run was started; "
                "install the same on every machine"
            )
        monitor = WatchingMonitor(store.backend.records, request["coordinator"], request["id"], request["silence_s"])
        monitor.check()
        with _shipped_scripts(store, request["scripts"]), _marked_as_started(store, request["id"]):
            return dump(result_reply(execute_call(parse_call(request["call"]), store, monitor)))
    except Exception as error:  # a node may raise anything; the coordinator decides
        return dump(error_reply(error, home))


@functools.cache
def _open_store(home: Path, place: str) -> Store:
    store = Store(home, place=place)
    store.sweep()
    return store


@contextlib.contextmanager
def _marked_as_started(store: Store, call_id: str) -> Any:
    """Keep a record while a call runs, so that a lost worker shows which of its calls it was lost in."""
    store.backend.records.create(f"starts/{call_id}", "{}")
    try:
        yield
    finally:
        store.backend.records.remove(f"starts/{call_id}")


@contextlib.contextmanager
def _shipped_scripts(store: Store, scripts: dict[str, Any]) -> Any:
    """Write the user's scripts under their names for the time of a call."""
    folder = store.scratch_folder()
    paths = []
    for name, data in scripts.items():
        path = folder / name
        path.write_bytes(store.path(File.model_validate(data)).read_bytes())
        paths.append(path)
    token = SHIPPED.set(tuple(paths))
    try:
        yield
    finally:
        SHIPPED.reset(token)
        for path in paths:
            path.unlink(missing_ok=True)
        folder.rmdir()


class RemoteExecutor(ABC):
    """Run calls on the workers of an engine; a subclass submits text and waits for the reply."""

    def __init__(
        self,
        store: Store,
        on_progress: Callable[[str, float], None] = lambda _key, _share: None,
        address: str = "",
    ) -> None:
        """Connect to nothing yet; `address` is that of the engine, in its own form."""
        self._store, self._on_progress, self.address = store, on_progress, address
        self._coordinator = Coordinator(store.backend.records)
        self._connected = False
        self._connecting = asyncio.Lock()
        self._running: dict[str, tuple[asyncio.Task[Any] | None, asyncio.Task[str]]] = {}
        """By key, the task that waits for a call, and the call."""

    async def run(self, call: Call) -> Result:
        """Run a call on a worker; when this returns from a cancelled call, the call has stopped.

        Raises:
            React1Error: what the node raised, or ToolFailed when workers were lost again and again.
        """
        async with self._connecting:
            if not self._connected:
                await self._connect()
                await self._coordinator.start()
                self._connected = True
        call_id = secrets.token_hex(8)
        text = dump(await asyncio.to_thread(self._request, call, call_id))
        work = asyncio.create_task(self._submit(call, call_id, text))
        self._running[call.key] = (asyncio.current_task(), work)
        try:
            reply = await asyncio.shield(work)
        except asyncio.CancelledError:
            if not work.done():
                await self._stop(call_id, work)
            raise
        finally:
            self._running.pop(call.key, None)
        try:
            return parse_reply(json.loads(reply), call)
        except Interrupted:
            raise asyncio.CancelledError from None

    async def cancel(self, key: str) -> None:
        """Stop the call with this key if it is running."""
        waiting = self._running[key][0] if key in self._running else None
        if waiting is not None:
            waiting.cancel()

    async def aclose(self) -> None:
        """Stop all calls and leave the engine."""
        for _, work in list(self._running.values()):
            work.cancel()
        if self._connected:
            await self._coordinator.close()
            await self._disconnect()

    def _request(self, call: Call, call_id: str) -> Json:
        scripts = {}
        if hasattr(load_node_class(call.fn), "cache_salt"):
            scripts = {path.name: self._ship(path).model_dump(mode="json") for path in allowed_files()}
        return {
            "call": call_json(call),
            "home": str(self._store.root),
            "place": self._store.place,
            "version": version_text(),
            "coordinator": self._coordinator.name,
            "silence_s": self._coordinator.silence_s,
            "id": call_id,
            "scripts": scripts,
        }

    def _ship(self, path: Path) -> File:
        copy = self._store.scratch_folder() / path.name
        copy.write_bytes(path.read_bytes())
        return self._store.add_file(copy)

    async def _stop(self, call_id: str, work: asyncio.Future[str]) -> None:
        """Let the worker stop a call; then end it by the engine's means."""
        with contextlib.suppress(StorageFailed):
            await self._coordinator.stop(call_id)
        await asyncio.wait([work], timeout=STOP_S)
        if not work.done():
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError, React1Error):
            await work

    async def _was_started(self, call_id: str) -> bool:
        """Return whether a lost worker was in the middle of a call, and forget it."""
        records = self._store.backend.records
        started = await asyncio.to_thread(records.read, f"starts/{call_id}") is not None
        await asyncio.to_thread(records.remove, f"starts/{call_id}")
        return started

    @abstractmethod
    async def _connect(self) -> None:
        """Join the engine.

        Raises:
            MissingExtra: it is not installed.
            StorageFailed: it cannot be reached.
        """

    @abstractmethod
    async def _submit(self, call: Call, call_id: str, text: str) -> str:
        """Run `run_shipped_call` on a worker that has what the call needs; run it again if the worker is lost."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Leave the engine."""


def require_shared_store(store: Store, address: str, loopback: bool) -> None:
    """Check that workers elsewhere can read the store.

    Raises:
        PresetError: they cannot.
    """
    if not (store.backend.shared or loopback):
        raise PresetError(
            f"REACT1_EXECUTOR {address}: workers on other machines cannot read {store.root}; "
            "set REACT1_STORE to a bucket or a folder that they share"
        )
