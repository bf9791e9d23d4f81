"""The contract between the coordinator and executors, and its calls, results and errors as JSON.

A call is JSON with references into the store, never bytes or local paths. An executor may run a call twice at the same
time, so results are published atomically; it never gets a call that costs money.
"""

from __future__ import annotations

import importlib
import json
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from ..core import errors
from ..core.cancellation import stop_checked_by
from ..core.errors import CheckFailed, InternalError, Interrupted, ProviderError, React1Error, StorageFailed, ToolFailed
from ..core.file import File
from ..core.freed_memory import return_freed_memory
from ..core.nodes.node import Need, Node, Params, ports
from ..core.tracing import worker_span
from ..core.values import Value
from ..scripting.context_clips import ContextClips
from ..store.atomic import disk_full_message, is_disk_full
from ..store.store import Store


@dataclass(frozen=True)
class Call:
    """One call of a node."""

    fn: str
    """`package.module:Class`, importable on a worker."""
    args: dict[str, Any]
    """{"params": …, "inputs": {port: value, list or None}, "parts": …}, JSON only."""
    key: str
    need: Need = field(default_factory=Need)
    timeout_s: float = 6 * 3600.0
    traceparent: str = ""
    """The span that the call works for (W3C Trace Context); "" if nothing is traced."""


@dataclass(frozen=True)
class Result:
    """The result of a call."""

    value: Any
    """JSON of one value, or of a list."""
    seconds: float
    reused: bool


class Executor(Protocol):
    """Run calls somewhere, each perhaps twice; an executor never gets a paid call, except `LocalExecutor`."""

    async def run(self, call: Call) -> Result:
        """Run a call to its end; cancelling the task stops the work."""

    async def cancel(self, key: str) -> None:
        """Stop the call with this key if it is running."""

    async def aclose(self) -> None:
        """Stop all calls and release all resources."""


class CallMonitor:
    """Report the progress of a running call, and tell it to stop."""

    def __init__(self, report: Callable[[float], None] = lambda _: None) -> None:
        self.report = report
        self.stopped = False

    def check(self) -> None:
        """Raise if the call has to stop.

        Raises:
            Interrupted: the run was stopped.
        """
        if self.stopped:
            raise Interrupted("stopped")


def execute_call(call: Call, store: Store, monitor: CallMonitor | None = None) -> Result:
    """Return the stored result of a call, or run the node and store its result.

    Raises:
        InputMediaError: a file outside the store changed while it was read.
        React1Error: what the node raised.
    """
    stored = store.result(call.key)
    if stored is not None:
        return Result(stored["value"], stored["seconds"], reused=True)
    node, params, inputs = _load(call)
    refuse_other_tools(call, type(node))
    began = time.monotonic()
    context = StoreContext(store, monitor or CallMonitor(), began + call.timeout_s)
    run = partial(_run_node, call, node, params, inputs)
    try:
        value = run(context)
    except (React1Error, OSError) as error:
        if isinstance(error, Interrupted) or node.workload == "paid" or not context.has_moved_input():
            raise
        context = StoreContext(store, monitor or CallMonitor(), began + call.timeout_s)
        value = run(context)
    context.confirm_inputs()
    seconds = time.monotonic() - began
    stored = store.put_result(call.key, value, call.args["parts"], seconds)
    if getattr(node, "reproducible", False):
        for file in context.stored:
            store.recipes.put(file, {"key": call.key, "fn": call.fn, "args": call.args})
    return Result(stored["value"], seconds, reused=False)


def _run_node(call: Call, node: Node, params: Params, inputs: dict[str, Any], context: StoreContext) -> Any:
    """Run a node; return its value as JSON."""
    try:
        traced = worker_span(f"execute {call.fn}", call.traceparent, {"code.function.name": call.fn.replace(":", ".")})
        with stop_checked_by(context.raise_if_stopped), traced:
            return to_json(node.run(context, params, **inputs))  # type: ignore[attr-defined]
    except (KeyboardInterrupt, SystemExit) as stop:  # a node must not end the process
        raise RuntimeError(f"{call.fn} raised {type(stop).__name__}") from stop
    finally:
        context.close()
        return_freed_memory()


