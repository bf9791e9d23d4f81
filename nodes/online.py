"""Move a take that was rendered from a proxy to the camera original, so that `conform` composites it there.

Takes   the original (from `relink`) and a take. The clip that was sent does not change, so nothing is rendered or paid
        again.
Gives   the take with the frame numbers of the original.
Raises  InputMediaError if the original does not contain the take's span.
"""

from __future__ import annotations

from typing import ClassVar

from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Take


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
