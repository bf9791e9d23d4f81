"""ComfyUI's door: its node classes, made from ours.

A step that runs once per segment does so here too: ComfyUI itself repeats a node for each item of a list. What draws
the whole run (`Record` inputs) has no place in it and is left out.
Source  https://docs.comfy.org/custom-nodes/backend/server_overview and …/backend/lists
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.file import Deliver, is_marked
from ..core.node import VALUE_TYPES, Port
from ..core.registry import NodeInfo, Registry, load_registry
from ..core.values import Record, Value
from .widgets import Widget, parameters, widgets

CATEGORY = "react1"


class ComfyNode:
    """What all of them share; a subclass is one node."""

    INFO: ClassVar[NodeInfo]
    FUNCTION: ClassVar[str] = "execute"
    CATEGORY: ClassVar[str] = CATEGORY
    DESCRIPTION: ClassVar[str]
    RETURN_TYPES: ClassVar[tuple[str, ...]]
    RETURN_NAMES: ClassVar[tuple[str, ...]]
    INPUT_IS_LIST: ClassVar[bool]
    OUTPUT_IS_LIST: ClassVar[tuple[bool, ...]]
    OUTPUT_NODE: ClassVar[bool]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget | tuple[str]]]:  # noqa: N802  ComfyUI's name
        """Give the wires and the widgets."""
        wires = cls.INFO.ports.inputs
        required, optional = widgets(cls.INFO.ports.params)
        return {
            "required": {port.name: (wire(port.value_type),) for port in wires if not port.optional} | required,
            "optional": {port.name: (wire(port.value_type),) for port in wires if port.optional} | optional,
        }

    def execute(self, **given: Any) -> tuple[Any, ...] | dict[str, Any]:
        """Run the node through the store, as every other way of running it does."""
        from ..api import run_node

        ports = self.INFO.ports
        inputs = {port.name: _input(port, given.pop(port.name, None), self.INPUT_IS_LIST) for port in ports.inputs}
        values = {name: value[0] if self.INPUT_IS_LIST and value else value for name, value in given.items()}
        made = run_node(self.INFO, parameters(ports.params, values), inputs)
        if self.OUTPUT_NODE:
            return {"ui": {"text": list(getattr(made, "notes", ()))}, "result": (made,)}
        return (made,)


def _input(port: Port, value: Any, in_lists: bool) -> Value | list[Value] | None:
    if not in_lists or port.gathers or value is None:
        return value  # type: ignore[no-any-return]
    return value[0] if value else None


def wire(kind: type[Value]) -> str:
    """Name the type of a wire as ComfyUI compares it."""
    return f"REACT1_{VALUE_TYPES[kind].upper()}"


def comfy_class(info: NodeInfo) -> type[ComfyNode]:
    """Make the class that ComfyUI wants of a node."""
    ports = info.ports
    return type(
        f"React1_{info.name}",
        (ComfyNode,),
        {
            "__doc__": info.about,
            "INFO": info,
            "DESCRIPTION": info.about,
            "RETURN_TYPES": (wire(ports.output),),
            "RETURN_NAMES": (VALUE_TYPES[ports.output],),
            "INPUT_IS_LIST": any(port.gathers for port in ports.inputs),
            "OUTPUT_IS_LIST": (ports.fans_out,),
            "OUTPUT_NODE": any(is_marked(field, Deliver) for field in ports.params.model_fields.values()),
        },
    )


def mappings(registry: Registry) -> tuple[dict[str, type[ComfyNode]], dict[str, str]]:
    """Give ComfyUI's two dictionaries: classes and titles by name."""
    fit = [info for info in registry.nodes.values() if all(port.value_type is not Record for port in info.ports.inputs)]
    classes = {f"react1_{info.name}": comfy_class(info) for info in fit}
    titles = {f"react1_{info.name}": f"{info.name.replace('_', ' ').capitalize()} (react1)" for info in fit}
    return classes, titles


NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = mappings(load_registry())
