"""Calls, results and errors as JSON, for executors whose workers are other processes."""

from __future__ import annotations

import json
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core import errors
from ..core.errors import CheckFailed, InternalError, Interrupted, ProviderError, React1Error, StorageFailed, ToolFailed
from ..core.nodes.node import Need
from ..store.atomic import disk_full_message, is_disk_full
from .base import Call, Result

Json = dict[str, Any]
_ATTRIBUTES: tuple[tuple[type[React1Error], tuple[str, ...]], ...] = (
    (CheckFailed, ("findings",)),
    (ProviderError, ("request_id", "retryable", "billed")),
    (ToolFailed, ("argv", "code", "tail")),
)
"""What an error carries besides its message; the first class that fits."""


class WorkerTraceback(Exception):
    """The traceback of an unexpected error on a worker, as text."""


def call_json(call: Call) -> Json:
    """Return a call as JSON."""
    return asdict(call)


def parse_call(data: Json) -> Call:
    """Build a call from its JSON."""
    need = {**data["need"], "labels": tuple(data["need"]["labels"])}
    return Call(data["fn"], data["args"], data["key"], Need(**need), data["timeout_s"], data.get("traceparent", ""))


def result_reply(result: Result) -> Json:
    """Return the reply of a call that succeeded."""
    return {"result": asdict(result)}


def error_reply(error: BaseException, root: Path) -> Json:
    """Return the reply of a call that failed; `root` is named where its disk is full."""
    if isinstance(error, Interrupted):
        return {"stopped": True}
    if not isinstance(error, React1Error) and is_disk_full(error):
        error = StorageFailed(disk_full_message(root))
    if not isinstance(error, React1Error):
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return {"error": {"type": "", "message": text, "traceback": "".join(traceback.format_exception(error))}}
    names = next((names for kind, names in _ATTRIBUTES if isinstance(error, kind)), ())
    known = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    attributes = {name: getattr(error, name) for name in names}
    return {"error": {"type": known, "message": error.message, "attributes": attributes}}


def parse_reply(reply: Json, call: Call) -> Result:
    """Return the result of a reply.

    Raises:
        Interrupted: the call was stopped.
        React1Error: what the node raised, or InternalError for any other exception.
    """
    if "result" in reply:
        return Result(**reply["result"])
    if "error" not in reply:
        raise Interrupted("stopped")
    data = reply["error"]
    if not data["type"]:
        name = call.args["parts"].get("node", call.fn)
        raise InternalError(f"the node {name} failed: {data['message']}") from WorkerTraceback(data["traceback"])
    kind: type[React1Error] = getattr(errors, data["type"])
    raise kind(data["message"], **data["attributes"])


def dump(reply: Json) -> str:
    """Return JSON on one line."""
    return json.dumps(reply, separators=(",", ":"))
