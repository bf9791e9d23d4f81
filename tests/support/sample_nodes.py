"""Nodes with the inputs and outputs of the real ones; none of them runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.file import FileOrUrl, OutPath
from react1.pipeline.core.nodes.node import Params
from react1.pipeline.core.nodes.registry import Registry
from react1.pipeline.core.times import Frames, Time
from react1.pipeline.core.values import Media, Record, Report, Segment, Take, Upload


class Sample:
    version = 1
    workload = "cpu"
    tools = ()


class FetchParams(Params):
    uri: FileOrUrl = Field(description="a file or a URL")
    subtitles: bool = False


class TrimParams(Params):
    edits: list[Edit] = Field(description="the segments")
    handles: Time = Frames(8)


class TranscodeParams(Params):
    profile: Literal["react1", "preview"] = "react1"
    tags: dict[str, str] = Field(default_factory=dict)


class NormalizeParams(Params):
    target_lufs: float = Field(default=-16, ge=-36, le=-9)
    track: int = 0


class Nothing(Params):
    pass


class React1Params(Params):
    provider: Literal["auto", "local", "segmind", "sync"] = "auto"
    temperature: float | None = Field(default=None, ge=0, le=1)


class ConformParams(Params):
    composite: str = "auto"


class OutParams(Params):
    out: OutPath | None = None


class SpliceParams(Params):
    out: OutPath | None = None
    exact: str = "prefer"
    seam: dict[str, str] | str = "dissolve"
    sound: dict[str, str] = Field(default_factory=dict)
    checks: dict[str, float] = Field(default_factory=dict)
    in_place: bool = False
    quality: str = "matched"


class Fetch(Sample):
    """Fetch a film."""

    name = "fetch"

    def run(self, context, params: FetchParams) -> Media: ...


class Trim(Sample):
    """Cut spans."""

    name = "trim"

    def run(self, context, params: TrimParams, source: Media) -> list[Segment]: ...


class Transcode(Sample):
    """Change codec and size."""

    name = "transcode"

    def run(self, context, params: TranscodeParams, segment: Segment) -> Segment: ...


class NormalizeAudio(Sample):
    """Normalize the voice."""

    name = "normalize_audio"

    def run(self, context, params: NormalizeParams, segment: Segment) -> Segment: ...


class Face(Sample):
    """Choose the face."""

    name = "face"

    def run(self, context, params: Nothing, segment: Segment) -> Segment: ...


class UploadNode(Sample):
    """Upload a segment."""

    name = "upload"

    def run(self, context, params: Nothing, segment: Segment) -> Upload: ...


class React1(Sample):
    """Re-express."""

    name = "react1"

    def run(self, context, params: React1Params, upload: Upload) -> Take: ...


class Conform(Sample):
    """Match the source's frames."""

    name = "conform"

    def run(self, context, params: ConformParams, take: Take) -> Take: ...


class Splice(Sample):
    """Splice the takes."""

    name = "splice"

    def run(self, context, params: SpliceParams, source: Media, takes: list[Take]) -> Media: ...


class Compare(Sample):
    """Compare two films."""

    name = "compare"

    def run(self, context, params: OutParams, before: Media, after: Media | None) -> Media: ...


class ReportNode(Sample):
    """Write the report."""

    name = "report"

    def run(self, context, params: Nothing, record: Record) -> Report: ...


class Split(Sample):
    """Make a list of each segment of a list."""

    name = "split"

    def run(self, context, params: Nothing, segment: Segment) -> list[Segment]: ...


SAMPLES = (
    Fetch, Trim, Transcode, NormalizeAudio, Face, UploadNode, React1, Conform, Splice, Compare, ReportNode, Split,
)  # fmt: skip
REGISTRY = Registry.of(*SAMPLES)
