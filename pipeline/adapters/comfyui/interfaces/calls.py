"""What both of ComfyUI's interfaces do with a box: run it, check it, and ask for its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....core.errors import React1Error
from .. import host
from ..box import Box, BoxResult
from ..box_messages import BoxError, explain
from ..work import BoxCall


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
    """Return the fingerprint of a box; an error becomes one too, so that the box runs and says what is wrong."""
    try:
        return box.fingerprint(values, node_id or host.running_node_id())
    except React1Error as error:
        return f"error: {error}"


def _plain(box: type[Box], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a box that takes lists without the lists."""
    if not box.takes_lists:
        return dict(values)
    return {name: value[0] if isinstance(value, list) and value else value for name, value in values.items()}
