"""What came of a run: the same values in Python, in `--json` and in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.values import Record, Segment, StepRecord, Take

ReusedTakes = Mapping[tuple[str, str], bool]
"""Whether the take of a segment was in the store already, by the names of both."""


@dataclass(frozen=True)
class TakeResult:
    """One take of which somebody is to choose."""

    number: int
    """From 1, as on the contact sheet."""
    name: str
    """What `react1 pick` and `pick:` call it."""
    provider: str
    request_id: str | None
    status: str
    """`done`, or `original` where it failed."""
    cost_usd: float
    reused: bool


@dataclass(frozen=True)
class SegmentResult:
    """What came of one segment."""

    name: str
    start_frame: int
    end_frame: int
    provider: str | None
    """None where the preset sends nothing."""
    request_id: str | None
    status: str
    """`done`, `original` where the original footage was kept, or `choose` where one of its takes is to be chosen."""
    cost_usd: float
    reused: bool
    """Whether its take, or its prepared clip, was in the store already; of several takes, whether all were."""
    takes: tuple[TakeResult, ...] = ()
    """What there is to choose from; empty where nothing is."""

    def to_json(self) -> dict[str, Any]:
        """Give its part of what `--json` prints; `takes` only where there is something to choose."""
        told = asdict(self)
        return told if self.takes else {name: value for name, value in told.items() if name != "takes"}


@dataclass(frozen=True)
class RunResult:
    """What came of a run."""

    run: str
    status: str
    """`done`, `kept-original`, `failed`, `interrupted`, or `choose` where takes wait for a choice."""
    output: Path | None
    """The film, or the folder of prepared clips."""
    report: Path | None
    """The page; report.json lies beside it."""
    cost_usd: float
    segments: tuple[SegmentResult, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 when all is done, 6 when some segments kept their original footage."""
        return 6 if self.status == "kept-original" else 0

    def to_json(self) -> dict[str, Any]:
        """Give the object that `--json` prints."""
        return {
            "run": self.run,
            "status": self.status,
            "output": str(self.output) if self.output else None,
            "report": str(self.report) if self.report else None,
            "cost_usd": round(self.cost_usd, 6),
            "segments": [segment.to_json() for segment in self.segments],
            "checks": self.checks,
        }


def segment_results(told: Record, steps: Sequence[StepRecord], paid_step: str | None) -> tuple[SegmentResult, ...]:
    """Tell of every segment by its take where there is one, else by its prepared clip."""
    by_name = {take.segment.name: take for take in told.takes}
    offered: dict[str, list[Take]] = {}
    for take in told.offered:
        offered.setdefault(take.segment.name, []).append(take)
    shown = {take.segment.name: take.segment for take in (*told.takes, *told.offered)}
    ordered = {one.name: shown.get(one.name, one) for one in told.segments if not shown or one.name in shown}
    reused = {(one.segment, one.take): one.reused for one in steps if paid_step in (None, one.step)}
    return tuple(
        _segment_to_choose(segment, offered[name], reused) if name in offered else _segment_result(segment, by_name.get(name), reused)
        for name, segment in (ordered | shown).items()
    )


def _segment_result(segment: Segment, take: Take | None, reuse: ReusedTakes) -> SegmentResult:
    reused = reuse.get((segment.name, take.name if take else ""), False)
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=take.provider if take else None,
        request_id=(take.request_id or None) if take else None,
        status=take.status if take else "done",
        cost_usd=take.cost_usd if take and not reused else 0.0,
        reused=reused,
    )


def _segment_to_choose(segment: Segment, takes: Sequence[Take], reuse: ReusedTakes) -> SegmentResult:
    made = tuple(
        _take_result(number, take, reuse.get((segment.name, take.name), False)) for number, take in enumerate(takes, 1)
    )
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=takes[0].provider,
        request_id=None,
        status="choose",
        cost_usd=round(sum(take.cost_usd for take in made), 6),
        reused=all(take.reused for take in made),
        takes=made,
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
    )


def run_status(segments: Sequence[SegmentResult]) -> str:
    """Tell how a run ended whose segments came so far."""
    found = {segment.status for segment in segments}
    return "choose" if "choose" in found else "kept-original" if "original" in found else "done"


def collect_notes(told: Record) -> tuple[str, ...]:
    """Collect what the user should hear, once each, with the segment that it is about."""
    takes = (*told.takes, *told.offered)
    lines = [(take.segment.name, line) for take in takes for line in (*take.segment.notes, *take.notes)]
    if not takes:
        lines = [(segment.name, line) for segment in told.segments for line in segment.notes]
    heard = list(dict.fromkeys(f"{name}: {line}" for name, line in lines))
    return (*heard, *(told.film.notes if told.film else ()))
