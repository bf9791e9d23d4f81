"""The segments that a run would cut, and what they would cost, before any of them is there.

Takes   a step that cuts, or one that pays, and what is known of its inputs.
Gives   segments whose files are not made yet: `media` is the film itself.
Raises  BadInput where the run would refuse an edit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..config.checked_job import Step
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.registry import SHIPPED
from ..core.values import Media, Segment, Take, Upload, Value
from ..jobs.ledger import Ledger
from ..media.frame_rate import nearest_rate, frame_count_at
from ..media.probe import require_video
from ..media.transcode import video_duration_s
from ..media.trim import container_time_s
from ..splicing.feasibility import Feasibility
from ..store.store import Store
from .external_inputs import paid_provider
from .paid_steps import job_request
from .record import as_list, segment_of


class _ReadOnlyContext:
    """A room in which tools may look at files; nothing is made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def path(self, file: File) -> Path:
        """Give a path where this content can be read."""
        return self._store.path(file)

    def temp_path(self, name: str) -> Path:
        """Return a path in a temporary folder outside the store."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory()
        return Path(self._folder.name, name)

    def store(self, path: Path) -> File:
        """Refuse to keep a file."""
        raise AssertionError(f"a plan stores nothing, not even {path}")

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return a file that a run cached; None where there is none."""
        return self._store.cache_get(dict(parts))

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache nothing: a plan only reads the store."""

    def progress(self, share: float) -> None:
        """Go on."""

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end."""
        from ..media.process import run_tool

        return run_tool(argv, timeout_s=timeout_s)


def foreseen(step: Step, given: Mapping[str, Any], store: Store) -> list[Segment]:
    """Give the segments that a step would cut from a film; none where it does not cut."""
    source = next((value for value in given.values() if isinstance(value, Media)), None)
    if step.info.name != "trim" or step.info.origin != SHIPPED or source is None:
        return []
    from ..interchange.places import PlaceFinder
    from ..media.edit_spans import segment_of_span, spans_to_cut

    params: Any = step.params
    context = _ReadOnlyContext(store)
    find = PlaceFinder(context, source, params.place_options)
    spans = spans_to_cut(context, source, params.edits, params.handles, params.longest_s, find)
    return [segment_of_span(source, span, source) for span in spans]


def cost_usd(step: Step, known: Sequence[Value | None], given: Mapping[str, Any], store: Store) -> float:
    """Estimate what a paid step costs for one segment; nothing where the ledger has its take, or the host has it."""
    host = paid_provider(step)
    segment = next((found for value in known if (found := segment_of(value))), None)
    if host is None or segment is None:
        return 0.0
    if any(isinstance(value, Upload) for value in given.values()):
        entry = Ledger(store.root).latest(job_request(step, given).call)
        if entry is not None and (entry.state == "done" or (entry.open and entry.request_id)):
            return 0.0
    lasts_s, frames = sent(segment)
    return host.cost_usd(lasts_s, frames)


def remarks(step: Step, known: Sequence[Value | None], store: Store) -> tuple[str, ...]:
    """Look at a segment as the run would before it pays; give what the user should know.

    Raises:
        BadInput: it cannot be used.
    """
    host = paid_provider(step)
    segment = next((found for value in known if (found := segment_of(value))), None)
    if host is None or segment is None:
        return ()
    from ..jobs.precheck import check_segment

    told, fault = check_segment(segment, store, host.limits)
    if fault is not None:
        fault.where = step.id
        raise fault
    return told


def splice_survey(step: Step, given: Mapping[str, Any], store: Store) -> Feasibility | None:
    """Tell how a step that splices will go about it; None where it does not, or where its segments are not known.

    Raises:
        BadInput: the step wants the packet-exact way only, and it cannot be taken.
    """
    if step.info.name != "splice" or step.info.origin != SHIPPED:
        return None
    values = [item for value in given.values() for item in as_list(value)]
    segments = [found for value in values if (found := segment_of(value)) and not _keeps_footage(value)]
    if not segments or segments[0].source.video is None:
        return None
    return _surveyed(step, segments, store)


def _keeps_footage(value: Value | None) -> bool:
    return isinstance(value, Take) and value.status == "original"


def _surveyed(step: Step, segments: Sequence[Segment], store: Store) -> Feasibility:
    from ..splicing.feasibility import check_feasibility
    from ..splicing.pictures.seams import plan_ramps
    from ..splicing.splice import NOT_EXACT, PREFER_HINT

    params: Any = step.params
    _require_morph(params)
    ordered = sorted(segments, key=lambda segment: segment.start_frame)
    ways = zip(ordered, plan_ramps(ordered, params.seam), strict=True)
    spans = [(segment.start_frame - ramp.rise, segment.end_frame + ramp.fall) for segment, ramp in ways]
    source = ordered[0].source
    found = check_feasibility(store.path(source.file), source, spans)
    if params.exact == "require" and found.way != "exact":
        fault = InputMediaError(f"{NOT_EXACT}: {found.reason}; {PREFER_HINT}")
        fault.where = step.id
        raise fault
    return found


def check_splices(steps: Sequence[Step], segments: Sequence[Segment], store: Store) -> None:
    """Refuse a run before it pays for segments that cannot be spliced as it wants.

    Raises:
        BadInput: no way is left, or a step wants the packet-exact way only, and it cannot be taken.
        MissingExtra: it wants a morph, and there is no OpenCV, or timelines, and there is no opentimelineio.
    """
    for step in steps:
        params: Any = step.params
        if step.info.name == "splice" and step.info.origin == SHIPPED:
            _require_morph(params)
            splice_survey(step, {"takes": list(segments)}, store)
        if step.info.name == "timeline" and step.info.origin == SHIPPED:
            _check_turnover(segments)


def _check_turnover(segments: Sequence[Segment]) -> None:
    from ..interchange.otio.write import require_opentimelineio
    from ..interchange.turnover.build import check_countable

    require_opentimelineio()
    for segment in segments:
        check_countable(segment.source)


def _require_morph(params: Any) -> None:
    from ..splicing.pictures import morph

    if params.seam.video == "morph":
        morph.require_opencv()


def sent(segment: Segment) -> tuple[Fraction, int]:
    """Give how long the clip is that is sent, in seconds and frames."""
    if segment.media.file != segment.source.file:
        return video_duration_s(require_video(segment.media)), len(segment.frames)
    video = require_video(segment.source)
    lasts_s = container_time_s(video, segment.last_frame) - container_time_s(video, segment.first_frame)
    rate = nearest_rate(video.rate)
    frames = frame_count_at(lasts_s, rate)
    return frames / rate, frames
