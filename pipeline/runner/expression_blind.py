"""What a step makes of an edit that only asks for another expression: the same clips, under the new edit.

A node that says `expression_blind = True` (trim, transcode, normalize_audio) carries an edit on without looking at what
expression it asks for. Its key leaves that out, so a second emotion of a segment is not cut and coded again; and the
edit that is asked for now takes the place of the one that the stored result remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from ..core.choices import CHOICE_NAMES
from ..core.edit import Edit
from ..core.node import Node
from ..core.values import Media, Segment

_NO_EXPRESSION = dict.fromkeys((*CHOICE_NAMES, "takes"))


def is_expression_blind(node: type[Node]) -> bool:
    """Tell whether a node carries the expression on without looking at it."""
    return bool(getattr(node, "expression_blind", False))


def without_expression(value: Any) -> Any:
    """Give a value with every edit in it free of its expression."""
    return map_edits(value, lambda edit: edit.model_copy(update=_NO_EXPRESSION))


def map_edits(value: Any, change: Callable[[Edit], Edit]) -> Any:
    """Give a value with every edit in it changed; the value itself where nothing changes."""
    if isinstance(value, Edit):
        return change(value)
    if isinstance(value, Media):
        return value  # it holds no edit, and may hold many timestamps
    if isinstance(value, BaseModel):
        old = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: new for name, was in old.items() if (new := map_edits(was, change)) is not was}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, (list, tuple)):
        items = [map_edits(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value


def with_current_edits(made: Any, params: BaseModel, given: Mapping[str, Any]) -> Any:
    """Give a result under the edits that are asked for now."""
    asked = {_span_key(edit): edit for edit in find_edits([params, *given.values()])}
    if isinstance(made, list):
        return [_with_current_edit(item, asked) for item in made]
    return _with_current_edit(made, asked)


def _with_current_edit(value: Any, asked: Mapping[str, Edit]) -> Any:
    if not isinstance(value, Segment):
        return value
    edit = asked.get(_span_key(value.edit))
    return value if edit in (None, value.edit) else value.model_copy(update={"edit": edit})


def _span_key(edit: Edit) -> str:
    """Spell all of an edit but its expression."""
    return edit.model_copy(update=_NO_EXPRESSION).model_dump_json()


def find_edits(values: Any) -> list[Edit]:
    """Give every edit that some values hold."""
    found: list[Edit] = []
    for value in values:
        if isinstance(value, Edit):
            found.append(value)
        elif isinstance(value, Segment):
            found.append(value.edit)
        elif isinstance(value, (list, tuple)):
            found += find_edits(value)
        elif isinstance(value, BaseModel):
            found += find_edits(getattr(value, name) for name in type(value).model_fields)
    return found
