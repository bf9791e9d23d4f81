"""Run the steps of a job concurrently: each step is a task that waits for the steps that feed it.

A step that takes one segment runs once per segment, as soon as that segment is ready; a step that gathers waits for
all. A failed segment is skipped by later steps, and its original footage stays in the film if the job allows it. The
same holds for a take that makes a gathering step fail. A segment with a matrix of takes runs once per take; steps that
gather its takes wait until one of them is chosen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...config.checked_job import Job, Step
from ...core.errors import CheckFailed, Interrupted, OverBudget, PresetError, React1Error, StorageFailed, not_one_of
from ...core.values import Record, StepRecord, Take, Value, segment_of
from ..events import Message
from ..planning.forecast import check_steps_after
from .paid_steps import costs_money
from .step import StepRunner, as_list, make_record, segment_name, take_name
from .take_matrix import Offer, Picks, makes_takes, reads_face, splits_takes, with_combination

Items = list["asyncio.Task[Value | FailedSegment]"]
"""The results of a step that runs once per segment."""


@dataclass(frozen=True)
class CallInputs:
    """The inputs of one call of a step that runs once per segment, or once per take."""

    tasks: Mapping[str, asyncio.Task[Any]]
    take: str = ""
    after_another_take: bool = False
    """Whether the call before it is another take of the same segment."""


@dataclass(frozen=True)
class FailedSegment:
    """A segment that failed in some step; `value` is the last known result for it."""

    value: Value
    error: React1Error
    take: str = ""
    """The name of the combination in a matrix, or empty."""


class AwaitingPick:
    """The result of a step that waits until the user has chosen takes."""


AWAITING_PICK = AwaitingPick()


class Scheduler:
    """All steps of one run, and their results so far."""

    def __init__(self, job: Job, runner: StepRunner, run: str, picks: Picks, only: str = "") -> None:
        """Run nothing yet; `only` is a segment to whose calls the steps that run per segment are limited."""
        self._job, self._runner, self._run, self._picks, self._only = job, runner, run, picks, only
        self._steps: dict[str, asyncio.Task[Value | Items | AwaitingPick]] = {}
        self.records: list[StepRecord] = []
        self.results: dict[str, Value | list[Value]] = {}
        """The result of each step by its id, complete after `run`; empty for a step that waits for a choice."""
        self.offers: dict[str, Offer] = {}
        """The segments whose edits have a matrix of takes, by name."""
        self._take_names: dict[asyncio.Task[Any], str] = {}
        """The name of the take that a result belongs to, where its step ran once per take."""
        self._failed_takes: Counter[str] = Counter()
        """The number of failed takes by segment name."""
        self._dropped: dict[str, str] = {}
        """Why finished takes are not in the film, by segment name."""

    @property
    def waiting(self) -> list[str]:
        """Names of the segments that wait for a choice; a segment whose takes all failed does not."""
        unpicked = {name: len(offer.takes) for name, offer in self.offers.items() if offer.picked is None}
        return [name for name, count in unpicked.items() if self._failed_takes[name] < count]

    async def run(self) -> None:
        """Run every step to its end.

        Raises:
            React1Error: the first failure; everything else is stopped by then.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for step in self._job.steps:
                    self._steps[step.id] = group.create_task(self._run_step(step, group))
        except BaseExceptionGroup as failures:
            first = _first_error(failures)
            raise first from first.__cause__  # not None: the details of an internal error are those of its cause
        for step in self._job.steps:
            result = self._steps[step.id].result()
            self.results[step.id] = [] if isinstance(result, AwaitingPick) else _values(result, self._dropped)

    async def _run_step(self, step: Step, group: asyncio.TaskGroup) -> Value | Items | AwaitingPick:
        shared: dict[str, Any] = {}
        per_segment: dict[str, Items] = {}
        for port in step.info.ports.inputs:
            if port.value_type is Record:
                shared[port.name] = await self._record(step)
                continue
            results = await self._source_results(step.wires.get(port.name, ()))
            if results is None or (port.gathers and await self._awaits_pick(results)):
                return AWAITING_PICK
            if port.gathers:
                shared[port.name] = [value for result in results for value in await self._gather(result)]
            elif results and isinstance(results[0], list):
                per_segment[port.name] = results[0]
            else:
                shared[port.name] = results[0] if results else None
        count = min((len(items) for items in per_segment.values()), default=0)
        calls = [self._call_of({name: items[index] for name, items in per_segment.items()}) for index in range(count)]
        if self._only and calls:
            calls = await self._calls_of_only(step, calls)
        return await self._run_calls(step, shared, calls if per_segment else None, group)

    async def _calls_of_only(self, step: Step, calls: Sequence[CallInputs]) -> list[CallInputs]:
        """Return the calls of the one segment: `@N` is the N-th of the first step that runs per segment, from 1."""
        latest = [await next(iter(call.tasks.values())) for call in calls]
        names = [segment_name(value.value if isinstance(value, FailedSegment) else value) for value in latest]
        self._require_only(step, names)
        return [call for call, name in zip(calls, names, strict=True) if name == self._only]

    def _require_only(self, step: Step, names: Sequence[str]) -> None:
        """Replace `@N` by the name of a segment, and refuse one that is none of a step's."""
        if self._only.startswith("@"):
            number = int(self._only[1:])
            if not 1 <= number <= len(names):
                raise PresetError(f"segment {self._only}: the job has {len(names)} segments; write @1 to @{len(names)}")
            self._only = names[number - 1]
        if self._only not in names:
            raise PresetError(f"segment {not_one_of(self._only, names)} of step {step.id}")

    def _call_of(self, tasks: Mapping[str, asyncio.Task[Any]]) -> CallInputs:
        return CallInputs(
            tasks, next((self._take_names[task] for task in tasks.values() if task in self._take_names), "")
        )

    async def _run_calls(
        self, step: Step, shared: Mapping[str, Any], calls: list[CallInputs] | None, group: asyncio.TaskGroup
    ) -> Value | Items:
        """Run a step once per call, or once for everything if there are no calls."""
        if calls is not None and self._picks.any and (makes_takes(step) or reads_face(step)):
            calls = await self._split_by_take(step, calls)
        if costs_money(step) or makes_takes(step):
            await self._check_before_takes(step, shared, [CallInputs({})] if calls is None else calls)
        if calls is None:
            result = await self._run_gathered(step, shared)
            if self._only and step.info.ports.fans_out:
                self._require_only(step, [segment_name(value) for value in as_list(result)])
            return self._as_items(result, group)
        return self._start_calls(step, shared, calls, group)

    async def _awaits_pick(self, results: Sequence[Value | Items]) -> bool:
        """Return whether a step would gather takes of a segment that waits for a choice."""
        values = [value for result in results for value in await self._gather(result)]
        return any(isinstance(value, Take) and value.segment.name in self.waiting for value in values)

    async def _source_results(self, step_ids: Sequence[str]) -> list[Value | Items] | None:
        """Wait for the steps that feed a port; return None if one of them waits for a choice."""
        results = []
        for result in [await self._steps[step_id] for step_id in step_ids]:
            if isinstance(result, AwaitingPick):
                return None
            results.append(result)
        return results

    async def _split_by_take(self, step: Step, calls: Sequence[CallInputs]) -> list[CallInputs]:
        """Return a call for every take of a segment: the chosen one, or all."""
        split = []
        for call in calls:
            values = {name: await task for name, task in call.tasks.items()}
            failed = any(isinstance(value, FailedSegment) for value in values.values())
            offer = None if failed else self._picks.offer(list(values.values()))
            if offer is None or not splits_takes(step, offer):
                split.append(call)
                continue
            self.offers[offer.segment.name] = offer
            for number, choice in enumerate((offer.picked,) if offer.picked else offer.takes):
                tasks = {
                    name: asyncio.ensure_future(_ready(with_combination(value, choice)))
                    for name, value in values.items()
                }
                split.append(CallInputs(tasks, choice.name, after_another_take=number > 0))
        return split

    def _start_calls(
        self, step: Step, shared: Mapping[str, Any], calls: Sequence[CallInputs], group: asyncio.TaskGroup
    ) -> Items:
        """Start the calls of a step; the first take of a segment runs before the others, which use what it caches."""
        items: Items = []
        first_take: asyncio.Task[Any] | None = None
        for call in calls:
            waits = call.after_another_take and not costs_money(step)
            items.append(group.create_task(self._run_item(step, shared, call, first_take if waits else None)))
            first_take = first_take if call.after_another_take else items[-1]
            if call.take:
                self._take_names[items[-1]] = call.take
        return items

    async def _check_before_takes(self, step: Step, shared: Mapping[str, Any], calls: Sequence[CallInputs]) -> None:
        """Wait for all segments of a step, and check what later steps need, before a take is made.

        The total cost of a paid step is confirmed once, before any upload. If all takes are stored, nothing is checked:
        nothing is paid, and a later step that cannot use them says so itself.
        """
        inputs = []
        for call in calls:
            values = {name: await task for name, task in call.tasks.items()}
            if not any(isinstance(value, FailedSegment) for value in values.values()):
                inputs.append({**shared, **values})
        if inputs and not await self._runner.missing(step, inputs):
            return
        segments = {
            segment.name: segment for item in inputs for value in item.values() if (segment := segment_of(value))
        }
        await asyncio.to_thread(
            check_steps_after,
            step,
            self._job.steps,
            list(segments.values()),
            self._finished_values(),
            self._runner.store,
        )
        if costs_money(step):
            await self._runner.check_all(step, inputs, fail_fast=self._job.on_failure != "keep-original")

    def _finished_values(self) -> dict[str, Value]:
        """Return the results of finished steps that give one value, by step id."""
        finished = {
            step_id: task.result()
            for step_id, task in self._steps.items()
            if task.done() and not task.cancelled() and task.exception() is None
        }
        return {step_id: result for step_id, result in finished.items() if isinstance(result, Value)}

    async def _run_item(
        self, step: Step, shared: Mapping[str, Any], call: CallInputs, first_take: asyncio.Task[Any] | None
    ) -> Value | FailedSegment:
        values = {name: await task for name, task in call.tasks.items()}
        for value in values.values():
            if isinstance(value, FailedSegment):
                return value
        latest: Value = next(iter(values.values()))
        take = call.take or take_name(latest)
        if first_take is not None:
            await asyncio.wait([first_take])
        try:
            result = await self._call(step, segment_name(latest), {**shared, **values}, take)
        except (Interrupted, OverBudget, StorageFailed):
            raise
        except React1Error as error:
            if self._job.on_failure != "keep-original":
                raise
            self._runner.watcher.on(Message(f"{error}; the original footage is kept"))
            self._failed_takes[segment_name(latest)] += 1
            return FailedSegment(latest, error, take)
        if isinstance(result, list):
            raise TypeError(f"{step.info.name} returns a list for one segment, which is not supported")
        return result.model_copy(update={"name": take}) if isinstance(result, Take) and call.take else result

    async def _run_gathered(self, step: Step, inputs: Mapping[str, Any]) -> Value | list[Value]:
        """Call a step for everything at once; if takes make it fail and the job allows it, again without them."""
        while True:
            try:
                return await self._call(step, "", inputs)
            except CheckFailed as error:
                inputs, dropped = drop_failed(inputs, error.findings)
                if self._job.on_failure != "keep-original" or not dropped:
                    raise
                self._dropped |= dropped
                names = ", ".join(dropped)
                self._runner.watcher.on(Message(f"{error}; the original footage of {names} is kept"))

    async def _call(self, step: Step, segment: str, inputs: Mapping[str, Any], take: str = "") -> Value | list[Value]:
        result, record = await self._runner.run(step, segment, inputs, take)
        self.records.append(record)
        return result

    def _as_items(self, result: Value | list[Value], group: asyncio.TaskGroup) -> Value | Items:
        if not isinstance(result, list):
            return result
        return [group.create_task(_ready(item)) for item in result]

    async def _gather(self, result: Value | Items) -> list[Value]:
        if not isinstance(result, list):
            return [result]
        values = [fallback_value(await task) for task in result]
        return one_original_per_segment(
            [with_fallback(value, self._dropped) for value in values if value is not None], self._failed_takes
        )

    async def _record(self, step: Step) -> Record:
        before = self._job.steps[: self._job.steps.index(step)]
        results: dict[str, Value | list[Value]] = {}
        for earlier in before:
            result = await self._steps[earlier.id]
            if isinstance(result, AwaitingPick):
                results[earlier.id] = []
            else:
                results[earlier.id] = await self._gather(result) if isinstance(result, list) else result
        return make_record(self._run, self._job, before, results, self.records, self.waiting)


