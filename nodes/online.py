"""Move a take that was rendered from a proxy to the camera original, so that `conform` composites it there.

Takes   the original (from `relink`) and a take. The clip that was sent does not change, so nothing is rendered or paid
        again.
Gives   the take with the frame numbers of the original.
Raises  InputMediaError if the original does not contain the take's span.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..pipeline.core.nodes.node import Forecast, NodeContext, Params, Workload
from ..pipeline.core.values import Media, Take, segment_of


class OnlineParams(Params):
    """No parameters."""


class Online:
    """Move a take to the camera original."""

    name: ClassVar[str] = "online"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: OnlineParams, film: Media, take: Take) -> Take:
        """Return the take on the film's frames; a take that is there already passes through."""
        from ..pipeline.interchange.turnover.originals import move_to_film

        return take if take.segment.source.file == film.file else move_to_film(film, take)

    @classmethod
    def forecast(cls, context: NodeContext, params: OnlineParams, inputs: Mapping[str, Any]) -> Forecast:
        """Return the segment on the film's frames, so that the plan describes the splice into the film."""
        from ..pipeline.interchange.turnover.originals import move_segment

        film, segment = inputs["film"], segment_of(inputs["take"])
        if film is None or segment is None or segment.source.file == film.file:
            return Forecast()
        return Forecast(segments=(move_segment(film, segment),))
