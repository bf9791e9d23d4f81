"""Cut the edited spans out of a film, exact to the frame, with handles around them.

Takes   a film and its edits; times are on the film's own clock, and an edit may be at a cue, at words, or at a shot.
Gives   one segment per edit, in the order of the film, or several that abut where one clip may not be so long; their
        files are lossless and as coded.
Raises  BadInput when an edit has no place, is empty, overlaps another, lies outside the film, holds a damaged frame, or
        is too long and has no safe place to part it at.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ..pipeline.core.edit import Edit
from ..pipeline.core.file import FileOrUrl
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.times import Frames, Time
from ..pipeline.core.values import Media, Segment

if TYPE_CHECKING:
    from ..pipeline.interchange.places import PlaceOptions


class TrimParams(Params):
    """Which spans, and how much around them."""

    edits: list[Edit] = Field(min_length=1, description="the segments, and what to do with each")
    handles: Time = Field(
        default=Frames(8),
        description="source kept before and after each segment; shortened at the ends of the film and at other edits",
    )
    longest_s: float | None = Field(
        default=None,
        ge=1,
        description="the most that one clip may last, handles included (default: what the host takes)",
    )
    cues: FileOrUrl | None = Field(
        default=None,
        description="subtitles or a transcript in which edits are looked for (default: those that the film carries)",
    )
    snap: Literal["none", "shot", "silence"] = Field(
        default="none", description="move in and out points to the nearest cut, or into the nearest pause of the voice"
    )
    snap_within_s: float = Field(default=0.5, gt=0, le=10, description="how far a point may move, in seconds")

    @property
    def place_options(self) -> PlaceOptions:
        """What holds where an edit does not say."""
        from ..pipeline.interchange.places import PlaceOptions

        return PlaceOptions(self.cues, self.snap, Fraction(str(self.snap_within_s)))


class Trim:
    """Make a segment of each edit."""

    name: ClassVar[str] = "trim"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: TrimParams, source: Media) -> list[Segment]:
        """Cut each span with its handles into a file of its own; one that is too long is parted first."""
        from ..pipeline.interchange.places import PlaceFinder
        from ..pipeline.media.edit_spans import segment_of_span, spans_to_cut
        from ..pipeline.media.trim import cut_lossless

        find = PlaceFinder(context, source, params.place_options)
        spans = spans_to_cut(context, source, params.edits, params.handles, params.longest_s, find)
        segments = []
        for done, span in enumerate(spans):
            context.progress(done / len(spans))
            segments.append(segment_of_span(source, span, cut_lossless(context, source, span.first_frame, span.last_frame)))
        context.progress(1)
        return segments
