"""Put before and after into one clip, side by side, stacked, or with a moving wipe.

Takes   the source and the finished film, of one number of frames.
Gives   an MP4 with a frame for each of theirs, and the finished film's sound.
Raises  BadInput when one has no picture or they differ in length.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.file import OutPath
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media


class CompareParams(Params):
    """How the two are laid out, and where the clip is wanted."""

    layout: Literal["side-by-side", "wipe", "stacked"] = Field(
        default="side-by-side", description="beside each other, one wiped over the other, or one above the other"
    )
    max_height_px: int = Field(default=540, ge=16, le=2160, description="the largest height of each of the two")
    out: OutPath | None = Field(default=None, description="where the clip is wanted")


class Compare:
    """Show both at once."""

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("moviepy", "av")

    def run(self, context: NodeContext, params: CompareParams, before: Media, after: Media) -> Media:
        """Write the clip."""
        from ..pipeline.media.probe import probe
        from ..pipeline.report.compare import compare_films

        file = compare_films(context, before, after, params.layout, params.max_height_px)
        return probe(context.path(file), file)
