"""Cut the edited spans out of a film, frame-exact, with handles.

Takes   a film and its edits; times are on the film's clock, and an edit may name a cue, words or a shot instead.
Gives   one segment per edit, in film order, or several adjacent ones if the edit is longer than a clip may be; their
        files are lossless, in the film's pixel format.
Raises  InputMediaError if an edit cannot be found, is empty, overlaps another, is outside the film, contains a damaged
        frame, or is too long without a safe place to split it; or if the film's pictures cannot be stored without loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..pipeline.core.edits.edit import Edit
from ..pipeline.core.file import FileOrUrl
from ..pipeline.core.nodes.node import Forecast, NodeContext, Params, Workload
from ..pipeline.core.times import Frames, Time
from ..pipeline.core.values import Media, Segment

if TYPE_CHECKING:
    from ..pipeline.interchange.places import PlaceOptions
    from ..pipeline.media.timing.edit_spans import ResolvedSpan


class TrimParams(Params):
    """The spans and their handles."""

    edits: list[Edit] = Field(min_length=1, description="the segments and their expressions")
    handles: Time = Field(
        default=Frames(8),
        description="source frames before and after each segment; shortened at the ends of the film and at other edits",
    )
    longest_s: float | None = Field(
        default=None,
        ge=1,
        description="maximum length of one clip in seconds, handles included (default: limit of the provider)",
    )
    cues: FileOrUrl | None = Field(
        default=None,
        description="subtitles or a transcript for edits that name words (default: those in the film)",
    )
    snap: Literal["none", "shot", "silence"] = Field(
        default="none", description="move in and out points to the nearest cut, or into the nearest pause of the voice"
    )
    snap_within_s: float = Field(default=0.5, gt=0, le=10, description="maximum distance of a move in seconds")

    @property
    def place_options(self) -> PlaceOptions:
        """Settings for edits that do not set their own."""
        from ..pipeline.interchange.places import PlaceOptions

        return PlaceOptions(self.cues, self.snap, Fraction(str(self.snap_within_s)))


class Trim:
    """Cut a segment for each edit."""

    name: ClassVar[str] = "trim"
    version: ClassVar[int] = 4
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: TrimParams, source: Media) -> list[Segment]:
        """Write each span and its handles to a file; split spans that are too long."""
        from ..pipeline.media.timing.edit_spans import segment_of_span
        from ..pipeline.media.trim import cut_lossless

        spans = _find_spans(context, params, source)
        segments = []
        for done, span in enumerate(spans):
            context.progress(done / len(spans))
            clip = cut_lossless(context, source, span.first_frame, span.last_frame)
            segments.append(segment_of_span(source, span, clip))
        context.progress(1)
        return segments

    @classmethod
    def forecast(cls, context: NodeContext, params: TrimParams, inputs: Mapping[str, Any]) -> Forecast:
        """Return the segments that will be cut; nothing is cut yet.

        Raises:
            InputMediaError: an edit cannot be cut, or no span of the film can be stored without loss.
        """
        from ..pipeline.media.clip_writer import require_lossless
        from ..pipeline.media.timing.edit_spans import segment_of_span

        source = inputs["source"]
        if not isinstance(source, Media):
            return Forecast()
        require_lossless(source)
        spans = _find_spans(context, params, source)
        return Forecast(segments=tuple(segment_of_span(source, span, source) for span in spans))


def _find_spans(context: NodeContext, params: TrimParams, source: Media) -> list[ResolvedSpan]:
    from ..pipeline.interchange.places import PlaceFinder
    from ..pipeline.media.timing.edit_spans import spans_to_cut

    find = PlaceFinder(context, source, params.place_options)
    return spans_to_cut(context, source, params.edits, params.handles, params.longest_s, find)
