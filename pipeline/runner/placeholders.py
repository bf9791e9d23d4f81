"""Results of a plan that are not stored yet, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..core.takes import Combination
from ..core.values import Segment, Take, Upload, Value
from .record import as_list, segment_name, take_name
from .take_matrix import as_take


@dataclass(frozen=True)
class Missing:
    """A result that is not stored."""

    step: str
    latest: Value | None = None
    """The last that is known of its segment."""
    take: str = ""
    """Which combination of a matrix it is; empty where there is none."""


One = Value | Missing
Made = One | list[One]
"""What a step gave, by the store; a list where it gives one per segment."""


def first_missing(values: Any) -> Missing | None:
    """Give the first result that is not stored among some inputs."""
    flat = [item for value in values for item in as_list(value)]
    return next((item for item in flat if isinstance(item, Missing)), None)


def latest_of(given: Mapping[str, Any]) -> Value | None:
    """Give the last that is known of the segment that some inputs belong to."""
    found = [value.latest if isinstance(value, Missing) else value for value in given.values()]
    return next((value for value in found if isinstance(value, (Segment, Upload, Take))), None)


def name_of(value: One) -> str:
    """Give the name of the segment that a result belongs to."""
    found = known(value)
    return segment_name(found) if found is not None else ""


def known(value: One | None) -> Value | None:
    """Give a value, or the last that is known in its place."""
    return value.latest if isinstance(value, Missing) else value


def take_of(value: One) -> str:
    """Give the name of the combination that a result belongs to; empty where there is no matrix."""
    if isinstance(value, Missing):
        return value.take
    return take_name(value)


def named(made: One, take: str) -> One:
    """Give what a step made, or lacks, under the name of its take."""
    if isinstance(made, Missing):
        return replace(made, take=take)
    return made.model_copy(update={"name": take}) if take and isinstance(made, Take) else made


def taken_as(value: One, choice: Combination) -> One:
    """Give a value, or what is known of it, under the plain edit of a combination."""
    if isinstance(value, Missing):
        return replace(value, latest=as_take(value.latest, choice))
    made: Value = as_take(value, choice)
    return made


def once_each(value: Any) -> Any:
    """Give one of the takes of each segment."""
    if not isinstance(value, list):
        return value
    return list({name_of(one): one for one in reversed(value)}.values())[::-1]
