"""Takes that are left out, so that the original footage of their segments stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kinds import Take, Value


def original(take: Take, reason: str) -> Take:
    """Give a take that keeps the original footage, and says why."""
    return take.model_copy(update={"status": "original", "said": (*take.said, reason)})


def as_told(value: Value, dropped: Mapping[str, str]) -> Value:
    """Give a value as it is, but a take that was left out as one that keeps the original."""
    if isinstance(value, Take) and value.status == "done" and value.segment.name in dropped:
        return original(value, dropped[value.segment.name])
    return value


def without(given: Mapping[str, Any], findings: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Leave out the takes of some segments among a step's inputs; give the inputs, and those that were still in."""
    done = {
        take.segment.name
        for values in given.values()
        if isinstance(values, list)
        for take in values
        if isinstance(take, Take) and take.status == "done"
    }
    dropped = {name: reason for name, reason in findings.items() if name in done}
    left = {
        port: [as_told(value, dropped) for value in values] if isinstance(values, list) else values
        for port, values in given.items()
    }
    return left, dropped
