"""A plug-in with a source, a cutter, a paid node and a splicer under names that the pipeline does not know.

Its films are text files: a take is a line, and the splicer appends the lines to the film.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from react1.plugin import (
    Delivery,
    Edit,
    File,
    FileOrUrl,
    Forecast,
    InputMediaError,
    Media,
    NodeContext,
    OutPath,
    Params,
    Segment,
    Take,
    Workload,
    segment_of,
)

PAID: list[str] = []
"""The segments that `Ink` has been paid for."""
PRICE_USD = 1.25


class ReelParams(Params):
    uri: FileOrUrl


class Reel:
    """Open a text film."""

    name: ClassVar[str] = "reel"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: ReelParams) -> Media:
        assert isinstance(params.uri, File)
        return _media(params.uri)

    @classmethod
    def forecast(cls, context: NodeContext, params: ReelParams, inputs: Mapping[str, Any]) -> Forecast:
        return Forecast(result=cls().run(context, params))


class SliceParams(Params):
    cuts: list[Edit]


class Slice:
    """Cut one segment per edit."""

    name: ClassVar[str] = "slice"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: SliceParams, reel: Media) -> list[Segment]:
        return [
            _segment(reel, edit, number, _write(context, f"clip {edit.name}"))
            for number, edit in enumerate(params.cuts)
        ]

    @classmethod
    def forecast(cls, context: NodeContext, params: SliceParams, inputs: Mapping[str, Any]) -> Forecast:
        reel = inputs["reel"]
        segments = [_segment(reel, edit, number, reel) for number, edit in enumerate(params.cuts)] if reel else []
        return Forecast(segments=tuple(segments), lines=(f"slice: {len(segments)} cuts",))


class InkParams(Params):
    refuse: str = ""
    """The name of a segment that cannot be inked."""


class Ink:
    """Ink a segment, for money."""

    name: ClassVar[str] = "ink"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "paid"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: InkParams, segment: Segment) -> Take:
        PAID.append(f"{segment.name} {segment.edit.prompt or ''}".strip())
        text = f"{context.path(segment.media.file).read_text()} inked {segment.edit.prompt or ''}".strip()
        return Take(
            segment=segment, media=_write(context, text), provider="ink.example", request={}, cost_usd=PRICE_USD
        )

    @classmethod
    def forecast(cls, context: NodeContext, params: InkParams, inputs: Mapping[str, Any]) -> Forecast:
        segment = segment_of(inputs["segment"])
        return Forecast(lines=(f"ink: {segment.name} takes a day",), cost_usd=PRICE_USD) if segment else Forecast()

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: InkParams, inputs: Mapping[str, Any]) -> None:
        if inputs["segment"].name == params.refuse:
            raise InputMediaError(f"{params.refuse} cannot be inked")


class WeaveParams(Params):
    out: OutPath | None = None
    max_takes: int = 9


class Weave:
    """Append all takes to the film."""

    name: ClassVar[str] = "weave"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()
    delivers: ClassVar[Delivery] = "file"

    def run(self, context: NodeContext, params: WeaveParams, reel: Media, takes: list[Take]) -> Media:
        lines = [context.path(media.file).read_text() for media in (reel, *(take.media for take in takes))]
        film = _write(context, "\n".join(lines), "film.woven")
        return film.model_copy(update={"metrics": {"weave": {"lines": len(lines)}}})

    @classmethod
    def forecast(cls, context: NodeContext, params: WeaveParams, inputs: Mapping[str, Any]) -> Forecast:
        count = len(inputs["takes"])
        return Forecast(lines=(f"weave: {count} takes",), splice={"way": "append", "takes": count})

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: WeaveParams, inputs: Mapping[str, Any]) -> None:
        assert isinstance(inputs["reel"], Media)
        if len(inputs["takes"]) > params.max_takes:
            raise InputMediaError(f"{len(inputs['takes'])} takes are more than {params.max_takes}")


def _media(file: File) -> Media:
    return Media(file=file, container="text", start_s=Fraction(0), duration_s=Fraction(1))


def _write(context: NodeContext, text: str, name: str = "clip.txt") -> Media:
    path = context.temp_path(name)
    path.write_text(text)
    return _media(context.store(path))


def _segment(reel: Media, edit: Edit, number: int, media: Media) -> Segment:
    return Segment(
        name=edit.name or f"s{number}",
        source=reel,
        edit=edit,
        start_frame=number,
        end_frame=number + 1,
        head_frames=0,
        tail_frames=0,
        media=media,
        frames=(number,),
    )
