"""Steps as they run: every step is a task that waits for its producers, so independent segments go side by side.

A step that takes one segment runs once per segment as soon as that segment is there; a step that gathers waits for
all. A segment that fails is lost to the steps after it, and its original footage is kept where the job says so; so is
that of a take which makes a step that gathers fail. A segment with a matrix of takes is made once per take, and what
would gather its takes is held until one of them was chosen.

Takes that are left out, so that the original footage of their segments stays.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config.checked_job import Job, Step
from ..core.errors import CheckFailed, Interrupted, OverBudget, React1Error, StorageFailed
from ..core.values import Record, Segment, StepRecord, Take, Value
from .events import Message
from .forecast import check_splices
from .record import make_record, segment_name, segment_of, take_name
from .step import StepRunner
from .take_matrix import Offer, Picks, makes_takes, with_combination

Items = list["asyncio.Task[Value | Lost]"]


@dataclass(frozen=True)
class CallInputs:
    """The inputs of one call of a step that runs once per segment, or once per take."""

    tasks: Mapping[str, asyncio.Task[Any]]
    take: str = ""
    follows: bool = False
    """Whether the row before it is another take of the same segment."""


class AwaitingPick:
    """Stands for the result of a step that waits until takes were chosen."""


AWAITING_PICK = AwaitingPick()


class Scheduler:
    """All steps of one run, and what they gave so far."""

    def __init__(self, job: Job, runner: StepRunner, run: str, picks: Picks) -> None:
        self._job, self._runner, self._run, self._picks = job, runner, run, picks
        self._steps: dict[str, asyncio.Task[Value | Items | AwaitingPick]] = {}
        self.records: list[StepRecord] = []
        self.results: dict[str, Value | list[Value]] = {}
        """What each step gave, by its id; complete when `run` has come back; nothing for a step that was held."""
        self.offers: dict[str, Offer] = {}
        """The segments whose edits have a matrix of takes, by name."""
        self._lost: Counter[str] = Counter()
        """How many takes of a segment have failed."""
        self._dropped: dict[str, str] = {}
        """Why takes that were done are not in the film after all, by their segment's name."""

    @property
    def waiting(self) -> list[str]:
        """The segments of which a take is to be chosen; where every take has failed, nothing is."""
        open_ = {name: len(offer.takes) for name, offer in self.offers.items() if offer.picked is None}
        return [name for name, count in open_.items() if self._lost[name] < count]

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
            made = self._steps[step.id].result()
            self.results[step.id] = [] if isinstance(made, AwaitingPick) else _values(made, self._dropped)

    async def _step(self, step: Step, group: asyncio.TaskGroup) -> Value | Items | AwaitingPick:
        given: dict[str, Any] = {}
        bundles: dict[str, Items] = {}
        for port in step.info.ports.inputs:
            if port.value_type is Record:
                given[port.name] = await self._record(step)
                continue
            made = await self._made(step.wires.get(port.name, ()))
            if made is None or (port.gathers and await self._awaits_choice(made)):
                return AWAITING_PICK
            if port.gathers:
                given[port.name] = [value for bundle in made for value in await self._gather(bundle)]
            elif made and isinstance(made[0], list):
                bundles[port.name] = made[0]
            else:
                given[port.name] = made[0] if made else None
        count = min((len(bundle) for bundle in bundles.values()), default=0)
        rows = [CallInputs({name: bundle[index] for name, bundle in bundles.items()}) for index in range(count)]
        return await self._calls(step, given, rows if bundles else None, group)

    async def _calls(
        self, step: Step, given: Mapping[str, Any], rows: list[CallInputs] | None, group: asyncio.TaskGroup
    ) -> Value | Items:
        """Call a step: once per row, or once for everything where there are no rows."""
        if rows is not None and self._picks.any and makes_takes(step):
            rows = await self._one_per_take(rows)
        if self._runner.pays(step):
            await self._admit(step, given, [CallInputs({})] if rows is None else rows)
        if rows is None:
            return self._fan(await self._whole(step, given), group)
        return self._items(step, given, rows, group)

    async def _awaits_choice(self, made: Sequence[Value | Items]) -> bool:
        """Tell whether among the takes that a step would gather are some of which one is to be chosen."""
        values = [value for bundle in made for value in await self._gather(bundle)]
        return any(isinstance(value, Take) and value.segment.name in self.waiting for value in values)

    async def _made(self, wires: Sequence[str]) -> list[Value | Items] | None:
        """Wait for the steps that feed a port; None where one of them waits for a choice."""
        made = [await self._steps[wire] for wire in wires]
        return (
            None
            if any(isinstance(one, AwaitingPick) for one in made)
            else [one for one in made if not isinstance(one, AwaitingPick)]
        )

    async def _one_per_take(self, rows: Sequence[CallInputs]) -> list[CallInputs]:
        """Give a row for every take that is wanted of a segment: the chosen one, or all."""
        made = []
        for row in rows:
            values = {name: await task for name, task in row.tasks.items()}
            lost = any(isinstance(value, FailedSegment) for value in values.values())
            offer = None if lost else self._picks.offer(list(values.values()))
            if offer is None:
                made.append(row)
                continue
            self.offers[offer.segment.name] = offer
            for place, choice in enumerate((offer.picked,) if offer.picked else offer.takes):
                tasks = {
                    name: asyncio.ensure_future(_ready(with_combination(value, choice)))
                    for name, value in values.items()
                }
                made.append(CallInputs(tasks, choice.name, follows=place > 0))
        return made

    def _items(
        self, step: Step, given: Mapping[str, Any], rows: Sequence[CallInputs], group: asyncio.TaskGroup
    ) -> Items:
        """Begin the calls of a step; the first take of a segment goes ahead: the others need the faces it finds."""
        items: Items = []
        ahead: asyncio.Task[Any] | None = None
        for row in rows:
            waits = row.follows and not self._runner.pays(step)
            items.append(group.create_task(self._item(step, given, row, ahead if waits else None)))
            ahead = ahead if row.follows else items[-1]
        return items

    async def _admit(self, step: Step, given: Mapping[str, Any], rows: Sequence[CallInputs]) -> None:
        """Wait for all segments of a paid step: what it costs is told once, and before anything is sent."""
        asked = []
        for row in rows:
            values = {name: await task for name, task in row.tasks.items()}
            if not any(isinstance(value, FailedSegment) for value in values.values()):
                asked.append({**given, **values})
        segments = {found.name: found for row in asked for value in row.values() if (found := segment_of(value))}
        await asyncio.to_thread(check_splices, self._job.steps, list(segments.values()), self._runner.store)
        await self._runner.admit(step, asked, stop=self._job.on_failure != "keep-original")

    async def _item(
        self, step: Step, given: Mapping[str, Any], row: CallInputs, ahead: asyncio.Task[Any] | None
    ) -> Value | FailedSegment:
        values = {name: await task for name, task in row.tasks.items()}
        for value in values.values():
            if isinstance(value, FailedSegment):
                return value
        latest: Value = next(iter(values.values()))
        take = row.take or take_name(latest)
        if ahead is not None:
            await asyncio.wait([ahead])
        try:
            made = await self._call(step, segment_name(latest), {**given, **values}, take)
        except (Interrupted, OverBudget, StorageFailed):
            raise
        except React1Error as error:
            if self._job.on_failure != "keep-original":
                raise
            self._runner.watcher.on(Message(f"{error}; the original footage is kept"))
            self._lost[segment_name(latest)] += 1
            return FailedSegment(latest, error, take)
        if isinstance(made, list):
            raise TypeError(f"{step.info.name} takes one segment and gives a list, which the runner does not know")
        return made.model_copy(update={"name": take}) if isinstance(made, Take) and row.take else made

    async def _whole(self, step: Step, given: Mapping[str, Any]) -> Value | list[Value]:
        """Call a step that takes everything at once; where takes make it fail, again without them if that is wanted."""
        while True:
            try:
                return await self._call(step, "", given)
            except CheckFailed as error:
                given, dropped = drop_failed(given, error.findings)
                if self._job.on_failure != "keep-original" or not dropped:
                    raise
                self._dropped |= dropped
                names = ", ".join(dropped)
                self._runner.watcher.on(Message(f"{error}; the original footage of {names} is kept"))

    async def _call(self, step: Step, segment: str, given: Mapping[str, Any], take: str = "") -> Value | list[Value]:
        made, record = await self._runner.run(step, segment, given, take)
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
        return one_original_per_segment(
            [with_fallback(stands, self._dropped) for value in values if (stands := fallback_value(value)) is not None],
            self._lost,
        )

    async def _record(self, step: Step) -> Record:
        before = self._job.steps[: self._job.steps.index(step)]
        results: dict[str, Value | list[Value]] = {}
        for earlier in before:
            bundle = await self._steps[earlier.id]
            if isinstance(bundle, AwaitingPick):
                results[earlier.id] = []
            else:
                results[earlier.id] = await self._gather(bundle) if isinstance(bundle, list) else bundle
        return make_record(self._run, self._job, before, results, self.records, self.waiting)


