"""Run one step for one segment: its key, the stored result, or a call of the executor or the job manager.

Collect what a run has produced as a value: for the report, for a plan, and for the user's result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ...config.checked_job import Job, Step
from ...core.errors import InputMediaError, InternalError, React1Error, StorageFailed
from ...core.nodes.node import need_of
from ...core.shared_values import share_parts
from ...core.tracing import current_traceparent
from ...core.values import Media, Record, Segment, StepRecord, Take, Value, segment_of
from ...executors.base import Call, Executor, Result, from_json
from ...executors.local_executor import LocalExecutor
from ...faces.kept_choice import require_same_person
from ...jobs.ledger import Ledger
from ...media.tools.ffmpeg import tool_version
from ...store.atomic import disk_full_message, is_disk_full, refusal_by_system
from ...store.keys import Parts, digest, make_parts, params_json
from ...store.store import Store
from ..events import Message, StepEnded, StepMoved, StepStarted, Watcher
from ..external_inputs import bills_itself
from .expression_blind import ignored_fields, with_current_edits, without_fields
from .paid_steps import PaidSteps, costs_money, is_voided
from .take_matrix import makes_takes, reads_face

Item = TypeVar("Item")


def make_record(
    run: str,
    job: Job,
    steps: Sequence[Step],
    results: Mapping[str, Value | list[Value]],
    records: list[StepRecord],
    waiting: Collection[str] = (),
) -> Record:
    """Collect the film and its source, and the latest version of every segment and take; steps in the job's order.

    Takes of segments that are `waiting` for a choice, by name, become `offered` and are not part of the film.
    """
    values = [(step, value) for step in steps for value in as_list(results[step.id])]
    segments = {value.name: value for _, value in values if isinstance(value, Segment)}
    takes = {(value.segment.name, value.name): value for _, value in values if isinstance(value, Take)}
    media = [(step, value) for step, value in values if isinstance(value, Media)]
    films = [(step, value) for step, value in media if joins_takes(step)]
    sources = [*(_joined_film(films[0][0], results) if films else ()), *(value for _, value in media)]
    place = {step.id: number for number, step in enumerate(steps)}
    return Record(
        run=run,
        preset=job.name,
        title=film_name(job),
        source=sources[0] if sources else None,
        segments=tuple(segments.values()),
        takes=tuple(take for take in takes.values() if take.segment.name not in waiting),
        offered=tuple(take for take in takes.values() if take.segment.name in waiting),
        film=films[-1][1] if films else None,
        steps=tuple(sorted(records, key=lambda item: (place.get(item.step, len(place)), item.segment, item.take))),
    )


def _joined_film(step: Step, results: Mapping[str, Value | list[Value]]) -> list[Media]:
    """Return the film into which a step puts takes: of a proxy, its original."""
    names = [port.name for port in step.info.ports.inputs if port.value_type is Media]
    values = [results.get(earlier) for name in names for earlier in step.wires.get(name, ())]
    return [value for value in values if isinstance(value, Media)]


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


class StepRunner:
    """Run steps through the executor; stored results come first."""

    executor: Executor
    local_executor: LocalExecutor
    """Runs the calls of nodes that bill by themselves: never twice."""

    def __init__(
        self,
        store: Store,
        watcher: Watcher,
        job: str,
        paid_steps: PaidSteps | None = None,
        on_key: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Run nothing yet; `on_key` gets the key of every result before it is used."""
        self.store, self.watcher = store, watcher
        self._on_key = on_key
        self._job, self._paid_steps = job, paid_steps
        self._running: dict[str, tuple[str, str]] = {}
        self._sent_messages: set[str] = set()

    async def check_all(self, step: Step, calls: Sequence[Mapping[str, Any]], *, fail_fast: bool) -> None:
        """Check everything that a paid step will do before any of it is uploaded or paid.

        Raises:
            InputMediaError: a segment cannot be used.
            OverBudget: it costs more than is allowed, or nobody has approved.
        """
        assert self._paid_steps is not None
        missing = await self.missing(step, calls)
        if self.executor is not self.local_executor:
            await self._check_spans(await asyncio.to_thread(self._paid_steps.span_checks, step, missing))
        try:
            await self._paid_steps.check_all(step, missing, fail_fast=fail_fast)
        except React1Error as error:
            error.where = error.where or step.id
            raise

    async def missing(self, step: Step, calls: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Return the inputs of those calls of a step whose results are not stored, by key."""
        missing: dict[str, Mapping[str, Any]] = {}
        for inputs in calls:
            key = digest(await asyncio.to_thread(key_parts, step, inputs))
            if await asyncio.to_thread(self._stored, step, key) is None:
                missing[key] = inputs
        return missing

    async def _check_spans(self, calls: Sequence[Call]) -> None:
        """Check spans where calls run; the check of the paid step then finds what they found."""
        for result in await asyncio.gather(*map(self.executor.run, calls), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, React1Error):
                raise result

    async def run(
        self, step: Step, segment: str, inputs: Mapping[str, Any], take: str = ""
    ) -> tuple[Value | list[Value], StepRecord]:
        """Return the result of a step and its record; `take` is the name of a combination in a matrix.

        Raises:
            React1Error: what the node raised, with the step and the segment added.
        """
        parts = await asyncio.to_thread(key_parts, step, inputs)
        key = digest(parts)
        await asyncio.to_thread(self._on_key, key)
        label = f"{segment} {take}".strip()
        self._running[key] = (step.id, label)
        self.watcher.on(StepStarted(step.id, label))
        where = f"{step.id} [{label}]" if label else step.id
        try:
            result = await self._result(step, key, parts, inputs)
            value = load_result(step, inputs, result.value)
            if not result.reused and reads_face(step):
                await asyncio.to_thread(self._require_same_face, step, label, key, parts, value)
        except React1Error as error:
            error.where = error.where or where
            raise
        except Exception as error:  # a node may raise anything
            converted = self._convert_error(step, error)
            converted.where = where
            raise converted from error
        await asyncio.to_thread(self.store.put_latest, latest_name(self._job, step, label), parts)
        self.watcher.on(StepEnded(step.id, label, result.reused, result.seconds))
        self._send_notes(segment, value)
        record = StepRecord(
            step=step.id,
            node=step.info.name,
            segment=segment,
            take=take,
            key=key,
            reused=result.reused,
            seconds=result.seconds,
            makes_takes=makes_takes(step),
        )
        return value, share_parts(record)

    def _require_same_face(self, step: Step, label: str, key: str, parts: Parts, value: Value | list[Value]) -> None:
        """Refuse a face that was chosen again by its number, and is another person than before other versions came.

        Raises:
            InputMediaError: it is; the new choice is not kept.
        """
        last = self.store.latest_parts(latest_name(self._job, step, label))
        if last is None or any(last.get(name) != parts[name] for name in ("node", "params", "inputs")):
            return
        stored = self.store.result(digest(last))
        if stored is None or not _is_readable(step, stored["value"]):
            return
        for before, now in zip(
            as_list(from_json(step.info.ports.output, stored["value"])), as_list(value), strict=False
        ):
            if isinstance(before, Segment) and isinstance(now, Segment):
                try:
                    require_same_person(before, now)
                except InputMediaError:
                    self.store.drop_result(key)
                    raise

    def _convert_error(self, step: Step, error: Exception) -> React1Error:
        """Convert any exception: a full disk or a refused path into StorageFailed, others into InternalError."""
        if is_disk_full(error):
            return StorageFailed(disk_full_message(self.store.root))
        if refusal := refusal_by_system(error):
            return StorageFailed(refusal)
        message = " ".join(f"{type(error).__name__}: {error}".split())
        return InternalError(f"the node {step.info.name} ({step.info.origin}) failed: {message}")

    def report_progress(self, key: str, share: float) -> None:
        """Report the completed share of the call with this key."""
        if key in self._running:
            self.watcher.on(StepMoved(*self._running[key], share))

    async def _result(self, step: Step, key: str, parts: Parts, inputs: Mapping[str, Any]) -> Result:
        stored = await asyncio.to_thread(self._stored, step, key)
        if stored is not None:
            return stored
        if self._paid_steps is not None and costs_money(step):
            self._paid_steps.raise_if_rejected(key)
            if not bills_itself(step):
                return await self._paid_result(self._paid_steps, step, key, parts, inputs)
        call = Call(
            fn=step.info.fn,
            args={"params": params_json(step.params), "inputs": inputs_json(inputs), "parts": parts},
            key=key,
            need=replace(need_of(step.info.cls), cores=0) if bills_itself(step) else need_of(step.info.cls),
            traceparent=current_traceparent(),
        )
        if self._paid_steps is not None and bills_itself(step):
            stored_meanwhile = partial(self._stored, step, key)
            work = partial(self._compute, self.local_executor, call)
            return await self._paid_steps.run_own(step, key, inputs, stored_meanwhile, work)
        return await self._compute(self.executor, call)

    async def _compute(self, executor: Executor, call: Call) -> Result:
        await asyncio.to_thread(self.store.drop_result, call.key)  # what is stored cannot be used
        return await executor.run(call)

    async def _paid_result(
        self, paid_steps: PaidSteps, step: Step, key: str, parts: Parts, inputs: Mapping[str, Any]
    ) -> Result:
        async with paid_steps.hold(step, inputs):
            stored = await asyncio.to_thread(self._stored, step, key)
            if stored is not None:  # by another run or machine, since it was looked up
                return stored
            await asyncio.to_thread(self.store.drop_result, key)  # here, where nobody else can store a take meanwhile
            result = await paid_steps.run_job(step, inputs, lambda share: self.report_progress(key, share))
            await asyncio.to_thread(self.store.put_result, key, result.value, parts, result.seconds)
            return result

    def _stored(self, step: Step, key: str) -> Result | None:
        stored = self.store.result(key)
        if stored is None or not _is_readable(step, stored["value"]):
            return None
        if step.info.cls.workload == "paid" and is_voided(Ledger(self.store.root), step, key, stored["value"]):
            return None
        return Result(stored["value"], stored["seconds"], reused=True)

    def _send_notes(self, segment: str, result: Value | list[Value]) -> None:
        """Send every note of a result once; later steps of the same segment repeat it."""
        for value in as_list(result):
            for note in getattr(value, "notes", ()):
                name = segment or (value.name if isinstance(value, Segment) else "")
                text = f"{name}: {note}" if name else str(note)
                if text not in self._sent_messages:
                    self._sent_messages.add(text)
                    self.watcher.on(Message(text))


def _is_readable(step: Step, value: Any) -> bool:
    """Return whether a stored result can be loaded; the step runs again if it cannot."""
    try:
        from_json(step.info.ports.output, value)
    except ValueError:
        return False
    return True


def key_parts(step: Step, inputs: Mapping[str, Any]) -> Parts:
    """Return the parts of a step's key for these inputs."""
    tools = {name: tool_version(name) for name in step.info.cls.tools}
    params = step.params
    if ignored := ignored_fields(step):
        params = without_fields(params, ignored)
        inputs = {name: without_fields(item, ignored) for name, item in inputs.items()}
    return make_parts(step.info.cls, params, inputs, tools)


def load_result(step: Step, inputs: Mapping[str, Any], value: Any) -> Value | list[Value]:
    """Build values from the JSON of a result, with the current edits."""
    result: Value | list[Value] = from_json(step.info.ports.output, value)
    if ignored := ignored_fields(step):
        result = with_current_edits(result, step.params, inputs, ignored)
    return share_parts(result)


def latest_name(job: str, step: Step, segment: str) -> str:
    """Return the name under which the store keeps the latest key of a step in a job."""
    return f"{job}/{step.id}/{segment}"


def inputs_json(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a call as JSON."""
    return {name: _input_json(value) for name, value in inputs.items()}


def _input_json(value: Any) -> Any:
    if isinstance(value, list):
        return [item.model_dump(mode="json") for item in value]
    return None if value is None else value.model_dump(mode="json")
