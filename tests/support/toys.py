"""Toy nodes for tests of the loop: they write text files, and count how often they ran."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import ClassVar

from react1.pipeline.config.checked_job import Job, Step
from react1.pipeline.core.edit import Edit
from react1.pipeline.core.errors import CheckFailed, InputMediaError
from react1.pipeline.core.file import File, FileOrUrl, OutPath
from react1.pipeline.core.node import NodeContext, Params
from react1.pipeline.core.registry import NodeInfo, Registry
from react1.pipeline.core.values import Media, Record, Report, Segment, Take

RAN: Counter[str] = Counter()
"""How often each toy did its work, by `name` or `name segment`."""


def text_media(context: NodeContext, text: str) -> Media:
    path = context.temp_path("made.txt")
    path.write_text(text)
    return Media(file=context.store(path), container="text", start_s=Fraction(0), duration_s=Fraction(1))


def text_of(context: NodeContext, media: Media) -> str:
    return context.path(media.file).read_text()


class OpenParams(Params):
    uri: FileOrUrl


class Open:
    """Give a text file."""

    name: ClassVar[str] = "open"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: OpenParams) -> Media:
        RAN["open"] += 1
        assert isinstance(params.uri, File)
        return Media(file=params.uri, container="text", start_s=Fraction(0), duration_s=Fraction(1))


class CutParams(Params):
    names: list[str]
    edits: tuple[Edit, ...] = ()
    """One for each name, or none."""


class Cut:
    """Give one segment per name."""

    name: ClassVar[str] = "cut"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: CutParams, source: Media) -> list[Segment]:
        RAN["cut"] += 1
        edits = params.edits or [Edit(in_=place, out=place + 1) for place in range(len(params.names))]
        named = zip(params.names, edits, strict=True)
        return [self._segment(context, source, name, place, edit) for place, (name, edit) in enumerate(named)]

    def _segment(self, context: NodeContext, source: Media, name: str, place: int, edit: Edit) -> Segment:
        return Segment(
            name=name,
            source=source,
            edit=edit,
            start_frame=place,
            end_frame=place + 1,
            head_frames=0,
            tail_frames=0,
            media=text_media(context, f"{text_of(context, source)}:{name}"),
            frames=(place,),
        )


class ShadeParams(Params):
    tone: str = "warm"
    fail_on: str = ""
    out: OutPath | None = None


class Shade:
    """Add a word to each segment; the one called `fail_on` is bad input."""

    name: ClassVar[str] = "shade"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: ShadeParams, segment: Segment) -> Take:
        asked = f" {segment.edit.prompt} {segment.edit.temperature}" if segment.edit.prompt else ""
        RAN[f"shade {segment.name}{asked}"] += 1
        context.progress(0.5)
        if params.fail_on in (segment.name, segment.edit.prompt):
            raise InputMediaError("no face here")
        media = text_media(context, f"{text_of(context, segment.media)}:{params.tone}{asked}")
        said = ("a preview",)
        return Take(segment=segment, media=media, provider="toy", request={}, cost_usd=0.5, notes=said)


class JoinParams(Params):
    out: OutPath | None = None
    reject: tuple[str, ...] = ()


class Join:
    """Put all takes behind the source; one whose segment is to be rejected makes it fail, one by one."""

    name: ClassVar[str] = "join"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: JoinParams, source: Media, takes: list[Take]) -> Media:
        RAN["join"] += 1
        for take in takes:
            if take.status == "done" and take.segment.name in params.reject:
                raise CheckFailed("the joint shows", findings={take.segment.name: "it does not fit"})
        texts = [f"{take.status} {text_of(context, take.media)}" for take in takes]
        media = text_media(context, "\n".join([text_of(context, source), *texts]))
        return media.model_copy(update={"metrics": {"splice": {"frames_equal": True}}})


class TellParams(Params):
    pass


class Tell:
    """Write down what the run came to."""

    name: ClassVar[str] = "tell"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: TellParams, record: Record) -> Report:
        RAN["tell"] += 1
        names = ",".join(take.segment.name for take in record.takes)
        names += "".join(f" {take.segment.name}?{take.name}" for take in record.offered)
        page = context.temp_path("report.html")
        page.write_text(names)
        data = context.temp_path("report.json")
        data.write_text(f'"{names}"')
        return Report(page=context.store(page), data=context.store(data))


REGISTRY = Registry.of(Open, Cut, Shade, Join, Tell)


def toy_job(source, out, *, names=("a", "b"), edits=(), takes=None, on_failure="stop", reject=(), **shade) -> Job:
    """Make the job open → cut → shade → join → tell by hand; `takes` is a folder for what shade gives."""

    def step(name: str, params: Params, wires: dict[str, tuple[str, ...]], fanned: bool = False) -> Step:
        info: NodeInfo = REGISTRY.get(name)
        return Step(id=name, info=info, params=params, wires=wires, fanned=fanned)

    steps = (
        step("open", OpenParams(uri=str(source)), {}),
        step("cut", CutParams(names=list(names), edits=tuple(edits)), {"source": ("open",)}),
        step("shade", ShadeParams(out=takes, **shade), {"segment": ("cut",)}, fanned=True),
        step("join", JoinParams(out=str(out), reject=reject), {"source": ("open",), "takes": ("shade",)}),
        step("tell", TellParams(), {"record": ()}),
    )
    document = {"source": str(source), "out": str(out), "names": list(names)}
    return Job(name="toy", about="", steps=steps, inputs={}, document=document, on_failure=on_failure)
