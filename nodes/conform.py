"""Conform a take to the source's exact frames, size, rate and colour.

Takes   a take as the provider returned it.
Gives   the take with one frame per source frame of its span and handles, used as strongly as the edit's `strength` says
        and placed back where a crop was cut; the measurements are in its `metrics`.
Raises  ProviderError if the take does not match the clip that was sent; InputMediaError if it changes no frame,
        or the source cannot be decoded.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.edits.choices import CompositeMode
from ..pipeline.core.nodes.node import Need, NodeContext, Params, Workload
from ..pipeline.core.values import Take


class ConformParams(Params):
    """The part of the take that is used."""

    composite: CompositeMode = Field(
        default="auto",
        description="auto: everything that the take changed; face: only the tracked face; frame: the complete frame",
    )


class Conform:
    """Measure lag, frame count, rate, size and colour of a take against the clip that was sent, and correct them."""

    name: ClassVar[str] = "conform"
    version: ClassVar[int] = 14
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av", "cv2", "ai_edge_litert")
    need: ClassVar[Need] = Need(cores=1, memory_mb=500)
    reproducible: ClassVar[bool] = True

    def run(self, context: NodeContext, params: ConformParams, take: Take) -> Take:
        """Return the conformed take; a take with the original footage passes through."""
        from ..pipeline.conform.conform import conform
        from ..pipeline.media.probe import probe

        if take.status == "original" or take.conformed:
            return take
        result = conform(context, take, params.composite)
        file = context.store(result.path)
        return take.model_copy(
            update={
                "media": probe(context.path(file), file),
                "conformed": True,
                "unchanged": result.unchanged,
                "metrics": {**take.metrics, "conform": result.metrics},
                "notes": (*take.notes, *result.notes),
            }
        )
