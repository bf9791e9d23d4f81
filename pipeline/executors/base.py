"""The one seam between the coordinator and whatever computes.

A call is JSON: references into the store, never bytes, never local paths. An executor may run a call twice at once,
so publishing is atomic; it is never given a call that costs money.
"""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from ..core.errors import Interrupted, StorageFailed, ToolFailed
from ..core.file import File
from ..core.node import Node, Port, ports
from ..core.values import Value
from ..store.store import Store


@dataclass(frozen=True)
class Resources:
    """What a call needs of the machine that runs it."""

    cpu_slots: int = 1
    memory_mb: int = 0
    scratch_mb: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a node."""

    fn: str
    """`package.module:Class`, importable on a worker."""
    args: dict[str, Any]
    """{"params": …, "inputs": {port: value, list or None}, "parts": …}, JSON only."""
    key: str
    need: Resources = field(default_factory=Resources)
    timeout_s: float = 6 * 3600.0


@dataclass(frozen=True)
class Result:
    """What a call gave."""

    value: Any
    """JSON of one value, or of a list."""
    seconds: float
    reused: bool


class Executor(Protocol):
    """May run a call twice; is never given a paid call."""

    async def run(self, call: Call) -> Result:
        """Run a call to its end; cancelling the task stops the work."""

    async def cancel(self, key: str) -> None:
        """Stop the call with this key, if it runs."""

    async def aclose(self) -> None:
        """Stop all that runs and give everything back."""


class CallMonitor:
    """How a running call tells of its progress and learns that it must stop."""

    def __init__(self, report: Callable[[float], None] = lambda _: None) -> None:
        self.report = report
        self.stopped = False

    def check(self) -> None:
        """Go on, or stop.

        Raises:
            Interrupted: the run was stopped.
        """
        if self.stopped:
            raise Interrupted("stopped")


def execute_call(call: Call, store: Store, watch: CallMonitor | None = None) -> Result:
    """Run a call where the store is at hand: stored? give that; else run, publish, give.

    Raises:
        React1Error: what the node raised; BadInput when a file outside the store changed while it was read.
    """
    stored = store.result(call.key)
    if stored is not None:
        return Result(stored["value"], stored["seconds"], reused=True)
    node, given = _load(call)
    began = time.monotonic()
    context = StoreContext(store, watch or CallMonitor(), began + call.timeout_s)
    try:
        value = to_json(node.run(context, given.pop("params"), **given))  # type: ignore[attr-defined]
    except (KeyboardInterrupt, SystemExit) as stop:  # a node must not end the process that runs it
        raise RuntimeError(f"{call.fn} raised {type(stop).__name__}") from stop
    finally:
        context.close()
    context.confirm_inputs()
    seconds = time.monotonic() - began
    store.put_result(call.key, value, call.args["parts"], seconds)
    return Result(value, seconds, reused=False)


def load_node_class(fn: str) -> type[Node]:
    """Import a node by `package.module:Class`."""
    module, name = fn.rsplit(":", 1)
    found: type[Node] = getattr(importlib.import_module(module), name)
    return found


def to_json(value: Value | list[Value]) -> Any:
    """Turn what a node gave into JSON."""
    if isinstance(value, list):
        return [item.model_dump(mode="json") for item in value]
    return value.model_dump(mode="json")


def from_json(kind: type[Value], value: Any) -> Any:
    """Turn JSON back into values of a kind: one, a list, or None."""
    shape: Any = list[kind] if isinstance(value, list) else kind  # type: ignore[valid-type]
    return None if value is None else TypeAdapter(shape).validate_python(value)


def _load(call: Call) -> tuple[Node, dict[str, Any]]:
    cls = load_node_class(call.fn)
    wires = ports(cls)
    kinds: dict[str, Port] = {port.name: port for port in wires.inputs}
    given: dict[str, Any] = {name: from_json(kinds[name].kind, value) for name, value in call.args["inputs"].items()}
    given["params"] = wires.params.model_validate(call.args["params"])
    return cls(), given


class StoreContext:
    """The room of one call: a scratch folder that goes away, and the store."""

    def __init__(self, store: Store, watch: CallMonitor, deadline: float) -> None:
        self._store, self._watch, self._deadline = store, watch, deadline
        self._folder: Path | None = None
        self._made = 0
        self._served: set[File] = set()

    def path(self, file: File) -> Path:
        """Give a path where this content can be read."""
        self._served.add(file)
        return self._store.path(file)

    def confirm_inputs(self) -> None:
        """Make sure that what was read is still what its digest says, so that no wrong result is published.

        Raises:
            BadInput: a file outside the store was changed while it was read.
        """
        for file in self._served:
            self._store.path(file)

    def temp_path(self, name: str) -> Path:
        """Give a path for a new file of this name, in a folder of its own."""
        if self._folder is None:
            self._folder = self._store.room_folder()
        self._made += 1
        place = self._folder / str(self._made)
        place.mkdir()
        return place / name

    def store(self, path: Path) -> File:
        """Move a finished file into the store."""
        return self._store.add_file(path)

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Give a file that some call remembered; None where there is none."""
        return self._store.cache_get(dict(parts))

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Keep a finished file for other calls."""
        self._store.cache_put(dict(parts), path)

    def progress(self, share: float) -> None:
        """Say how much is done, 0 to 1, and learn whether to go on."""
        self._go_on()
        self._watch.report(min(1.0, max(0.0, share)))

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end; ffmpeg's own progress is read where a duration is given."""
        from ..media.process import run_tool

        said: Callable[[str], None] | None = None
        if duration_s:
            argv = [argv[0], "-progress", "pipe:1", "-nostats", *argv[1:]]
            said = self._ffmpeg_progress(duration_s)
        limit = min(timeout_s, max(1.0, self._deadline - time.monotonic()))
        try:
            return run_tool(argv, timeout_s=limit, on_line=said, check=self._go_on)
        except ToolFailed as error:
            if "No space left on device" in error.tail:
                raise StorageFailed(
                    f"the disk that holds {self._store.root} is full; free some space and run again: "
                    "what is finished is kept"
                ) from error
            raise

    def close(self) -> None:
        """Remove what was not kept."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _go_on(self) -> None:
        self._watch.check()
        if time.monotonic() > self._deadline:
            raise ToolFailed("the step took longer than its limit; it was stopped")

    def _ffmpeg_progress(self, duration_s: float) -> Callable[[str], None]:
        def read(line: str) -> None:
            name, _, text = line.partition("=")
            if name == "out_time_us" and text.lstrip("-").isdigit():
                self._watch.report(min(1.0, max(0.0, int(text) / 1e6 / duration_s)))

        return read
