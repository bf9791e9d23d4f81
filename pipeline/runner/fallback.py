"""Takes that are left out, so that the original footage of their segments stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import React1Error
from ..core.values import Segment, Take, Value


@dataclass(frozen=True)
class Lost:
    """A segment that failed on its way; `value` is the last that is known of it."""

    value: Value
    error: React1Error
    take: str = ""
    """Which combination of a matrix it was; empty where there is none."""


def kept(value: Value | Lost) -> Value | None:
    """Give what stands for a value from now on: for a lost one a take that keeps the original; None for no segment."""
    if not isinstance(value, Lost):
        return value
    latest = value.value
    if isinstance(latest, Take):
        return original(latest, value.error.message)
    segment = latest if isinstance(latest, Segment) else getattr(latest, "segment", None)
    if segment is None:
        return None
    return Take(
        segment=segment,
        media=segment.media,
        provider="none",
        request={},
        status="original",
        name=value.take,
        notes=(value.error.message,),
    )


def original(take: Take, reason: str) -> Take:
    """Give a take that keeps the original footage, and says why."""
    return take.model_copy(update={"status": "original", "notes": (*take.notes, reason)})


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


def one_original_each(values: Sequence[Value], lost: Mapping[str, int]) -> list[Value]:
    """Give one take that keeps the original, where all takes of a segment failed; `lost` counts them by segment."""
    made: list[Value] = []
    for value in values:
        name = value.segment.name if isinstance(value, Take) and value.status == "original" else ""
        alike = [one for one in values if isinstance(one, Take) and one.segment.name == name]
        if not name or lost[name] < len(alike) or value is alike[0]:
            made.append(value)
    return made
