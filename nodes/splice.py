"""Splice takes into the source film; everything that was not edited stays as it is.

Takes   the source and its conformed takes; a take with the original footage changes nothing.
Gives   a film with the same container, frame count and frame times, verified against the source.
Raises  InputMediaError if the source has no video, or no strategy gives a valid film; CheckFailed, with the segments,
        if a seam fails its checks; MissingExtra for a morph without OpenCV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..pipeline.core.errors import InputMediaError, PresetError
from ..pipeline.core.file import OutPath
from ..pipeline.core.nodes.node import Forecast, Need, NodeContext, Params, Workload
from ..pipeline.core.values import Media, Segment, Take, segment_of
from ..pipeline.splicing.splice_params import DEFAULT_PARAMS, Seam, SoundParams, Thresholds

if TYPE_CHECKING:
    from ..pipeline.splicing.feasibility import Feasibility


class SpliceParams(Params):
    """The output, and how takes are joined with the film."""

    out: OutPath | None = Field(default=None, description="path of the film (default: beside the source)")
    exact: Literal["prefer", "require"] = Field(
        default="prefer",
        description="require: refuse a film that cannot be smart-rendered; prefer: re-encode its picture instead",
    )
    in_place: bool = Field(
        default=False,
        description="edit a copy of the film instead of rewriting it (MP4, MOV; shares disk blocks if possible)",
    )
    sound: SoundParams = Field(
        default=DEFAULT_PARAMS, description="how new lines of dialogue are mixed with the film's audio"
    )
    seam: Seam = Field(
        default=Seam(), description="transition into and out of takes: cut, dissolve or morph, and its length in frames"
    )
    checks: Thresholds = Field(
        default=Thresholds(),
        description="limits for the metrics of the finished film's seams; null: no check",
    )
    quality: Literal["matched", "high"] = Field(
        default="matched",
        description="matched: re-encoded pictures take about the source's own bits; high: finer, in larger files",
    )


class Splice:
    """Splice all takes into the film in one pass."""

    name: ClassVar[str] = "splice"
    version: ClassVar[int] = 30
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg", "av", "cv2")
    need: ClassVar[Need] = Need(cores=1, memory_mb=900)

    def run(self, context: NodeContext, params: SpliceParams, source: Media, takes: list[Take]) -> Media:
        """Return the film; `metrics["splice"]` and `notes` say how it was spliced."""
        from ..pipeline.media.frames.color import full_color
        from ..pipeline.media.probe import probe, require_video
        from ..pipeline.media.tools.ffmpeg import ffmpeg_path
        from ..pipeline.provenance.sign import STALE, holds_manifest
        from ..pipeline.splicing.pictures import morph
        from ..pipeline.splicing.splice import splice
        from ..pipeline.splicing.verification.seam_meter import check_seams

        used = [take for take in takes if take.changes_film]
        not_conformed = [take.segment.name for take in used if not take.conformed]
        if not_conformed:
            raise PresetError(f"the take of {not_conformed[0]} is not conformed; add the step conform before splice")
        if not used:
            notes = (*source.notes, "no take changes anything: the film is the source")
            return source.model_copy(update={"notes": notes, "metrics": {**source.metrics, "splice": UNTOUCHED}})
        if params.seam.video == "morph":
            morph.require_opencv()
        film = splice(
            context,
            ffmpeg_path(),
            source,
            used,
            params.seam,
            params.sound,
            require_exact=params.exact == "require",
            in_place=params.in_place,
            measure_seams=params.checks.checks_pictures,
            quality=params.quality,
            limits=params.checks,
        )
        spliced = probe(film.path, source.file)
        video = require_video(spliced, "the finished film")
        stale = (STALE,) if holds_manifest(film.path) else ()
        same_colors = source.video is not None and full_color(video) == full_color(source.video)
        film = film if same_colors else replace(film, seams=())
        metrics = check_seams(context, source, film, video, used, params.seam, params.checks)
        return spliced.model_copy(
            update={
                "file": context.store(film.path),
                "metrics": {**source.metrics, "splice": metrics},
                "notes": (*source.notes, *film.notes, *stale),
                "start_timecode": source.start_timecode,
            }
        )

    @classmethod
    def forecast(cls, context: NodeContext, params: SpliceParams, inputs: Mapping[str, Any]) -> Forecast:
        """Return whether the film will be smart-rendered, and how many frames will be re-encoded.

        Raises:
            InputMediaError: no strategy is left, `exact: require` excludes the remaining one, or a new line cannot be
                put into the film's sound.
        """
        segments = [segment for item in inputs["takes"] if not _is_original(item) and (segment := segment_of(item))]
        if not segments or segments[0].source.video is None:
            return Forecast()
        cls._require_morph(params)
        feasibility = _check_feasibility(context, params, segments)
        return Forecast(lines=(feasibility.summary(),), splice=feasibility.metrics())

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: SpliceParams, inputs: Mapping[str, Any]) -> None:
        """Refuse segments that cannot be spliced as the parameters require."""
        cls._require_morph(params)
        cls.forecast(context, params, inputs)

    @staticmethod
    def _require_morph(params: SpliceParams) -> None:
        from ..pipeline.splicing.pictures import morph

        if params.seam.video == "morph":
            morph.require_opencv()


UNTOUCHED = {"way": "untouched", "reason": "no take changed anything"}


def _is_original(item: Any) -> bool:
    return isinstance(item, Take) and item.status == "original"


def _check_feasibility(context: NodeContext, params: SpliceParams, segments: list[Segment]) -> Feasibility:
    from ..pipeline.splicing.audio.reencode_track import require_encoder
    from ..pipeline.splicing.feasibility import check_feasibility
    from ..pipeline.splicing.pictures.seams import plan_ramps
    from ..pipeline.splicing.splice import NOT_EXACT, PREFER_HINT

    segments = sorted(segments, key=lambda segment: segment.start_frame)
    ramps = zip(segments, plan_ramps(segments, params.seam), strict=True)
    spans = [(segment.start_frame - ramp.fade_in, segment.end_frame + ramp.fade_out) for segment, ramp in ramps]
    source = segments[0].source
    if any(segment.edit.changes_sound for segment in segments):
        require_encoder(source)
    feasibility = check_feasibility(context.path(source.file), source, spans)
    if params.exact == "require" and feasibility.way != "exact":
        raise InputMediaError(f"{NOT_EXACT}: {feasibility.reason}; {PREFER_HINT}")
    return feasibility
