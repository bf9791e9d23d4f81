"""A stand-in for ComfyUI: its modules, as far as the pack uses them, and an executor that works as its own does.

The executor runs in an event loop, checks a workflow before it runs it, reuses outputs while the signature of a node
and of all nodes before it is unchanged, calls a node once per item of a list, and can be interrupted.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

_NODE = contextvars.ContextVar("node", default=None)


class InterruptProcessingException(Exception):
    """What ComfyUI raises in a node that is stopped."""


class ExecutionBlocker:
    """A value that keeps the nodes after it from running."""

    def __init__(self, message):
        self.message = message


class VideoFromFile:
    """ComfyUI's `VIDEO` of a file."""

    def __init__(self, file):
        self.__file = file

    def get_stream_source(self):
        return self.__file

    def get_container_format(self):
        return "mov,mp4,m4a,3gp,3g2,mj2"


class VideoFromComponents:
    """ComfyUI's `VIDEO` of pictures."""

    def __init__(self, components):
        self.__components = components

    def get_components(self):
        return self.__components

    def get_stream_source(self):
        raise AssertionError("ComfyUI would encode the pictures with losses")


def video_of_pictures(pictures: np.ndarray, rate: Fraction, audio: Any = None) -> VideoFromComponents:
    """Return a `VIDEO` of pictures, `(frames, height, width, 3) float32`."""
    return VideoFromComponents(SimpleNamespace(images=pictures, audio=audio, frame_rate=rate))


@dataclass
class Outcome:
    """What became of a workflow."""

    outputs: dict[str, list[Any]] = field(default_factory=dict)
    ui: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As in the history."""
    ran: list[str] = field(default_factory=list)
    """The nodes that were executed, not reused."""
    errors: dict[str, str] = field(default_factory=dict)
    """The message of each node that failed, or that the workflow was refused for."""
    refused: bool = False
    interrupted: bool = False


class ComfyUI:
    """A server: folders, an interruption flag, the progress that it was told, and a cache of outputs."""

    def __init__(self, folder):
        self.folder = folder
        self.classes: dict[str, type] = {}
        self.shares: list[tuple[str, float]] = []
        self.texts: list[tuple[str, str]] = []
        self.stop = threading.Event()
        self._cache: dict[Any, Any] = {}
        for name in ("input", "output", "temp", "user"):
            (folder / name).mkdir(parents=True)

    def run(self, workflow: dict[str, Any]) -> Outcome:
        """Check a workflow and run it, in an event loop as the server does."""
        return asyncio.run(self._run(workflow))

    async def _run(self, workflow):
        outcome = Outcome()
        for node in workflow:
            message = self._refusal(node, workflow)
            if message:
                outcome.errors[node], outcome.refused = message, True
        if outcome.refused:
            return outcome
        used: dict[Any, Any] = {}
        try:
            for node in (name for name in workflow if self._class(name, workflow).OUTPUT_NODE):
                self._execute(node, workflow, outcome, used)
        except InterruptProcessingException:
            outcome.interrupted = True
        except _Failed:
            pass
        self._cache = used  # as ComfyUI: what the last workflow did not use is dropped
        return outcome

    def _class(self, node, workflow):
        return self.classes[workflow[node]["class_type"]]

    def _refusal(self, node, workflow):
        """Return why ComfyUI would not queue this node."""
        cls, inputs = self._class(node, workflow), workflow[node]["inputs"]
        types = cls.INPUT_TYPES()
        missing = [name for name in types["required"] if name not in inputs]
        if missing:
            return f"Required input is missing: {missing[0]}"
        for name, value in inputs.items():
            if isinstance(value, list):
                wanted = {**types["required"], **types.get("optional", {})}[name][0]
                received = self._class(value[0], workflow).RETURN_TYPES[value[1]]
                if wanted != received:
                    return f"Return type mismatch between linked nodes: {name}, {received} {wanted}"
        checks = getattr(cls, "VALIDATE_INPUTS", None)
        names = inspect.getfullargspec(checks).args if checks else []
        for name, value in inputs.items():
            spec = {**types["required"], **types.get("optional", {})}.get(name)
            if spec and isinstance(spec[0], list) and name not in names and value not in spec[0]:
                return f"Value not in list: {name}: {value!r}"
        if checks:
            values = {
                name: None if isinstance(inputs[name], list) else inputs[name] for name in names if name in inputs
            }
            if cls.INPUT_IS_LIST:
                values = {name: [value] for name, value in values.items()}
            verdict = self._in_node(node, lambda: checks(**values)) if values else True
            return "" if verdict is True else str(verdict)
        return ""

    def _signature(self, node, workflow):
        """Return what decides a node's output: its class, its widgets, its fingerprint, and the nodes before it."""
        cls, inputs = self._class(node, workflow), workflow[node]["inputs"]
        constants = {name: None if isinstance(value, list) else value for name, value in inputs.items()}
        changed = ""
        if hasattr(cls, "IS_CHANGED"):
            values = {name: [value] for name, value in constants.items()} if cls.INPUT_IS_LIST else constants
            hidden = {"unique_id": [node] if cls.INPUT_IS_LIST else node}
            changed = self._in_node(node, lambda: cls.IS_CHANGED(**values, **hidden))
        links = [
            (name, value[1], self._signature(value[0], workflow))
            for name, value in sorted(inputs.items())
            if isinstance(value, list)
        ]
        return (workflow[node]["class_type"], repr(sorted(constants.items())), changed, tuple(links))

    def _execute(self, node, workflow, outcome, used):
        if node in outcome.outputs:
            return outcome.outputs[node]
        inputs = workflow[node]["inputs"]
        values = {}
        for name, value in inputs.items():
            linked = isinstance(value, list)
            values[name] = self._execute(value[0], workflow, outcome, used)[value[1]] if linked else [value]
        signature = (node, self._signature(node, workflow))
        if signature in self._cache:
            used[signature] = self._cache[signature]
            outcome.outputs[node], ui = used[signature]
        else:
            outputs, ui = self._call(node, workflow, values, outcome)
            outcome.ran.append(node)
            used[signature] = (outputs, ui)
            outcome.outputs[node] = outputs
        if ui:
            outcome.ui[node] = ui
        return outcome.outputs[node]

    def _call(self, node, workflow, values, outcome):
        """Call a node, once or for each item; return a list per output, and what the interface shows."""
        cls = self._class(node, workflow)
        count = 1 if cls.INPUT_IS_LIST or not values else max(map(len, values.values()))
        results, ui = [], {}
        for index in range(count):
            inputs_of_call = values if cls.INPUT_IS_LIST else {n: v[min(index, len(v) - 1)] for n, v in values.items()}
            blocker = next((v for v in inputs_of_call.values() if isinstance(v, ExecutionBlocker)), None)
            if blocker is not None:
                outcome.errors[node] = blocker.message
                results.append((ExecutionBlocker(None),) * len(cls.RETURN_TYPES))
                continue
            if self.stop.is_set():
                self.stop.clear()
                raise InterruptProcessingException
            hidden = {"unique_id": [node] if cls.INPUT_IS_LIST else node}
            try:
                result = self._in_node(
                    node, lambda inputs_of_call=inputs_of_call, hidden=hidden: cls().execute(**inputs_of_call, **hidden)
                )
            except InterruptProcessingException:
                raise
            except Exception as error:
                outcome.errors[node] = str(error)
                raise _Failed from error
            results.append(result["result"])
            for name, items in result["ui"].items():
                ui.setdefault(name, []).extend(items)
        outputs = []
        for place, is_list in enumerate(cls.OUTPUT_IS_LIST):
            items = [result[place] for result in results]
            outputs.append([item for part in items for item in part] if is_list else items)
        return outputs, ui

    def _in_node(self, node, function):
        token = _NODE.set(SimpleNamespace(node_id=node))
        try:
            return function()
        finally:
            _NODE.reset(token)


