"""Toy nodes for tests of the runner: they write text files and count their runs."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any, ClassVar

from react1.pipeline.config.checked_job import Job, Step
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import CheckFailed, InputMediaError
from react1.pipeline.core.file import File, FileOrUrl, OutPath
from react1.pipeline.core.nodes.node import Forecast, NodeContext, Params
from react1.pipeline.core.nodes.registry import NodeInfo, Registry
from react1.pipeline.core.values import Media, Record, Report, Segment, Take

RUN_COUNTS: Counter[str] = Counter()
"""How often each toy ran, by `name` or `name segment`."""


def write_text_media(context: NodeContext, text: str) -> Media:
    path = context.temp_path("text.txt")
    path.write_text(text)
    return Media(file=context.store(path), container="text", start_s=Fraction(0), duration_s=Fraction(1))


def read_text(context: NodeContext, media: Media) -> str:
    return context.path(media.file).read_text()


class OpenParams(Params):
    uri: FileOrUrl


class Open:
    """Return a text file as media."""

    name: ClassVar[str] = "open"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: OpenParams) -> Media:
        RUN_COUNTS["open"] += 1
        assert isinstance(params.uri, File)
        return Media(file=params.uri, container="text", start_s=Fraction(0), duration_s=Fraction(1))

    @classmethod
    def forecast(cls, context: NodeContext, params: OpenParams, inputs: dict[str, Any]) -> Forecast:
        return Forecast(result=cls().run(context, params))


class CutParams(Params):
    names: list[str]
    edits: tuple[Edit, ...] = ()
    """One per name, or empty."""


class Cut:
    """Make one segment per name."""

    name: ClassVar[str] = "cut"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: CutParams, source: Media) -> list[Segment]:
        RUN_COUNTS["cut"] += 1
        edits = params.edits or [Edit(in_=index, out=index + 1) for index in range(len(params.names))]
        named = zip(params.names, edits, strict=True)
        return [self._segment(context, source, name, index, edit) for index, (name, edit) in enumerate(named)]

    def _segment(self, context: NodeContext, source: Media, name: str, index: int, edit: Edit) -> Segment:
        return Segment(
            name=name,
            source=source,
            edit=edit,
            start_frame=index,
            end_frame=index + 1,
            head_frames=0,
            tail_frames=0,
            media=write_text_media(context, f"{read_text(context, source)}:{name}"),
            frames=(index,),
        )


class ShadeParams(Params):
    tone: str = "warm"
    fail_on: str = ""
    out: OutPath | None = None


class Shade:
    """Add a word to each segment; fail on the segment named `fail_on`."""

    name: ClassVar[str] = "shade"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: ShadeParams, segment: Segment) -> Take:
        expression = f" {segment.edit.prompt} {segment.edit.temperature}" if segment.edit.prompt else ""
        RUN_COUNTS[f"shade {segment.name}{expression}"] += 1
        context.progress(0.5)
        if params.fail_on in (segment.name, segment.edit.prompt):
            raise InputMediaError("no face here")
        media = write_text_media(context, f"{read_text(context, segment.media)}:{params.tone}{expression}")
        notes = ("a preview",)
        return Take(segment=segment, media=media, provider="toy", request={}, cost_usd=0.5, notes=notes)


class JoinParams(Params):
    out: OutPath | None = None
    reject: tuple[str, ...] = ()


class Join:
    """Append all takes to the source; fail on the first take whose segment is in `reject`."""

    name: ClassVar[str] = "join"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: JoinParams, source: Media, takes: list[Take]) -> Media:
        RUN_COUNTS["join"] += 1
        for take in takes:
            if take.status == "done" and take.segment.name in params.reject:
                raise CheckFailed("the joint shows", findings={take.segment.name: "it does not fit"})
        texts = [f"{take.status} {read_text(context, take.media)}" for take in takes]
        media = write_text_media(context, "\n".join([read_text(context, source), *texts]))
        return media.model_copy(update={"metrics": {"join": {"frames_equal": True}}})


class SummarizeParams(Params):
    pass


class Summarize:
    """Write a summary of the run."""

    name: ClassVar[str] = "summary"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: SummarizeParams, record: Record) -> Report:
        RUN_COUNTS["summary"] += 1
        names = ",".join(take.segment.name for take in record.takes)
        names += "".join(f" {take.segment.name}?{take.name}" for take in record.offered)
        page = context.temp_path("report.html")
        page.write_text(names)
        data = context.temp_path("report.json")
        data.write_text(f'"{names}"')
        return Report(page=context.store(page), data=context.store(data))


REGISTRY = Registry.of(Open, Cut, Shade, Join, Summarize)


def toy_job(source, out, *, names=("a", "b"), edits=(), takes=None, on_failure="stop", reject=(), **shade) -> Job:
    """Build the job open → cut → shade → join → summary; `takes` is the folder for the takes."""

    def step(name: str, params: Params, wires: dict[str, tuple[str, ...]], fanned: bool = False) -> Step:
        info: NodeInfo = REGISTRY.get(name)
        return Step(id=name, info=info, params=params, wires=wires, fanned=fanned)

    steps = (
        step("open", OpenParams(uri=str(source)), {}),
        step("cut", CutParams(names=list(names), edits=tuple(edits)), {"source": ("open",)}),
        step("shade", ShadeParams(out=takes, **shade), {"segment": ("cut",)}, fanned=True),
        step("join", JoinParams(out=str(out), reject=reject), {"source": ("open",), "takes": ("shade",)}),
        step("summary", SummarizeParams(), {"record": ()}),
    )
    document = {"source": str(source), "out": str(out), "names": list(names)}
    return Job(name="toy", about="", steps=steps, inputs={}, document=document, on_failure=on_failure)
