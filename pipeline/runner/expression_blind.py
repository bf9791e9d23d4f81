"""Reuse results that do not depend on the expression that an edit asks for.

A node with `expression_blind = True` (trim, transcode, normalize_audio) passes an edit on without reading its
expression. Its key ignores the expression, so a second emotion for a segment is not cut and encoded again. A stored
result then gets the current edit in place of the one that it was stored with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from ..core.choices import CHOICE_NAMES
from ..core.edit import Edit
from ..core.node import Node
from ..core.values import Media, Segment

_NO_EXPRESSION = dict.fromkeys((*CHOICE_NAMES, "takes", "resync"))


def is_expression_blind(node: type[Node]) -> bool:
    """Return whether a node ignores the expression of an edit."""
    return bool(getattr(node, "expression_blind", False))


def without_expression(value: Any) -> Any:
    """Return a value with the expression removed from every edit in it."""
    return map_edits(value, lambda edit: edit.model_copy(update=_NO_EXPRESSION))


def map_edits(value: Any, change: Callable[[Edit], Edit]) -> Any:
    """Return a value with every edit in it changed, or the same object if nothing changes."""
    if isinstance(value, Edit):
        return change(value)
    if isinstance(value, Media):
        return value  # contains no edit, but may contain many timestamps
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: new for name, old in fields.items() if (new := map_edits(old, change)) is not old}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, (list, tuple)):
        items = [map_edits(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value


def with_current_edits(result: Any, params: BaseModel, inputs: Mapping[str, Any]) -> Any:
    """Return a stored result with the edits of these parameters and inputs."""
    edits = {_span_key(edit): edit for edit in find_edits([params, *inputs.values()])}
    if isinstance(result, list):
        return [_with_current_edit(item, edits) for item in result]
    return _with_current_edit(result, edits)


def _with_current_edit(value: Any, edits: Mapping[str, Edit]) -> Any:
    if not isinstance(value, Segment):
        return value
    edit = edits.get(_span_key(value.edit))
    return value if edit in (None, value.edit) else value.model_copy(update={"edit": edit})


def _span_key(edit: Edit) -> str:
    """Return everything in an edit except its expression."""
    return edit.model_copy(update=_NO_EXPRESSION).model_dump_json()


def find_edits(values: Any) -> list[Edit]:
    """Return every edit in some values."""
    edits: list[Edit] = []
    for value in values:
        if isinstance(value, Edit):
            edits.append(value)
        elif isinstance(value, Segment):
            edits.append(value.edit)
        elif isinstance(value, (list, tuple)):
            edits += find_edits(value)
        elif isinstance(value, BaseModel):
            edits += find_edits(getattr(value, name) for name in type(value).model_fields)
    return edits
