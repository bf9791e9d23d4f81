"""ComfyUI node classes, built from the nodes of the registry.

ComfyUI repeats a node for each item of a list, so steps run once per segment as in a preset. Nodes with a `Record`
input, which need a run, are omitted.
Source: https://docs.comfy.org/custom-nodes/backend/server_overview and …/backend/lists
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
    """Base class of all ComfyUI nodes; a subclass is one node."""

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
        """Return the inputs and the widgets."""
        wires = cls.INFO.ports.inputs
        required, optional = widgets(cls.INFO.ports.params)
        return {
            "required": {port.name: (wire_type(port.value_type),) for port in wires if not port.optional} | required,
            "optional": {port.name: (wire_type(port.value_type),) for port in wires if port.optional} | optional,
        }

    def execute(self, **values: Any) -> tuple[Any, ...] | dict[str, Any]:
        """Run the node, or return its stored result."""
        from ..api import run_node

        ports = self.INFO.ports
        as_lists = self.INPUT_IS_LIST
        inputs = {port.name: _input_value(port, values.pop(port.name, None), as_lists) for port in ports.inputs}
        widget_values = {name: value[0] if as_lists and value else value for name, value in values.items()}
        result = run_node(self.INFO, parameters(ports.params, widget_values), inputs)
        if self.OUTPUT_NODE:
            return {"ui": {"text": list(getattr(result, "notes", ()))}, "result": (result,)}
        return (result,)


def _input_value(port: Port, value: Any, inputs_are_lists: bool) -> Value | list[Value] | None:
    if not inputs_are_lists or port.gathers or value is None:
        return value  # type: ignore[no-any-return]
    return value[0] if value else None


def wire_type(value_type: type[Value]) -> str:
    """Return ComfyUI's name for the type of a wire."""
    return f"REACT1_{VALUE_TYPES[value_type].upper()}"


def comfy_class(info: NodeInfo) -> type[ComfyNode]:
    """Build the ComfyUI class of a node."""
    ports = info.ports
    return type(
        f"React1_{info.name}",
        (ComfyNode,),
        {
            "__doc__": info.about,
            "INFO": info,
            "DESCRIPTION": info.about,
            "RETURN_TYPES": (wire_type(ports.output),),
            "RETURN_NAMES": (VALUE_TYPES[ports.output],),
            "INPUT_IS_LIST": any(port.gathers for port in ports.inputs),
            "OUTPUT_IS_LIST": (ports.fans_out,),
            "OUTPUT_NODE": any(is_marked(field, Deliver) for field in ports.params.model_fields.values()),
        },
    )


def mappings(registry: Registry) -> tuple[dict[str, type[ComfyNode]], dict[str, str]]:
    """Return ComfyUI's two dictionaries: classes by name, and titles by name."""
    nodes = registry.nodes.values()
    usable = [info for info in nodes if all(port.value_type is not Record for port in info.ports.inputs)]
    classes = {f"react1_{info.name}": comfy_class(info) for info in usable}
    titles = {f"react1_{info.name}": f"{info.name.replace('_', ' ').capitalize()} (react1)" for info in usable}
    return classes, titles


NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = mappings(load_registry())
