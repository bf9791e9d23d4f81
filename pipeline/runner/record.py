"""What a run has come to, told as a value: for the page, for a plan, and for what the user gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from ..config.checked_job import Job, Step
from ..core.values import Media, Record, Segment, StepRecord, Take, Upload, Value

One = TypeVar("One")


def make_record(
    run: str,
    job: Job,
    steps: Sequence[Step],
    results: Mapping[str, Value | list[Value]],
    records: list[StepRecord],
    waiting: Collection[str] = (),
) -> Record:
    """Tell what a run has come to: the source, the latest of every segment and take, and the film.

    The takes of segments that are `waiting` for a choice, by name, are told of apart from those that count.
    """
    flat = [(step, value) for step in steps for value in as_list(results[step.id])]
    segments = {value.name: value for _, value in flat if isinstance(value, Segment)}
    takes = {(value.segment.name, value.name): value for _, value in flat if isinstance(value, Take)}
    media = [(step, value) for step, value in flat if isinstance(value, Media)]
    films = [value for step, value in media if any(port.value_type is Take for port in step.info.ports.inputs)]
    return Record(
        run=run,
        preset=job.name,
        title=film_name(job),
        source=media[0][1] if media else None,
        segments=tuple(segments.values()),
        takes=tuple(take for take in takes.values() if take.segment.name not in waiting),
        offered=tuple(take for take in takes.values() if take.segment.name in waiting),
        film=films[-1] if films else None,
        steps=tuple(sorted(records, key=lambda record: (record.step, record.segment, record.take))),
    )


def film_name(job: Job) -> str:
    """Give the name of the film: the last part of the path or the address that fills the input `source`."""
    source = str(job.inputs.get("source", ""))
    return source.split("?", maxsplit=1)[0].rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]


def segment_of(value: Value | None) -> Segment | None:
    """Give the segment that a value is about; None where it is about the film."""
    if isinstance(value, (Upload, Take)):
        return value.segment
    return value if isinstance(value, Segment) else None


def segment_name(value: Value) -> str:
    """Give the name of the segment that a value belongs to; empty where it belongs to the film."""
    segment = segment_of(value)
    return segment.name if segment is not None else ""


def take_name(value: Value) -> str:
    """Give the name of the combination that a value belongs to; empty where there is no matrix."""
    return value.name if isinstance(value, Take) else ""


def as_list(value: One | list[One]) -> list[One]:
    """Give one result as a list, and a list as it is."""
    return value if isinstance(value, list) else [value]
