"""What a run has come to, told as a value: for the page, for a plan, and for what the user gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..kinds import Media, Record, Segment, StepRecord, Take, Upload, Value
from ..preset.model import Job, Step


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
    flat = [(step, value) for step in steps for value in _as_list(results[step.id])]
    segments = {value.name: value for _, value in flat if isinstance(value, Segment)}
    takes = {(value.segment.name, value.name): value for _, value in flat if isinstance(value, Take)}
    media = [(step, value) for step, value in flat if isinstance(value, Media)]
    films = [value for step, value in media if any(port.kind is Take for port in step.info.ports.inputs)]
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


def segment_name(value: Value) -> str:
    """Give the name of the segment that a value belongs to; empty where it belongs to the film."""
    if isinstance(value, Segment):
        return value.name
    if isinstance(value, (Upload, Take)):
        return value.segment.name
    return ""


def take_name(value: Value) -> str:
    """Give the name of the combination that a value belongs to; empty where there is no matrix."""
    return value.name if isinstance(value, Take) else ""


def _as_list(value: Value | list[Value]) -> list[Value]:
    return value if isinstance(value, list) else [value]
