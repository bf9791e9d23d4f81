"""Build classes of ComfyUI's V1 interface from boxes, for a ComfyUI without the V3 interface.

Source: https://docs.comfy.org/custom-nodes/backend/server_overview
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..box import Box, Input
from .calls import box_fingerprint, check_message, run_box

_HIDDEN_ID = "unique_id"


def v1_class(box: type[Box]) -> type[Any]:
    """Build the V1 class of a box."""

    def input_types() -> dict[str, dict[str, Any]]:
        types: dict[str, dict[str, Any]] = {"required": {}, "optional": {}, "hidden": {_HIDDEN_ID: "UNIQUE_ID"}}
        for item in box.inputs():
            types["optional" if item.optional else "required"][item.name] = v1_input(item)
        return types

    def execute(_self: object, **values: Any) -> dict[str, Any]:
        node_id = _node_id(values)
        result = run_box(box, values, node_id)
        return {"ui": dict(result.ui), "result": result.outputs}

    def is_changed(**values: Any) -> str:
        node_id = _node_id(values)
        return box_fingerprint(box, values, node_id)

    members: dict[str, Any] = {
        "__doc__": box.about,
        "BOX": box,
        "INPUT_TYPES": staticmethod(input_types),
        "FUNCTION": "execute",
        "execute": execute,
        "CATEGORY": box.category,
        "DESCRIPTION": box.about,
        "RETURN_TYPES": tuple(output.type for output in box.outputs),
        "RETURN_NAMES": tuple(output.name for output in box.outputs),
        "OUTPUT_TOOLTIPS": tuple(output.tooltip for output in box.outputs),
        "OUTPUT_IS_LIST": tuple(output.is_list for output in box.outputs),
        "INPUT_IS_LIST": box.takes_lists,
        "OUTPUT_NODE": box.is_output,
    }
    if box.has_fingerprint:
        members["IS_CHANGED"] = staticmethod(is_changed)
    if box.checked:
        members["VALIDATE_INPUTS"] = staticmethod(validator(box))
    return type(f"React1_{box.id}", (), members)


def v1_input(item: Input) -> tuple[Any, dict[str, Any]]:
    """Return an input as the V1 interface writes it: a choice is its list."""
    options = dict(item.options)
    if item.type == "COMBO":
        return options.pop("options"), options
    return item.type, options


def validator(box: type[Box], first: tuple[str, ...] = ()) -> Callable[..., bool | str]:
    """Return the function that ComfyUI calls before it queues a workflow.

    ComfyUI reads from the signature which inputs the function wants, and shows its message once for each.
    """

    def validate(*_bound: Any, **values: Any) -> bool | str:
        return check_message(box, values)

    # Positional-only parameters may be called `in`.
    names = (*first, *box.checked)
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, default=None) for name in names]
    validate.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return validate


def _node_id(values: dict[str, Any]) -> str:
    """Take the node's ID out of the values; in a list if the box takes lists."""
    node_id = values.pop(_HIDDEN_ID, None)
    return str(node_id[0] if isinstance(node_id, list) else node_id or "")


def mappings(boxes: Mapping[str, type[Box]]) -> tuple[dict[str, type[Any]], dict[str, str]]:
    """Return ComfyUI's two dictionaries: classes by ID, and titles by ID."""
    return {name: v1_class(box) for name, box in boxes.items()}, {name: box.title for name, box in boxes.items()}
