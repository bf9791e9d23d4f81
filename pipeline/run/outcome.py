"""What came of a run: the same values in Python, in `--json` and in the run's folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..kinds import Media, Segment, StepRecord, Take


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
    """`done`, or `original` where the original footage was kept."""
    cost_usd: float
    reused: bool
    """Whether its take, or its prepared clip, was in the store already."""


@dataclass(frozen=True)
class RunResult:
    """What came of a run."""

    run: str
    status: str
    """`done`, `kept-original`, `failed` or `interrupted`."""
    output: Path | None
    """The film, or the folder of prepared clips."""
    report: Path | None
    """The page; report.json lies beside it."""
    cost_usd: float
    segments: tuple[SegmentResult, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()

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
            "segments": [asdict(segment) for segment in self.segments],
            "checks": self.checks,
        }


def segment_results(
    segments: list[Segment], takes: list[Take], steps: list[StepRecord], paid_step: str | None
) -> tuple[SegmentResult, ...]:
    """Tell of every segment by its take where there is one, else by its prepared clip."""
    by_name = {take.segment.name: take for take in takes}
    shown = [take.segment for take in takes] or segments
    reused = {record.segment: record.reused for record in steps if paid_step in (None, record.step)}
    return tuple(_segment(segment, by_name.get(segment.name), reused.get(segment.name, False)) for segment in shown)


def _segment(segment: Segment, take: Take | None, reused: bool) -> SegmentResult:
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


def said_by(film: Media | None, segments: list[Segment], takes: list[Take]) -> tuple[str, ...]:
    """Collect what the user should hear, once each, with the segment that it is about."""
    lines = [(take.segment.name, line) for take in takes for line in (*take.segment.said, *take.said)]
    if not takes:
        lines = [(segment.name, line) for segment in segments for line in segment.said]
    told = list(dict.fromkeys(f"{name}: {line}" for name, line in lines))
    return (*told, *(film.said if film else ()))