class _Failed(Exception):
    """A node has failed."""


def install(monkeypatch, folder, *, v3: bool = False) -> ComfyUI:
    """Put the stand-in's modules in place of ComfyUI's: those with the V3 interface, or those before it."""
    host = ComfyUI(folder)

    def throw_if_interrupted():
        if host.stop.is_set():
            host.stop.clear()
            raise InterruptProcessingException

    class ProgressBar:
        def __init__(self, total, node_id=None):
            self._total, self._node = total, node_id

        def update_absolute(self, value, total=None):
            assert asyncio.get_running_loop(), "the bar finds its node by the executor's thread"
            throw_if_interrupted()  # as ComfyUI's own bar does
            host.shares.append((self._node, value / (total or self._total)))

    prompt_server = SimpleNamespace(send_progress_text=lambda text, node: host.texts.append((node, text)))
    modules = {
        "nodes": {},
        "folder_paths": {
            f"get_{name}_directory": lambda name=name: str(folder / name)
            for name in ("input", "output", "temp", "user")
        },
        "comfy": {},
        "comfy.model_management": {
            "InterruptProcessingException": InterruptProcessingException,
            "processing_interrupted": host.stop.is_set,
            "throw_exception_if_processing_interrupted": throw_if_interrupted,
        },
        "comfy.utils": {"ProgressBar": ProgressBar},
        "comfy_execution": {},
        "comfy_execution.utils": {"get_executing_context": _NODE.get},
        "comfy_execution.graph_utils": {},
        "comfy_execution.graph": {},
        "comfy_api": {},
        "comfy_api.input_impl": {"VideoFromFile": VideoFromFile},
        "server": {"PromptServer": SimpleNamespace(instance=prompt_server)},
        "torch": {"from_numpy": lambda array: array},
    }
    modules["comfy_execution.graph_utils" if v3 else "comfy_execution.graph"]["ExecutionBlocker"] = ExecutionBlocker
    if v3:
        modules["comfy_api.latest"] = _v3_interface()
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return host


def _v3_interface() -> dict[str, Any]:
    """Return the parts of `comfy_api.latest` that describe a node."""

    def custom(kind):
        def build(*args, **options):
            return SimpleNamespace(kind=kind, args=args, **options)

        return SimpleNamespace(Input=build, Output=build)

    class NodeOutput:
        def __init__(self, *args, ui=None):
            self.args, self.ui = args, ui

    io = SimpleNamespace(
        ComfyNode=type("ComfyNode", (), {}),
        Custom=custom,
        Hidden=SimpleNamespace(unique_id="UNIQUE_ID"),
        NodeOutput=NodeOutput,
        Schema=SimpleNamespace,
    )
    return {"io": io, "ComfyExtension": type("ComfyExtension", (), {})}
