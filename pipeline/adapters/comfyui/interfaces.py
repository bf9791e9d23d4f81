"""Offer boxes through ComfyUI's interfaces: classes of V3, and of V1 for a ComfyUI without it.

ComfyUI imports `comfy_entrypoint`. What both do with a box is shared: run it, check it, and ask for its fingerprint.
Source: https://docs.comfy.org/custom-nodes/v3_migration
https://docs.comfy.org/custom-nodes/backend/server_overview
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.errors import React1Error
from . import host
from .box import Box, BoxResult, Input, Output
from .work import BoxCall, BoxError, explain

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


def run_box(box: type[Box], values: Mapping[str, Any], node_id: str) -> BoxResult:
    """Run a box.

    Raises:
        BoxError: it failed; the message is one line, in the terms of boxes.
    """
    try:
        call = BoxCall(node_id or host.running_node_id())
        result = box.run(call, values)
        call.finish()
        return result
    except React1Error as error:
        raise BoxError(explain(error)) from None


def check_message(box: type[Box], values: Mapping[str, Any]) -> bool | str:
    """Return True, or why a box could not run with these values."""
    plain = _plain(box, values)
    if any(plain[name] is None for name in box.checked if name in plain):
        return True  # it is connected: known only when the box runs
    try:
        box.check(plain)
    except React1Error as error:
        return explain(error)
    return True


def box_fingerprint(box: type[Box], values: Mapping[str, Any], node_id: str) -> str:
    """Return the fingerprint of a box; an error becomes one too, so that the box runs and says what is wrong.

    It is a digest, because Save Video writes it into the film's metadata, and paths of the server are in it.
    """
    try:
        state = box.fingerprint(values, node_id or host.running_node_id())
    except React1Error as error:
        state = f"error: {error}"
    return hashlib.sha256(os.fsencode(state)).hexdigest()


def _plain(box: type[Box], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a box that takes lists without the lists."""
    if not box.takes_lists:
        return dict(values)
    return {name: value[0] if isinstance(value, list) and value else value for name, value in values.items()}


def v3_class(box: type[Box]) -> type[Any]:
    """Build the V3 class of a box."""
    io = host.v3().io

    def define_schema(_cls: type[Any]) -> Any:
        return io.Schema(
            node_id=box.id,
            display_name=box.title,
            category=box.category,
            description=box.about,
            inputs=[_input(io, item) for item in box.inputs()],
            outputs=[_output(io, item) for item in box.outputs],
            hidden=[io.Hidden.unique_id],
            is_input_list=box.takes_lists,
            is_output_node=box.is_output,
        )

    def execute(cls: type[Any], /, **values: Any) -> Any:
        result = run_box(box, values, str(cls.hidden.unique_id or ""))
        return io.NodeOutput(*result.outputs, ui=dict(result.ui) or None)

    def fingerprint_inputs(_cls: type[Any], /, **values: Any) -> str:
        return box_fingerprint(box, values, "")

    members: dict[str, Any] = {
        "__doc__": box.about,
        "BOX": box,
        "define_schema": classmethod(define_schema),
        "execute": classmethod(execute),
    }
    if box.has_fingerprint:
        members["fingerprint_inputs"] = classmethod(fingerprint_inputs)
    if box.checked:
        members["validate_inputs"] = classmethod(validator(box, ("cls",)))
    return type(f"React1_{box.id}", (io.ComfyNode,), members)


def _input(io: Any, item: Input) -> Any:
    options = dict(item.options)
    tooltip, display_name = options.pop("tooltip", None), options.pop("display_name", None)
    if item.type == "COMBO":
        options["multiselect"] = False
    return io.Custom(item.type).Input(
        item.name, display_name=display_name, optional=item.optional, tooltip=tooltip, extra_dict=options
    )


def _output(io: Any, item: Output) -> Any:
    return io.Custom(item.type).Output(
        display_name=item.name, tooltip=item.tooltip or None, is_output_list=item.is_list
    )


def extension(boxes: Mapping[str, type[Box]]) -> Any:
    """Return the extension object that ComfyUI asks for its nodes."""
    nodes = [v3_class(box) for box in boxes.values()]
    base = host.v3().ComfyExtension

    async def get_node_list(_self: object) -> Iterable[type[Any]]:
        return nodes

    return type("React1Extension", (base,), {"get_node_list": get_node_list})()
