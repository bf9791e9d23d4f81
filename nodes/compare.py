"""Show the source and the finished film in one clip: side by side, stacked, or with a moving wipe.

Takes   the source and the finished film, with the same number of frames.
Gives   an MP4 with one frame per frame of theirs, and the finished film's audio.
Raises  InputMediaError if one has no video or they differ in length.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.file import OutPath
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media


class CompareParams(Params):
    """The layout and the output."""

    layout: Literal["side-by-side", "wipe", "stacked"] = Field(
        default="side-by-side", description="beside each other, with a moving wipe, or one above the other"
    )
    max_height_px: int = Field(default=540, ge=16, le=2160, description="maximum height of each picture")
    out: OutPath | None = Field(default=None, description="path of the clip")


class Compare:
    """Compare a film with its source."""

    name: ClassVar[str] = "compare"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("moviepy", "av")

    def run(self, context: NodeContext, params: CompareParams, before: Media, after: Media) -> Media:
        """Write the clip."""
        from ..pipeline.media.probe import probe
        from ..pipeline.report.compare import compare_films

        file = compare_films(context, before, after, params.layout, params.max_height_px)
        return probe(context.path(file), file)
