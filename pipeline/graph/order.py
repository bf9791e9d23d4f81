"""An order in which every step comes after the steps that feed it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter

from ..errors import PresetError


def order(feeds: Mapping[str, AbstractSet[str]]) -> tuple[str, ...]:
    """Order step ids; `feeds` names for each step the steps that feed it.

    Raises:
        PresetError: they form a circle, which is named.
    """
    try:
        return tuple(TopologicalSorter(feeds).static_order())
    except CycleError as circle:
        names = " → ".join(circle.args[1])
        raise PresetError(f"the steps feed each other in a circle: {names}") from None
