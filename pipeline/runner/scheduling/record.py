"""Collect what a run has produced as a value: for the report, for a plan, and for the user's result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from ...config.checked_job import Job, Step
from ...core.values import Media, Record, Segment, StepRecord, Take, Value, segment_of

Item = TypeVar("Item")


def make_record(
    run: str,
    job: Job,
    steps: Sequence[Step],
    results: Mapping[str, Value | list[Value]],
    records: list[StepRecord],
    waiting: Collection[str] = (),
) -> Record:
    """Collect the source, the latest version of every segment and take, and the film.

    Takes of segments that are `waiting` for a choice, by name, become `offered` and are not part of the film.
    """
    values = [(step, value) for step in steps for value in as_list(results[step.id])]
    segments = {value.name: value for _, value in values if isinstance(value, Segment)}
    takes = {(value.segment.name, value.name): value for _, value in values if isinstance(value, Take)}
    media = [(step, value) for step, value in values if isinstance(value, Media)]
    films = [value for step, value in media if joins_takes(step)]
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


def joins_takes(step: Step) -> bool:
    """Return whether a step makes a film from takes."""
    return step.info.ports.output is Media and any(port.value_type is Take for port in step.info.ports.inputs)


def film_name(job: Job) -> str:
    """Return the last part of the path or URL in the job's input `source`."""
    source = str(job.inputs.get("source", ""))
    return source.split("?", maxsplit=1)[0].rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]


def segment_name(value: Value) -> str:
    """Return the name of the segment that a value belongs to, or "" if it belongs to the film."""
    segment = segment_of(value)
    return segment.name if segment is not None else ""


def take_name(value: Value) -> str:
    """Return the name of a take's combination, or "" if there is no matrix."""
    return value.name if isinstance(value, Take) else ""


def as_list(value: Item | list[Item]) -> list[Item]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]
