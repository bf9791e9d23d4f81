"""Keys: one canonical encoding, one digest, and an error for what has no encoding.

A key is made of the node's name and version, its parameters, the content of every input, and the versions of the
tools that matter. The parts are kept beside the result, so that a miss can be explained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..core.file import Deliver, is_marked
from ..core.node import Node, Params
from ..core.values import Record, Value

Parts = dict[str, Any]
"""{"node", "version", "params", "inputs", "tools"}: all that decides a result, JSON only."""


def canonical(value: Any) -> str:
    """Encode JSON in one way only.

    Raises:
        TypeError, ValueError: the value is not JSON (NaN is not).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Give the SHA-256 of a JSON value's canonical encoding, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def input_digest(value: Value | list[Value] | None) -> str:
    """Give the digest of what flows on a wire; a run's record counts without its times and its name."""
    if isinstance(value, list):
        return digest([input_digest(item) for item in value])
    if isinstance(value, Record):
        value = value.model_copy(update={"run": "", "steps": ()})
    return digest(None if value is None else [type(value).__name__, value.model_dump(mode="json")])


def params_json(params: Params) -> dict[str, Any]:
    """Give the parameters that decide a result: all but where it is wanted."""
    delivered = {name for name, field in type(params).model_fields.items() if is_marked(field, Deliver)}
    return params.model_dump(mode="json", exclude=delivered)


def make_parts(
    node: type[Node],
    params: Params,
    inputs: Mapping[str, Value | list[Value] | None],
    tools: Mapping[str, str],
) -> Parts:
    """Collect all that decides the result of a node."""
    cache_salt = getattr(node, "cache_salt", None)
    parts: Parts = {
        "node": node.name,
        "version": node.version,
        "params": params_json(params),
        "inputs": {name: input_digest(value) for name, value in inputs.items()},
        "tools": dict(tools),
    }
    if cache_salt is not None:
        parts["cache_salt"] = str(cache_salt(params))
    return parts


def explain(old: Parts | None, new: Parts) -> str:
    """Say in a few words why a result of the same step cannot be used again."""
    if old is None:
        return "not made yet"
    for name, told in (("node", "another node"), ("version", "a newer version of the node")):
        if old.get(name) != new.get(name):
            return f"{told} ({old.get(name)} → {new.get(name)})"
    said = [*_changes("", old.get("params", {}), new["params"])]
    said += [f"other {name}" for name, text in new["inputs"].items() if old.get("inputs", {}).get(name) != text]
    said += [
        f"{name} {old.get('tools', {}).get(name)} → {text}"
        for name, text in new["tools"].items()
        if old.get("tools", {}).get(name) != text
    ]
    if old.get("cache_salt") != new.get("cache_salt"):
        said.append("what the step calls")
    return "changed: " + ", ".join(said[:4]) if said else "its stored result is gone"


def _changes(path: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted({*old, *new})
        return [line for name in names for line in _changes(f"{path}.{name}".lstrip("."), old.get(name), new.get(name))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for index, (a, b) in enumerate(zip(old, new, strict=True))
            for line in _changes(f"{path}.{index}", a, b)
        ]
    return [f"{path} {_short(old)} → {_short(new)}"]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
