"""Steps as they run: every step is a task that waits for its producers, so independent segments go side by side.

A step that takes one segment runs once per segment as soon as that segment is there; a step that gathers waits for
all. A segment that fails is lost to the steps after it, and its original footage is kept where the job says so; so is
that of a take which makes a step that gathers fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CheckFailed, Interrupted, OverBudget, React1Error, StorageFailed
from ..kinds import Media, Record, Segment, StepRecord, Take, Upload, Value
from ..preset.model import Job, Step
from .events import Said
from .foresee import check_splices, segment_of
from .keeping import as_told, original, without
from .step import StepRunner

Items = list["asyncio.Task[Value | Lost]"]
Row = Mapping[str, "asyncio.Task[Any]"]


@dataclass(frozen=True)
class Lost:
    """A segment that failed on its way; `value` is the last that is known of it."""

    value: Value
    error: React1Error


class Flow:
    """All steps of one run, and what they gave so far."""

    def __init__(self, job: Job, runner: StepRunner, run: str) -> None:
        self._job, self._runner, self._run = job, runner, run
        self._steps: dict[str, asyncio.Task[Value | Items]] = {}
        self.records: list[StepRecord] = []
        self.results: dict[str, Value | list[Value]] = {}
        """What each step gave, by its id; complete when `run` has come back."""
        self._dropped: dict[str, str] = {}
        """Why takes that were done are not in the film after all, by their segment's name."""

    async def run(self) -> None:
        """Run every step to its end.

        Raises:
            React1Error: the first failure; everything else is stopped by then.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for step in self._job.steps:
                    self._steps[step.id] = group.create_task(self._step(step, group))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        for step in self._job.steps:
            self.results[step.id] = _values(self._steps[step.id].result(), self._dropped)

    async def _step(self, step: Step, group: asyncio.TaskGroup) -> Value | Items:
        given: dict[str, Any] = {}
        bundles: dict[str, Items] = {}
        for port in step.info.ports.inputs:
            if port.kind is Record:
                given[port.name] = await self._record(step)
                continue
            made = [await self._steps[wire] for wire in step.wires.get(port.name, ())]
            if not made:
                given[port.name] = [] if port.gathers else None
            elif port.gathers:
                given[port.name] = [value for bundle in made for value in await self._gather(bundle)]
            elif isinstance(made[0], list):
                bundles[port.name] = made[0]
            else:
                given[port.name] = made[0]
        count = min((len(bundle) for bundle in bundles.values()), default=0)
        rows = [{name: bundle[index] for name, bundle in bundles.items()} for index in range(count)]
        if self._runner.pays(step):
            await self._admit(step, given, rows if bundles else [{}])
        if not bundles:
            return self._fan(await self._whole(step, given), group)
        return [group.create_task(self._item(step, given, row)) for row in rows]

    async def _admit(
        self, step: Step, given: Mapping[str, Any], rows: Sequence[Mapping[str, asyncio.Task[Any]]]
    ) -> None:
        """Wait for all segments of a paid step: what it costs is told once, and before anything is sent."""
        asked = []
        for row in rows:
            values = {name: await task for name, task in row.items()}
            if not any(isinstance(value, Lost) for value in values.values()):
                asked.append({**given, **values})
        segments = [found for row in asked for value in row.values() if (found := segment_of(value))]
        await asyncio.to_thread(check_splices, self._job.steps, segments, self._runner.store)
        await self._runner.admit(step, asked, stop=self._job.on_failure != "keep-original")

    async def _item(self, step: Step, given: Mapping[str, Any], row: Row) -> Value | Lost:
        values = {name: await task for name, task in row.items()}
        for value in values.values():
            if isinstance(value, Lost):
                return value
        latest: Value = next(iter(values.values()))
        try:
            made = await self._call(step, segment_name(latest), {**given, **values})
        except (Interrupted, OverBudget, StorageFailed):
            raise
        except React1Error as error:
            if self._job.on_failure != "keep-original":
                raise
            self._runner.watcher.on(Said(f"{error}; the original footage is kept"))
            return Lost(latest, error)
        if isinstance(made, list):
            raise TypeError(f"{step.info.name} takes one segment and gives a list, which the runner does not know")
        return made

    async def _whole(self, step: Step, given: Mapping[str, Any]) -> Value | list[Value]:
        """Call a step that takes everything at once; where takes make it fail, again without them if that is wanted."""
        while True:
            try:
                return await self._call(step, "", given)
            except CheckFailed as error:
                given, dropped = without(given, error.findings)
                if self._job.on_failure != "keep-original" or not dropped:
                    raise
                self._dropped |= dropped
                names = ", ".join(dropped)
                self._runner.watcher.on(Said(f"{error}; the original footage of {names} is kept"))

    async def _call(self, step: Step, segment: str, given: Mapping[str, Any]) -> Value | list[Value]:
        made, record = await self._runner.run(step, segment, given)
        self.records.append(record)
        return made

    def _fan(self, made: Value | list[Value], group: asyncio.TaskGroup) -> Value | Items:
        if not isinstance(made, list):
            return made
        return [group.create_task(_ready(item)) for item in made]

    async def _gather(self, bundle: Value | Items) -> list[Value]:
        if not isinstance(bundle, list):
            return [bundle]
        values = [await task for task in bundle]
        return [as_told(kept, self._dropped) for value in values if (kept := _kept(value)) is not None]

    async def _record(self, step: Step) -> Record:
        before = self._job.steps[: self._job.steps.index(step)]
        results: dict[str, Value | list[Value]] = {}
        for earlier in before:
            bundle = await self._steps[earlier.id]
            results[earlier.id] = await self._gather(bundle) if isinstance(bundle, list) else bundle
        return make_record(self._run, self._job, before, results, self.records)


def make_record(
    run: str, job: Job, steps: Sequence[Step], results: Mapping[str, Value | list[Value]], records: list[StepRecord]
) -> Record:
    """Tell what a run has come to: the source, the latest of every segment and take, and the film."""
    flat = [(step, value) for step in steps for value in _as_list(results[step.id])]
    segments = {value.name: value for _, value in flat if isinstance(value, Segment)}
    takes = {value.segment.name: value for _, value in flat if isinstance(value, Take)}
    media = [(step, value) for step, value in flat if isinstance(value, Media)]
    films = [value for step, value in media if any(port.kind is Take for port in step.info.ports.inputs)]
    return Record(
        run=run,
        preset=job.name,
        title=film_name(job),
        source=media[0][1] if media else None,
        segments=tuple(segments.values()),
        takes=tuple(takes.values()),
        film=films[-1] if films else None,
        steps=tuple(sorted(records, key=lambda record: (record.step, record.segment))),
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


def _kept(value: Value | Lost) -> Value | None:
    if not isinstance(value, Lost):
        return value
    latest = value.value
    if isinstance(latest, Take):
        return original(latest, value.error.message)
    segment = latest if isinstance(latest, Segment) else getattr(latest, "segment", None)
    if segment is None:
        return None
    return Take(
        segment=segment,
        media=segment.media,
        provider="none",
        request={},
        status="original",
        said=(value.error.message,),
    )


def _values(bundle: Value | Items, dropped: Mapping[str, str]) -> Value | list[Value]:
    if not isinstance(bundle, list):
        return bundle
    return [as_told(kept, dropped) for task in bundle if (kept := _kept(task.result())) is not None]


def _as_list(value: Value | list[Value]) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the failure that tells most: a fault of ours before one that the tree of errors knows."""
    leaves = [_first(one) if isinstance(one, BaseExceptionGroup) else one for one in failures.exceptions]
    return next((leaf for leaf in leaves if not isinstance(leaf, React1Error)), leaves[0])


async def _ready(value: Value) -> Value | Lost:
    return value