def _values(bundle: Value | Items, dropped: Mapping[str, str]) -> Value | list[Value]:
    if not isinstance(bundle, list):
        return bundle
    return [with_fallback(stands, dropped) for task in bundle if (stands := fallback_value(task.result())) is not None]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the failure that tells most: a fault of ours before one that the tree of errors knows."""
    leaves = [_first(one) if isinstance(one, BaseExceptionGroup) else one for one in failures.exceptions]
    return next((leaf for leaf in leaves if not isinstance(leaf, React1Error)), leaves[0])


async def _ready(value: Value) -> Value | FailedSegment:
    return value


@dataclass(frozen=True)
class FailedSegment:
    """A segment that failed on its way; `value` is the last that is known of it."""

    value: Value
    error: React1Error
    take: str = ""
    """Which combination of a matrix it was; empty where there is none."""


def fallback_value(value: Value | FailedSegment) -> Value | None:
    """Give what stands for a value from now on: for a lost one a take that keeps the original; None for no segment."""
    if not isinstance(value, FailedSegment):
        return value
    latest = value.value
    if isinstance(latest, Take):
        return as_original(latest, value.error.message)
    segment = latest if isinstance(latest, Segment) else getattr(latest, "segment", None)
    if segment is None:
        return None
    return Take(
        segment=segment,
        media=segment.media,
        provider="none",
        request={},
        status="original",
        name=value.take,
        notes=(value.error.message,),
    )


def as_original(take: Take, reason: str) -> Take:
    """Give a take that keeps the original footage, and says why."""
    return take.model_copy(update={"status": "original", "notes": (*take.notes, reason)})


def with_fallback(value: Value, dropped: Mapping[str, str]) -> Value:
    """Give a value as it is, but a take that was left out as one that keeps the original."""
    if isinstance(value, Take) and value.status == "done" and value.segment.name in dropped:
        return as_original(value, dropped[value.segment.name])
    return value


def drop_failed(given: Mapping[str, Any], findings: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Leave out the takes of some segments among a step's inputs; give the inputs, and those that were still in."""
    done = {
        take.segment.name
        for values in given.values()
        if isinstance(values, list)
        for take in values
        if isinstance(take, Take) and take.status == "done"
    }
    dropped = {name: reason for name, reason in findings.items() if name in done}
    left = {
        port: [with_fallback(value, dropped) for value in values] if isinstance(values, list) else values
        for port, values in given.items()
    }
    return left, dropped


def one_original_per_segment(values: Sequence[Value], lost: Mapping[str, int]) -> list[Value]:
    """Give one take that keeps the original, where all takes of a segment failed; `lost` counts them by segment."""
    made: list[Value] = []
    for value in values:
        name = value.segment.name if isinstance(value, Take) and value.status == "original" else ""
        alike = [one for one in values if isinstance(one, Take) and one.segment.name == name]
        if not name or lost[name] < len(alike) or value is alike[0]:
            made.append(value)
    return made
