"""Put the takes back into the source timeline; what was not edited is not touched.

Takes   the source and its conformed takes; a take that kept its original footage changes nothing.
Gives   a film of the same container, frame count and times, checked against the source before it is kept.
Raises  ToolFailed when no way gives a film that is whole; CheckFailed, with the segments, when one looks or sounds
        wrong at their seams; BadInput when the source has no picture; MissingExtra for a morph without OpenCV.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.errors import PresetError
from ..pipeline.core.file import OutPath
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Take
from ..pipeline.splicing.audio.params import MATCHED, SoundParams
from ..pipeline.splicing.pictures.seam_style import Seam
from ..pipeline.splicing.verification.thresholds import Thresholds


class SpliceParams(Params):
    """Where the film goes; its container is the source's."""

    out: OutPath | None = Field(default=None, description="where the film is wanted (default: beside the source)")
    exact: Literal["prefer", "require"] = Field(
        default="prefer",
        description="`require` refuses a film that cannot be spliced packet by packet; `prefer` codes its picture anew",
    )
    in_place: bool = Field(
        default=False,
        description="edit a copy of the film (MP4, MOV; shared blocks where the disk can) rather than write it anew",
    )
    sound: SoundParams = Field(default=MATCHED, description="how new lines of dialogue meet the film's own sound")

    seam: Seam = Field(
        default=Seam(), description="how takes come and go: cut, dissolve or morph, over how many frames"
    )
    checks: Thresholds = Field(
        default=Thresholds(),
        description="the most that the figures of the finished film's seams may be; null: no check",
    )


class Splice:
    """Replace the spans of all takes in one pass."""

    name: ClassVar[str] = "splice"
    version: ClassVar[int] = 4
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av")

    def run(self, context: NodeContext, params: SpliceParams, source: Media, takes: list[Take]) -> Media:
        """Give the film; how it was made stands in `figures["splice"]`, and in `said` where it matters."""
        from ..pipeline.media.ffmpeg import ffmpeg_path
        from ..pipeline.media.probe import probe
        from ..pipeline.splicing.pictures import morph
        from ..pipeline.splicing.splice import splice
        from ..pipeline.splicing.verification.seam_check import held_to

        used = [take for take in takes if take.status == "done"]
        loose = [take.segment.name for take in used if not take.conformed]
        if loose:
            raise PresetError(
                f"splice got takes that are not on the source's grid ({loose[0]}): put a conform step before it"
            )
        if not used:
            said = (*source.notes, "no take changed anything: the film is the source")
            return source.model_copy(update={"notes": said, "metrics": {**source.metrics, "splice": UNTOUCHED}})
        if params.seam.video == "morph":
            morph.require()
        film = splice(
            context,
            ffmpeg_path(),
            source,
            used,
            params.seam,
            params.sound,
            require_exact=params.exact == "require",
            in_place=params.in_place,
        )
        figures = held_to(context, source, film.path, film.metrics, used, params.seam, params.checks)
        file = context.store(film.path)
        made = probe(context.path(file), file)
        return made.model_copy(
            update={
                "metrics": {**source.metrics, "splice": figures},
                "notes": (*source.notes, *film.notes),
                "start_timecode": source.start_timecode,
            }
        )


UNTOUCHED = {"way": "untouched", "reason": "no take changed anything"}
