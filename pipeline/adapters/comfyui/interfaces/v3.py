"""Build classes of ComfyUI's V3 interface from boxes; ComfyUI imports `comfy_entrypoint`.

Source: https://docs.comfy.org/custom-nodes/v3_migration
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import host
from ..box import Box, Input, Output
from .calls import box_fingerprint, run_box
from .v1 import validator


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
