"""Give the result back to an editing system: a versioned clip per edit, and timelines on which they lie over the film.

Takes   the finished film and its conformed takes; a take that kept its original footage gets no clip.
Gives   a turnover: the clips, and what its OTIO, FCPXML and EDL say; with `out` they are delivered into that folder.
Raises  BadInput when the film's frame rate varies, which no timecode can count; MissingExtra without the extra
        `timeline`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from pydantic import Field, field_validator

from ..pipeline.core.file import OutPath
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.times import Frames, Time
from ..pipeline.core.values import Media, Take, Turnover

Dialect = Literal["avid", "final-cut", "premiere", "resolve"]
EVERY = "all"


class TimelineParams(Params):
    """What the clips are, and for whom the timelines are written."""

    source: str = Field(default="", description="where the film lies that stands on the first track")
    out: OutPath | None = Field(default=None, description="the folder for clips and timelines")
    codec: Literal["prores", "source"] = Field(
        default="prores", description="the clips' codec: ProRes 422 HQ (4444 for 4:4:4) in MOV, or the film's own"
    )
    handles: Time = Field(
        default=Frames(12), description="film kept before and after each clip; shortened at the ends of the film"
    )
    dialects: list[Dialect] = Field(
        default=["avid", "final-cut", "premiere", "resolve"],
        min_length=1,
        description="editing systems that timelines are written for: a list, one of them, or all",
    )
    reel: str = Field(default="", max_length=64, description="the film's reel (default: what the film says)")

    @field_validator("dialects", mode="before")
    @classmethod
    def one_or_all(cls, value: object) -> object:
        """Take one system, or the word for all of them, for a list."""
        if value == EVERY:
            return list(get_args(Dialect))
        return [value] if isinstance(value, str) else value

    @field_validator("source")
    @classmethod
    def is_text(cls, value: str) -> str:
        """Refuse a name that no timeline can spell, before anything is made."""
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise ValueError(f"{value!r} holds bytes that are no text, which no timeline can name; rename the file")
        return value


class Timeline:
    """Hand the changed segments over as clips and timelines."""

    name: ClassVar[str] = "timeline"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")

    def run(self, context: NodeContext, params: TimelineParams, film: Media, takes: list[Take]) -> Turnover:
        """Cut a clip for every edit out of the finished film."""
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
