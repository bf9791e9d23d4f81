"""Write a turnover for an editing system: a versioned clip per edit, and timelines with the clips over the film.

Takes   the finished film and its conformed takes; a take with the original footage gets no clip.
Gives   a turnover: the clips, and the contents of its OTIO, FCPXML and EDL files; `out` is the folder for them.
Raises  InputMediaError if the film has a variable frame rate, which has no timecode; MissingExtra without the extra
        `timeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator

from ..pipeline.core.file import NamesSource, OutPath
from ..pipeline.core.nodes.node import Forecast, NodeContext, Params, Workload
from ..pipeline.core.times import Frames, Time
from ..pipeline.core.values import Media, Take, Turnover, segment_of

Dialect = Literal["avid", "final-cut", "premiere", "resolve"]
ALL_DIALECTS = "all"


class TimelineParams(Params):
    """The clips, and the editing systems that the timelines are for."""

    source: Annotated[str, NamesSource()] = Field(default="", description="path of the film on the first track")
    out: OutPath | None = Field(default=None, description="folder for clips and timelines")
    codec: Literal["prores", "source"] = Field(
        default="prores", description="codec of the clips: ProRes 422 HQ (4444 for 4:4:4) in MOV, or that of the film"
    )
    handles: Time = Field(
        default=Frames(12), description="handles before and after each clip; shortened at the ends of the film"
    )
    dialects: list[Dialect] = Field(
        default=["avid", "final-cut", "premiere", "resolve"],
        min_length=1,
        description="editing systems to write timelines for: a list, one of them, or all",
    )
    reel: str = Field(default="", max_length=64, description="reel name of the film (default: from the film)")

    @field_validator("dialects", mode="before")
    @classmethod
    def expand_dialects(cls, value: object) -> object:
        """Accept one system, or `all`, instead of a list."""
        if value == ALL_DIALECTS:
            return list(get_args(Dialect))
        return [value] if isinstance(value, str) else value

    @field_validator("source")
    @classmethod
    def require_text(cls, value: str) -> str:
        """Refuse a file name that is not valid text."""
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise ValueError(
                f"{value!r} contains bytes that are not text, so timelines cannot name it; rename the file"
            )
        return value


class Timeline:
    """Write the changed segments as clips and timelines."""

    name: ClassVar[str] = "timeline"
    version: ClassVar[int] = 3
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")

    def run(self, context: NodeContext, params: TimelineParams, film: Media, takes: list[Take]) -> Turnover:
        """Cut a clip for every edit from the finished film."""
        from ..pipeline.interchange.turnover.build import build_turnover

        return build_turnover(
            context,
            film,
            takes,
            source_path=params.source,
            codec=params.codec,
            handles=params.handles,
            dialects=tuple(params.dialects),
            reel=params.reel,
        )

    @classmethod
    def forecast(cls, context: NodeContext, params: TimelineParams, inputs: Mapping[str, Any]) -> Forecast:
        """Refuse in a plan what a run refuses before takes are made."""
        cls.check_before_paying(context, params, inputs)
        return Forecast()

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: TimelineParams, inputs: Mapping[str, Any]) -> None:
        """Refuse a film without timecode, or a missing extra `timeline`."""
        from ..pipeline.interchange.turnover.build import check_countable
        from ..pipeline.interchange.turnover.timeline_writers import require_opentimelineio

        require_opentimelineio()
        for item in inputs["takes"]:
            segment = segment_of(item)
            if segment is not None:
                check_countable(segment.source)