def remake_content(store: Store, recipe: dict[str, Any]) -> None:
    """Run the call of a recipe (store/recipes.py) again, so that the store has its content; the result is not stored.

    Raises:
        React1Error: what the node raised, or this machine has other tools by now.
    """
    call = Call(recipe["fn"], recipe["args"], recipe["key"])
    node, params, inputs = _load(call)
    refuse_other_tools(call, type(node))
    context = StoreContext(store, CallMonitor(), time.monotonic() + call.timeout_s)
    try:
        node.run(context, params, **inputs)  # type: ignore[attr-defined]
    finally:
        context.close()


Store.remake = staticmethod(remake_content)


def refuse_other_tools(call: Call, node: type[Node]) -> None:
    """Check that this machine has the node and the tools of the call's key, else its result would be another one's.

    Raises:
        ToolFailed: it has others; the message names both versions.
    """
    from ..media.tools.ffmpeg import tool_version

    wanted = dict(call.args["parts"].get("tools", {}))
    versions = {name: tool_version(name) for name in wanted}
    if "version" in call.args["parts"]:
        wanted[call.fn] = f"version {call.args['parts']['version']}"
        versions[call.fn] = f"version {node.version}"
    for name, version in versions.items():
        if version != wanted[name]:
            raise ToolFailed(
                f"{name} is {version or 'not installed'} on {socket.gethostname()}, and {wanted[name]} where the run "
                "was started; install the same on every machine"
            )


def load_node_class(fn: str) -> type[Node]:
    """Import a node by `package.module:Class`."""
    module, name = fn.rsplit(":", 1)
    node: type[Node] = getattr(importlib.import_module(module), name)
    return node


def to_json(value: Value | list[Value]) -> Any:
    """Return the JSON of one value or of a list."""
    if isinstance(value, list):
        return [item.model_dump(mode="json") for item in value]
    return value.model_dump(mode="json")


def from_json(value_type: type[Value], value: Any) -> Any:
    """Build values of a type from JSON: one, a list, or None."""
    annotation: Any = list[value_type] if isinstance(value, list) else value_type  # type: ignore[valid-type]
    return None if value is None else TypeAdapter(annotation).validate_python(value)


def _load(call: Call) -> tuple[Node, Params, dict[str, Any]]:
    """Return a call's node, parameters and inputs."""
    node_class = load_node_class(call.fn)
    wires = ports(node_class)
    types = {port.name: port.value_type for port in wires.inputs}
    inputs = {name: from_json(types[name], value) for name, value in call.args["inputs"].items()}
    return node_class(), wires.params.model_validate(call.args["params"]), inputs


