"""The result of a run: the same values in Python, in `--json` and in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.values import Record, Segment, StepRecord, Take

ReusedTakes = Mapping[tuple[str, str], bool]
"""Whether a take was already stored, by the names of its segment and of the take."""


@dataclass(frozen=True)
class TakeResult:
    """One take that the user can choose."""

    number: int
    """From 1, as on the contact sheet."""
    name: str
    """The name for `react1 pick` and `pick:`."""
    provider: str
    request_id: str | None
    status: str
    """`done`, or `original` if it failed."""
    cost_usd: float
    reused: bool
    face: str | None = None
    """The face that was changed; None if no step has looked for it."""


@dataclass(frozen=True)
class SegmentResult:
    """The result for one segment."""

    name: str
    start_frame: int
    end_frame: int
    provider: str | None
    """None if the preset sends nothing."""
    request_id: str | None
    status: str
    """`done`, `original` if the original footage was kept, or `choose` if the user has to choose a take."""
    cost_usd: float
    reused: bool
    """Whether its take, or its prepared clip, was already stored; for several takes, whether all were."""
    face: str | None = None
    """The face that was changed, such as `face 1 of 2 (left)`; None if no step has looked for it."""
    takes: tuple[TakeResult, ...] = ()
    """The takes to choose from; empty if there is no choice to make."""

    def to_json(self) -> dict[str, Any]:
        """Return its part of the `--json` output; `takes` only if there is a choice to make."""
        fields = asdict(self)
        return fields if self.takes else {name: value for name, value in fields.items() if name != "takes"}


@dataclass(frozen=True)
class RunResult:
    """The result of a run."""

    run: str
    status: str
    """`done`, `kept-original`, `failed`, `interrupted`, or `choose` if takes wait for a choice."""
    output: Path | None
    """The film, or the folder of prepared clips."""
    report: Path | None
    """The page; report.json is in the same folder."""
    cost_usd: float
    segments: tuple[SegmentResult, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Messages for the user, of the job and of its segments."""
    turnover: Path | None = None
    """The folder of the clips and timelines for editing systems, if the job makes them."""

    @property
    def exit_status(self) -> int:
        """0 if all is done, 6 if some segments kept their original footage."""
        return 6 if self.status == "kept-original" else 0

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "run": self.run,
            "status": self.status,
            "output": str(self.output) if self.output else None,
            "report": str(self.report) if self.report else None,
            "cost_usd": round(self.cost_usd, 6),
            "segments": [segment.to_json() for segment in self.segments],
            "checks": self.checks,
            "notes": list(self.notes),
            "turnover": str(self.turnover) if self.turnover else None,
        }


def segment_results(record: Record, steps: Sequence[StepRecord], takes_step: str | None) -> tuple[SegmentResult, ...]:
    """Return the result of every segment: by its take if there is one, else by its prepared clip.

    `takes_step` is the id of the step that renders takes; None if no step does.
    """
    by_name = {take.segment.name: take for take in record.takes}
    offered: dict[str, list[Take]] = {}
    for take in record.offered:
        offered.setdefault(take.segment.name, []).append(take)
    with_take = {take.segment.name: take.segment for take in (*record.takes, *record.offered)}
    ordered = {
        segment.name: with_take.get(segment.name, segment)
        for segment in record.segments
        if not with_take or segment.name in with_take
    }
    reused = {(step.segment, step.take): step.reused for step in steps if takes_step in (None, step.step)}
    return tuple(
        _segment_to_choose(segment, offered[name], reused)
        if name in offered
        else _segment_result(segment, by_name.get(name), reused)
        for name, segment in (ordered | with_take).items()
    )


def _segment_result(segment: Segment, take: Take | None, reused_takes: ReusedTakes) -> SegmentResult:
    reused = reused_takes.get((segment.name, take.name if take else ""), False)
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=take.provider if take else None,
        request_id=(take.request_id or None) if take else None,
        status=take.status if take else "done",
        cost_usd=take.cost_usd if take and not reused else 0.0,
        reused=reused,
        face=segment.faces.text if segment.faces else None,
    )


def _segment_to_choose(segment: Segment, takes: Sequence[Take], reused_takes: ReusedTakes) -> SegmentResult:
    results = tuple(
        _take_result(number, take, reused_takes.get((segment.name, take.name), False))
        for number, take in enumerate(takes, 1)
    )
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=takes[0].provider,
        request_id=None,
        status="choose",
        cost_usd=round(sum(take.cost_usd for take in results), 6),
        reused=all(take.reused for take in results),
        takes=results,
    )


def _take_result(number: int, take: Take, reused: bool) -> TakeResult:
    return TakeResult(
        number=number,
        name=take.name,
        provider=take.provider,
        request_id=take.request_id or None,
        status=take.status,
        cost_usd=0.0 if reused else take.cost_usd,
        reused=reused,
        face=take.segment.faces.text if take.segment.faces else None,
    )


def run_status(segments: Sequence[SegmentResult]) -> str:
    """Return the status of a run with these segments."""
    statuses = {segment.status for segment in segments}
    return "choose" if "choose" in statuses else "kept-original" if "original" in statuses else "done"


def collect_notes(record: Record) -> tuple[str, ...]:
    """Return all notes for the user, once each, with the segment's name; then those of the film."""
    takes = (*record.takes, *record.offered)
    notes = [(take.segment.name, note) for take in takes for note in (*take.segment.notes, *take.notes)]
    if not takes:
        notes = [(segment.name, note) for segment in record.segments for note in segment.notes]
    unique = list(dict.fromkeys(f"{name}: {note}" for name, note in notes))
    return (*unique, *(record.film.notes if record.film else ()))
