"""Cache keys: one canonical encoding, one digest, and an error for values without an encoding.

A key consists of the node's name and version, its parameters, the content of every input, and the versions of its
tools. These parts are stored next to the result, so that a cache miss can be explained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..core.file import Deliver, is_marked
from ..core.nodes.node import Node, Params
from ..core.values import Record, Value

Parts = dict[str, Any]
"""{"node", "version", "params", "inputs", "tools"} and, for some nodes, "cache_salt"; JSON only."""
_MAX_REASONS = 4
_MAX_TEXT = 40


def canonical(value: Any) -> str:
    """Encode a JSON value in its one canonical form.

    Raises:
        TypeError, ValueError: the value is not JSON (NaN is not).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical encoding, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def input_digest(value: Value | list[Value] | None) -> str:
    """Return the digest of an input value; of a run's record its name and its times do not count."""
    if isinstance(value, list):
        return digest([input_digest(item) for item in value])
    if isinstance(value, Record):
        value = value.model_copy(update={"run": "", "steps": ()})
    return digest(None if value is None else [type(value).__name__, value.model_dump(mode="json")])


def params_json(params: Params) -> dict[str, Any]:
    """Return the parameters that decide a result: all but output paths."""
    output_paths = {name for name, field in type(params).model_fields.items() if is_marked(field, Deliver)}
    return params.model_dump(mode="json", exclude=output_paths)


def make_parts(
    node: type[Node],
    params: Params,
    inputs: Mapping[str, Value | list[Value] | None],
    tools: Mapping[str, str],
) -> Parts:
    """Collect everything that decides the result of a node."""
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
    """Return in a few words why the stored result of a step cannot be reused."""
    if old is None:
        return "no stored result"
    for name, change in (("node", "another node"), ("version", "another version of the node")):
        if old.get(name) != new.get(name):
            return f"{change} ({old.get(name)} → {new.get(name)})"
    reasons = [*_changes("", old.get("params", {}), new["params"])]
    reasons += [f"other {name}" for name, text in new["inputs"].items() if old.get("inputs", {}).get(name) != text]
    reasons += [
        f"{name} {old.get('tools', {}).get(name)} → {text}"
        for name, text in new["tools"].items()
        if old.get("tools", {}).get(name) != text
    ]
    if old.get("cache_salt") != new.get("cache_salt"):
        reasons.append("code or data that the step uses")
    return "changed: " + ", ".join(reasons[:_MAX_REASONS]) if reasons else "its stored result was removed"


def _changes(path: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted({*old, *new})
        return [line for name in names for line in _changes(f"{path}.{name}".lstrip("."), old.get(name), new.get(name))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for index, (before, after) in enumerate(zip(old, new, strict=True))
            for line in _changes(f"{path}.{index}", before, after)
        ]
    return [f"{path} {_shortened(old)} → {_shortened(new)}"]


def _shortened(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}…"
