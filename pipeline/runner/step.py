"""One step for one segment: its key, the store, the executor or the desk of paid calls, and who failed where."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ..config.checked_job import Step
from ..core.errors import InternalError, React1Error, StorageFailed
from ..core.values import Segment, StepRecord, Value
from ..executors.base import Call, Executor, Resources, Result, from_json
from ..jobs.ledger import Ledger
from ..media.ffmpeg import tool_version
from ..store.atomic import disk_full_message, is_disk_full
from ..store.keys import Parts, digest, make_parts, params_json
from ..store.store import Store
from .events import Message, StepEnded, StepMoved, StepStarted, Watcher
from .expression_blind import is_expression_blind, with_current_edits, without_expression
from .paid_steps import PaidSteps, is_voided
from .record import as_list


class StepRunner:
    """Runs steps through the executor, stored results first."""

    executor: Executor

    def __init__(self, store: Store, watcher: Watcher, job: str, paying: PaidSteps | None = None) -> None:
        self.store, self.watcher = store, watcher
        self._job, self._paying = job, paying
        self._running: dict[str, tuple[str, str]] = {}
        self._told: set[str] = set()

    def pays(self, step: Step) -> bool:
        """Tell whether a step calls a host that takes money."""
        return self._paying is not None and self._paying.does(step)

    async def admit(self, step: Step, asked: Sequence[Mapping[str, Any]], *, stop: bool) -> None:
        """Look at everything that a paid step wants, before any of it is uploaded or paid.

        Raises:
            BadInput: a segment cannot be used.
            OverBudget: it may not be spent.
        """
        assert self._paying is not None
        missing = []
        for given in asked:
            stored = await asyncio.to_thread(
                self._stored, step, digest(await asyncio.to_thread(key_parts, step, given))
            )
            if stored is None:
                missing.append(given)
        try:
            await self._paying.admit(step, missing, stop=stop)
        except React1Error as error:
            error.where = error.where or step.id
            raise

    async def run(
        self, step: Step, segment: str, given: Mapping[str, Any], take: str = ""
    ) -> tuple[Value | list[Value], StepRecord]:
        """Give what a step makes of its inputs, and the record of it; `take` names one of a matrix.

        Raises:
            React1Error: what the node raised, with the step and the segment added.
        """
        parts = await asyncio.to_thread(key_parts, step, given)
        key = digest(parts)
        label = f"{segment} {take}".strip()
        self._running[key] = (step.id, label)
        self.watcher.on(StepStarted(step.id, label))
        where = f"{step.id} [{label}]" if label else step.id
        try:
            result = await self._result(step, key, parts, given)
            made = load_result(step, given, result.value)
        except React1Error as error:
            error.where = error.where or where
            raise
        except Exception as error:  # whatever a node raises is told with its name
            told = self._as_told(step, error)
            told.where = where
            raise told from error
        self.store.put_latest(latest_name(self._job, step, label), parts)
        self.watcher.on(StepEnded(step.id, label, result.reused, result.seconds))
        self._say(segment, made)
        record = StepRecord(
            step=step.id,
            node=step.info.name,
            segment=segment,
            take=take,
            key=key,
            reused=result.reused,
            seconds=result.seconds,
        )
        return made, record

    def _as_told(self, step: Step, error: Exception) -> React1Error:
        """Give the error of ours that stands for another one; a full disk is nobody's fault."""
        if is_disk_full(error):
            return StorageFailed(disk_full_message(self.store.root))
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return InternalError(f"a fault of the node {step.info.name} ({step.info.origin}): {told}")

    def moved(self, key: str, share: float) -> None:
        """Pass on how far the call with this key is."""
        if key in self._running:
            self.watcher.on(StepMoved(*self._running[key], share))

    async def _result(self, step: Step, key: str, parts: Parts, given: Mapping[str, Any]) -> Result:
        stored = await asyncio.to_thread(self._stored, step, key)
        if stored is not None:
            return stored
        self.store.drop_result(key)
        if self._paying is not None and self._paying.does(step):
            result = await self._paying.run(step, given, lambda share: self.moved(key, share))
            await asyncio.to_thread(self.store.put_result, key, result.value, parts, result.seconds)
            return result
        call = Call(
            fn=step.info.fn,
            args={"params": params_json(step.params), "inputs": inputs_json(given), "parts": parts},
            key=key,
            need=Resources(cpu_slots=0 if step.info.cls.workload == "io" else 1),
        )
        return await self.executor.run(call)

    def _stored(self, step: Step, key: str) -> Result | None:
        stored = self.store.result(key)
        if stored is None or not _is_readable(step, stored["value"]):
            return None
        if step.info.cls.workload == "paid" and is_voided(Ledger(self.store.root), stored["value"]):
            return None
        return Result(stored["value"], stored["seconds"], reused=True)

    def _say(self, segment: str, made: Value | list[Value]) -> None:
        for value in as_list(made):
            for line in getattr(value, "notes", ()):
                # A step that makes segments says of each what the steps after it would say again.
                name = segment or (value.name if isinstance(value, Segment) else "")
                text = f"{name}: {line}" if name else str(line)
                if text not in self._told:
                    self._told.add(text)
                    self.watcher.on(Message(text))


def _is_readable(step: Step, value: Any) -> bool:
    """Tell whether a stored result can be read back; one that was tampered with is made anew."""
    try:
        from_json(step.info.ports.output, value)
    except ValueError:
        return False
    return True


def key_parts(step: Step, given: Mapping[str, Any]) -> Parts:
    """Give the parts of a step's key for these inputs."""
    tools = {name: tool_version(name) for name in step.info.cls.tools}
    params = step.params
    if is_expression_blind(step.info.cls):
        params, given = without_expression(params), {name: without_expression(value) for name, value in given.items()}
    return make_parts(step.info.cls, params, given, tools)


def load_result(step: Step, given: Mapping[str, Any], value: Any) -> Value | list[Value]:
    """Turn the JSON of a result into values, under the edits that are asked for now."""
    made: Value | list[Value] = from_json(step.info.ports.output, value)
    if is_expression_blind(step.info.cls):
        made = with_current_edits(made, step.params, given)
    return made


def latest_name(job: str, step: Step, segment: str) -> str:
    """Name the place of a step in a job, under which its latest key is noted."""
    return f"{job}/{step.id}/{segment}"


def inputs_json(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the inputs of a call into JSON."""
    return {name: _input_json(value) for name, value in given.items()}


def _input_json(value: Any) -> Any:
    if isinstance(value, list):
        return [item.model_dump(mode="json") for item in value]
    return None if value is None else value.model_dump(mode="json")