def fallback_value(value: Value | FailedSegment) -> Value | None:
    """Return the value, or for a failed segment a take with the original footage, or None if there is no segment."""
    if not isinstance(value, FailedSegment):
        return value
    latest = value.value
    if isinstance(latest, Take):
        return as_original(latest, value.error.message)
    segment = segment_of(latest)
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
    """Return a take that keeps the original footage, with the reason as a note."""
    return take.model_copy(update={"status": "original", "notes": (*take.notes, reason)})


def with_fallback(value: Value, dropped: Mapping[str, str]) -> Value:
    """Return the value, but a dropped take with the original footage; `dropped` maps segment names to reasons."""
    if isinstance(value, Take) and value.status == "done" and value.segment.name in dropped:
        return as_original(value, dropped[value.segment.name])
    return value


def drop_failed(inputs: Mapping[str, Any], findings: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Drop the takes of some segments from a step's inputs; return the inputs, and the segments that had a take."""
    with_take = {
        take.segment.name
        for values in inputs.values()
        if isinstance(values, list)
        for take in values
        if isinstance(take, Take) and take.status == "done"
    }
    dropped = {name: reason for name, reason in findings.items() if name in with_take}
    remaining = {
        port: [with_fallback(value, dropped) for value in values] if isinstance(values, list) else values
        for port, values in inputs.items()
    }
    return remaining, dropped


def one_original_per_segment(values: Sequence[Value], failed_takes: Mapping[str, int]) -> list[Value]:
    """Return one take with the original footage for each segment whose takes all failed, and all other values."""
    chosen: list[Value] = []
    for value in values:
        name = value.segment.name if isinstance(value, Take) and value.status == "original" else ""
        same_segment = [take for take in values if isinstance(take, Take) and take.segment.name == name]
        if not name or failed_takes[name] < len(same_segment) or value is same_segment[0]:
            chosen.append(value)
    return chosen


def _values(result: Value | Items, dropped: Mapping[str, str]) -> Value | list[Value]:
    if not isinstance(result, list):
        return result
    values = [fallback_value(task.result()) for task in result]
    return [with_fallback(value, dropped) for value in values if value is not None]


def _first_error(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the most important failure: an internal error before a React1Error."""
    errors = [_first_error(error) if isinstance(error, BaseExceptionGroup) else error for error in failures.exceptions]
    return next((error for error in errors if not isinstance(error, React1Error)), errors[0])


async def _ready(value: Value) -> Value | FailedSegment:
    return value
