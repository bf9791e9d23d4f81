"""Bring a take back to the source's exact frames, size, rate and colour.

Takes   a take as a provider gave it.
Gives   the take with one frame per source frame of its span and handles; what was measured is in its figures.
Raises  HostFailed when the take cannot be explained by what was sent; BadInput when the source cannot be decoded.
"""

from __future__ import annotations

from typing import ClassVar

from ..pipeline.kinds import Take
from ..pipeline.node import Params, Room, Work


class ConformParams(Params):
    """Nothing to choose: what is wrong is measured."""


class Conform:
    """Measure lag, count, rate, size and colour against what was sent, and correct them."""

    name: ClassVar[str] = "conform"
    version: ClassVar[int] = 1
    kind: ClassVar[Work] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    def run(self, room: Room, params: ConformParams, take: Take) -> Take:
        """Give the take on the source's grid; one that kept its original footage passes through."""
        from ..pipeline.media.probe import probe
        from ..pipeline.splicing.conform import conform

        if take.status == "original" or take.conformed:
            return take
        found = conform(room, take)
        file = room.keep(found.path)
        return take.model_copy(
            update={
                "media": probe(room.path(file), file),
                "conformed": True,
                "figures": {**take.figures, "conform": found.figures},
                "said": (*take.said, *found.said),
            }
        )
