"""Ask nodes what a step will do before it runs, with access that stores nothing and spends nothing."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from ...config.checked_job import Step
from ...core.errors import InternalError, React1Error
from ...core.file import File
from ...core.nodes import node
from ...core.nodes.node import Forecast
from ...core.values import Segment, Take, Upload
from ...scripting.context_clips import ContextClips
from ...store.keys import digest
from ...store.store import Store

Answer = TypeVar("Answer")
_MOST_CACHED, _LARGEST_CACHED = 2000, 4096
"""Files, and bytes of each, that plans with one store keep in memory."""


class _NeedsStore(Exception):
    """The node cannot answer without storing a file."""


class ReadOnlyContext(ContextClips):
    """A context that reads files and runs tools; files that they write are temporary.

    Small files that are cached, such as where the cuts of a film are, are kept in memory as long as the store is open,
    so that the steps of a plan do not find the same thing twice.
    """

    _cached_with: ClassVar[WeakKeyDictionary[Store, OrderedDict[str, bytes]]] = WeakKeyDictionary()

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cached = self._cached_with.setdefault(store, OrderedDict())
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def path(self, file: File) -> Path:
        """Return a path from which this content can be read."""
        return self._store.path(file)

    def temp_path(self, name: str) -> Path:
        """Return a path in a temporary folder outside the store."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory()
        return Path(self._folder.name, name)

    def store(self, path: Path) -> File:
        """Refuse to store a file."""
        raise _NeedsStore(path)

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return a file that a run or a forecast cached, or None."""
        path = self._store.cache_get(dict(parts))
        if path is None and (content := self._cached.get(key := digest(parts))) is not None:
            path = self.temp_path(key)
            path.write_bytes(content)
        return path

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Keep a small file in memory; the store is not written."""
        if path.stat().st_size <= _LARGEST_CACHED:
            self._cached[digest(parts)] = path.read_bytes()
            if len(self._cached) > _MOST_CACHED:
                self._cached.popitem(last=False)

    def progress(self, share: float) -> None:
        """Ignore progress."""

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end."""
        from ...media.tools.process import run_tool

        return run_tool(argv, timeout_s=timeout_s)


def forecast(step: Step, inputs: Mapping[str, Any], store: Store) -> Forecast:
    """Return what a step will do for these inputs, as far as its node can tell.

    Raises:
        React1Error: the step would fail.
    """
    context = ReadOnlyContext(store)
    return _ask(step, lambda: node.forecast(step.info.cls, context, step.params, inputs)) or Forecast()


def check_before_paying(step: Step, inputs: Mapping[str, Any], store: Store) -> None:
    """Let a step's node refuse inputs before money is spent.

    Raises:
        React1Error: the step would fail.
    """
    context = ReadOnlyContext(store)
    _ask(step, lambda: node.check_before_paying(step.info.cls, context, step.params, inputs))


def check_steps_after(
    paid: Step, steps: Sequence[Step], segments: Sequence[Segment], results: Mapping[str, Any], store: Store
) -> None:
    """Let every step that uses the results of a paid step refuse its segments before money is spent.

    Args:
        paid: the paid step.
        steps: all steps of the job, in order.
        segments: the segments of the paid step.
        results: what finished steps gave, by step id.
        store: where the content of files is.

    Raises:
        React1Error: such a step would fail.
    """
    fed, known = {paid.id}, dict(results)
    for step in steps:
        calls = _known_inputs(step, segments, known)
        if not fed.intersection(source for sources in step.wires.values() for source in sources):
            if step.id not in known and not _runs_per_segment(step) and is_foreseeable(step):
                # It may still run, such as a camera original that is compared with its proxy.
                known |= {step.id: result} if (result := forecast(step, calls[0], store).result) else {}
            continue
        fed.add(step.id)
        for inputs in calls:
            check_before_paying(step, inputs, store)
        if step.info.ports.output is Take and not step.info.ports.fans_out and is_foreseeable(step):
            moved = [forecast(step, inputs, store).segments for inputs in calls]
            segments = [new[0] if new else old for new, old in zip(moved, segments, strict=False)]


def is_foreseeable(step: Step) -> bool:
    """Check whether a step's node says what it will do, and whether that is free to ask."""
    return step.info.cls.workload == "cpu" and hasattr(step.info.cls, "forecast")


def _runs_per_segment(step: Step) -> bool:
    """Return whether a step runs once per segment, so that the segments stand for its results."""
    return any(port.value_type in (Segment, Upload, Take) and not port.gathers for port in step.info.ports.inputs)


def _known_inputs(step: Step, segments: Sequence[Segment], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs of each call of a step, with segments in place of what is not made yet."""
    shared: dict[str, Any] = {}
    per_segment: list[str] = []
    for port in step.info.ports.inputs:
        if port.value_type in (Segment, Upload, Take):
            shared[port.name] = list(segments)
            per_segment += [] if port.gathers else [port.name]
        else:
            known = [results[source] for source in step.wires.get(port.name, ()) if source in results]
            shared[port.name] = known if port.gathers else next(iter(known), None)
    if not per_segment:
        return [shared]
    return [shared | dict.fromkeys(per_segment, segment) for segment in segments]


def _ask(step: Step, question: Callable[[], Answer]) -> Answer | None:
    """Call a node; return None if it cannot answer without storing a file."""
    try:
        return question()
    except _NeedsStore:
        return None
    except React1Error as error:
        error.where = error.where or step.id
        raise
    except Exception as error:  # a plug-in's method may raise anything
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raised = InternalError(f"the node {step.info.name} ({step.info.origin}) failed: {message}")
        raised.where = step.id
        raise raised from error