class StoreContext(ContextClips):
    """The context of one call: the store, and a scratch folder that is deleted after the call."""

    def __init__(self, store: Store, monitor: CallMonitor, deadline: float) -> None:
        self._store, self._monitor, self._deadline = store, monitor, deadline
        self._folder: Path | None = None
        self._temp_paths = 0
        self._read: dict[File, Path] = {}
        self.stored: list[File] = []
        """The files that the call has stored."""

    def path(self, file: File) -> Path:
        """Return a path from which this content can be read."""
        self._read[file] = self._store.path(file)
        return self._read[file]

    def has_moved_input(self) -> bool:
        """Return whether a file that was read is elsewhere by now: another run has delivered the same film from here.

        Whoever opens it once more at the path that it had does not find it.
        """
        return any(not path.exists() and self._store.has(file) for file, path in self._read.items())

    def confirm_inputs(self) -> None:
        """Check that the files that were read have not changed, so that no wrong result is published.

        Raises:
            InputMediaError: a file outside the store changed while it was read.
        """
        for file in self._read:
            self._store.path(file)

    def temp_path(self, name: str) -> Path:
        """Return a path for a new file of this name, in a folder of its own."""
        if self._folder is None:
            self._folder = self._store.scratch_folder()
        self._temp_paths += 1
        folder = self._folder / str(self._temp_paths)
        folder.mkdir()
        return folder / name

    def store(self, path: Path) -> File:
        """Move a finished file into the store."""
        self.stored.append(self._store.add_file(path))
        return self.stored[-1]

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return the file cached under these parts, or None."""
        return self._store.cache_get(dict(parts))

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache a finished file for other calls."""
        self._store.cache_put(dict(parts), path)

    def progress(self, share: float) -> None:
        """Report the completed share, 0 to 1.

        Raises:
            Interrupted: the run was stopped.
            ToolFailed: the call takes longer than its limit.
        """
        self.raise_if_stopped()
        self._monitor.report(min(1.0, max(0.0, share)))

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end; with `duration_s`, report ffmpeg's progress."""
        from ..media.tools.process import run_tool

        on_line: Callable[[str], None] | None = None
        if duration_s:
            argv = [argv[0], "-progress", "pipe:1", "-nostats", *argv[1:]]
            on_line = self._ffmpeg_progress(duration_s)
        limit_s = min(timeout_s, max(1.0, self._deadline - time.monotonic()))
        try:
            return run_tool(argv, timeout_s=limit_s, on_line=on_line, check=self.raise_if_stopped)
        except ToolFailed as error:
            if "No space left on device" in error.tail:
                raise StorageFailed(disk_full_message(self._store.root)) from error
            raise

    def raise_if_stopped(self) -> None:
        """Raise if the call has to stop: `Interrupted`, or `ToolFailed` over its time limit."""
        self._monitor.check()
        if time.monotonic() > self._deadline:
            raise ToolFailed("the step took longer than its limit; it was stopped")

    def close(self) -> None:
        """Delete the scratch folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ffmpeg_progress(self, duration_s: float) -> Callable[[str], None]:
        def report(line: str) -> None:
            name, _, text = line.partition("=")
            if name == "out_time_us" and text.lstrip("-").isdigit():
                self._monitor.report(min(1.0, max(0.0, int(text) / 1e6 / duration_s)))

        return report


Json = dict[str, Any]
_ATTRIBUTES: tuple[tuple[type[React1Error], tuple[str, ...]], ...] = (
    (CheckFailed, ("findings",)),
    (ProviderError, ("request_id", "retryable", "billed")),
    (ToolFailed, ("argv", "code", "tail")),
)
"""What an error carries besides its message; the first class that fits."""


class WorkerTraceback(Exception):
    """The traceback of an unexpected error on a worker, as text."""


def call_json(call: Call) -> Json:
    """Return a call as JSON."""
    return asdict(call)


def parse_call(data: Json) -> Call:
    """Build a call from its JSON."""
    need = {**data["need"], "labels": tuple(data["need"]["labels"])}
    return Call(data["fn"], data["args"], data["key"], Need(**need), data["timeout_s"], data.get("traceparent", ""))


def result_reply(result: Result) -> Json:
    """Return the reply of a call that succeeded."""
    return {"result": asdict(result)}


def error_reply(error: BaseException, root: Path) -> Json:
    """Return the reply of a call that failed; `root` is named where its disk is full."""
    if isinstance(error, Interrupted):
        return {"stopped": True}
    if not isinstance(error, React1Error) and is_disk_full(error):
        error = StorageFailed(disk_full_message(root))
    if not isinstance(error, React1Error):
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return {"error": {"type": "", "message": text, "traceback": "".join(traceback.format_exception(error))}}
    names = next((names for kind, names in _ATTRIBUTES if isinstance(error, kind)), ())
    known = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    attributes = {name: getattr(error, name) for name in names}
    return {"error": {"type": known, "message": error.message, "attributes": attributes}}


def parse_reply(reply: Json, call: Call) -> Result:
    """Return the result of a reply.

    Raises:
        Interrupted: the call was stopped.
        React1Error: what the node raised, or InternalError for any other exception.
    """
    if "result" in reply:
        return Result(**reply["result"])
    if "error" not in reply:
        raise Interrupted("stopped")
    data = reply["error"]
    if not data["type"]:
        name = call.args["parts"].get("node", call.fn)
        raise InternalError(f"the node {name} failed: {data['message']}") from WorkerTraceback(data["traceback"])
    kind: type[React1Error] = getattr(errors, data["type"])
    raise kind(data["message"], **data["attributes"])


def dump(reply: Json) -> str:
    """Return JSON on one line."""
    return json.dumps(reply, separators=(",", ":"))
