"""Bring a take back to the source's exact frames, size, rate and colour.

Takes   a take as a provider gave it.
Gives   the take with one frame per source frame of its span and handles; what was measured is in its figures.
Raises  HostFailed when the take cannot be explained by what was sent; BadInput when the source cannot be decoded.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.conform.composite_mode import Composite
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Take


class ConformParams(Params):
    """What of a take is used; what is wrong with it is measured."""

    composite: Composite = Field(
        default="auto",
        description="auto: what the take changed; face: only the change that is tracked as the face; frame: all of it",
    )


class Conform:
    """Measure lag, count, rate, size and colour against what was sent, and correct them."""

    name: ClassVar[str] = "conform"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    def run(self, context: NodeContext, params: ConformParams, take: Take) -> Take:
        """Give the take on the source's grid; one that kept its original footage passes through."""
        from ..pipeline.conform.conform import conform
        from ..pipeline.media.probe import probe

        if take.status == "original" or take.conformed:
            return take
        found = conform(context, take, params.composite)
        file = context.store(found.path)
        return take.model_copy(
            update={
                "media": probe(context.path(file), file),
                "conformed": True,
                "metrics": {**take.metrics, "conform": found.metrics},
                "notes": (*take.notes, *found.notes),
            }
        )
