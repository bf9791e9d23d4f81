"""Hold takes that were made from a proxy against the camera original, so that `conform` lays them onto its pictures.

Takes   the original (from `relink`) and a take; what was sent stays what it was, so nothing is made or paid anew.
Gives   the take, placed on the original's frames by its clock.
Raises  BadInput when the original does not hold the take's span.
"""

from __future__ import annotations

from typing import ClassVar

from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Take


class OnlineParams(Params):
    """Nothing is to be said."""


class Online:
    """Place a take on the original."""

    name: ClassVar[str] = "online"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: OnlineParams, film: Media, take: Take) -> Take:
        """Give the take on the film's own frames; one that lies there already passes through."""
        from ..pipeline.interchange.turnover.originals import move_to_film

        return take if take.segment.source.file == film.file else move_to_film(film, take)
