"""Plan a run: which results are stored, why the others are not, and what they will cost.

Nothing is written or spent. Each segment is followed separately, as far as stored results and forecasts go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ...config.checked_job import Job, Step
from ...core.edits.takes import Combination
from ...core.nodes.node import Forecast, Port
from ...core.values import Record, Segment, Take, Upload, Value
from ...jobs.ledger import Ledger
from ...store.keys import digest, explain
from ...store.store import Store
from ..deliveries import check_outputs
from ..external_inputs import ingest, require_providers, resolve_providers
from ..scheduling.paid_steps import costs_money, is_in_month, is_paid_for, is_voided
from ..scheduling.step import as_list, key_parts, latest_name, load_result, make_record, segment_name, take_name
from ..scheduling.take_matrix import (
    Picks,
    extract_picks,
    job_owner,
    makes_takes,
    reads_face,
    splits_takes,
    with_combination,
)
from .forecast import forecast


@dataclass(frozen=True)
class PlannedStep:
    """One row of a plan."""

    step: str
    node: str
    segment: str
    """Empty if the step works on the film, or if the segments are not known yet."""
    stored: bool
    why: str
    """Why the step has to run; `after X` if that depends on the result of X; empty if its result is stored."""
    cost_usd: float
    known: bool = True
    """Whether it is certain that the step has to run, or that it does not."""
    remarks: tuple[str, ...] = ()
    """The node's forecast, and findings in a segment that is to be paid for."""
    splice: dict[str, Any] = field(default_factory=dict)
    """How takes will be put into a film; empty for other steps."""
    take: str = ""
    """The name of the combination in a matrix, or empty."""
    cost_known: bool = True
    """False for a paid step whose segments are not known yet, such as those of a film that is not downloaded."""
    month_usd: float = 0.0
    """How much of the cost is not in the sum of this month (UTC) yet; a call whose response was lost is in it."""


@dataclass(frozen=True)
class Missing:
    """A result that is not stored."""

    step: str
    latest: Value | None = None
    """The latest known value of its segment."""
    take: str = ""
    """The name of the combination in a matrix, or empty."""


PlannedValue = Value | Missing
PlannedResult = PlannedValue | list[PlannedValue]
"""The result of a step as far as it is known; a list if there is one per segment."""


def unknown_cost(rows: Sequence[PlannedStep]) -> str:
    """Return what to add to the cost of a plan, if it is not the cost of all steps; else ""."""
    names = [row.step for row in rows if not row.cost_known]
    return f", and what {', '.join(names)} will cost, which is not known yet" if names else ""


def plan_job(job: Job, store: Store) -> list[PlannedStep]:
    """Plan all steps in order.

    Raises:
        PresetError: a run would refuse the job before its first step.
        InputMediaError: a source cannot be used.
    """
    return _planned(job, store).rows


def _planned(job: Job, store: Store) -> _Plan:
    job = resolve_providers(job)
    require_providers(job)
    check_outputs(job, store, job_owner(job.document), replace=True)
    job = replace(job, steps=tuple(ingest(step, store) for step in job.steps))
    job, picks = extract_picks(job)
    plan = _Plan(job, store, picks)
    for step in job.steps:
        plan.results[step.id] = plan.add_step(step)
    return plan


class _Plan:
    """The rows and the known results so far."""

    def __init__(self, job: Job, store: Store, picks: Picks) -> None:
        self._job, self._store, self._picks = job, store, picks
        self._month = datetime.now(UTC).strftime("%Y-%m")
        self._waiting: set[str] = set()
        """Names of the segments that wait for a choice of takes."""
        self._forecasts: dict[tuple[str, str, str], Forecast] = {}
        """Forecasts by step and segment; all takes of a segment share one, unless they differ in the face."""
        self._shown: set[tuple[str, str]] = set()
        """Forecast lines that a row has, by segment."""
        self._take_names: dict[str, list[str]] = {}
        """The names of the takes to which the results of a step belong, by step."""
        self.rows: list[PlannedStep] = []
        self.results: dict[str, PlannedResult] = {}

    def add_step(self, step: Step) -> PlannedResult:
        """Plan one step: once for the film, or once per segment and take."""
        shared: dict[str, Any] = {}
        per_segment: dict[str, list[PlannedValue]] = {}
        for port in step.info.ports.inputs:
            value = self._input(step, port)
            if isinstance(value, list) and not port.gathers:
                per_segment[port.name] = value
            else:
                shared[port.name] = value
        if not per_segment:
            return self._add_call(step, "", shared)
        results: list[PlannedValue] = []
        names = self._names_before(step)
        for index, row in enumerate(zip(*per_segment.values(), strict=False)):
            for take, values in self._takes(step, row, names[index] if index < len(names) else ""):
                self._take_names.setdefault(step.id, []).append(take)
                inputs = {**shared, **dict(zip(per_segment, values, strict=True))}
                result = self._add_call(step, segment_name_of(values[0]), inputs, take)
                results.append(Missing(step.id) if isinstance(result, list) else with_take_name(result, take))
        return results

    def _names_before(self, step: Step) -> list[str]:
        """Return the names of the takes to which the inputs of a step belong."""
        sources = [source for port in step.info.ports.inputs for source in step.wires.get(port.name, ())]
        return next((self._take_names[source] for source in sources if source in self._take_names), [])

    def _takes(self, step: Step, row: Sequence[PlannedValue], name: str) -> list[tuple[str, Sequence[PlannedValue]]]:
        """Return the name and the inputs of each take of a segment; one without a name if there is no matrix."""
        values = [known for value in row if (known := known_value(value)) is not None]
        offer = self._picks.offer(values) if makes_takes(step) or reads_face(step) else None
        if offer is None or not splits_takes(step, offer):
            return [(take_of(row[0]) or name, row)]
        if offer.picked is None:
            self._waiting.add(offer.segment.name)
        choices = (offer.picked,) if offer.picked else offer.takes
        return [(choice.name, [with_choice(value, choice) for value in row]) for choice in choices]

    def _input(self, step: Step, port: Port) -> Any:
        if port.value_type is Record:
            return self._record(step)
        results = [self.results[source] for source in step.wires.get(port.name, ())]
        if port.gathers:
            return [item for result in results for item in as_list(result)]
        return results[0] if results else None

    def _record(self, step: Step) -> PlannedValue:
        """Return the record of the run before a step; its name and times are not part of a key."""
        before = self._job.steps[: self._job.steps.index(step)]
        results: dict[str, Value | list[Value]] = {}
        for earlier in before:
            planned = self.results[earlier.id]
            values = [value for value in as_list(planned) if isinstance(value, Value)]
            if len(values) < len(as_list(planned)):
                return Missing(earlier.id)
            results[earlier.id] = values if isinstance(planned, list) else values[0]
        return make_record("", self._job, before, results, [], self._waiting)

    def _add_call(self, step: Step, segment: str, inputs: Mapping[str, Any], take: str = "") -> PlannedResult:
        if any(port.gathers and self._awaits_pick(inputs[port.name]) for port in step.info.ports.inputs):
            inputs = {name: one_per_segment(value) for name, value in inputs.items()}
            why = f"after a choice of takes for {', '.join(sorted(self._waiting))}"
            self._add_row(step, segment, why, inputs, is_known=False)
            return []
        missing = first_missing(inputs.values())
        if missing is not None:
            expected = self._add_row(step, segment, f"after {missing.step}", inputs, take, is_known=False)
            return Missing(step.id, _moved_segment(step, expected) or latest_known(inputs))
        parts = key_parts(step, inputs)
        stored = self._stored(step, digest(parts), inputs)
        if stored is not None:
            self._add_row(step, segment, "", inputs, take)
            return stored
        why = explain(self._store.latest_parts(latest_name(self._job.name, step, f"{segment} {take}".strip())), parts)
        expected = self._add_row(step, segment, why, inputs, take)
        if step.info.ports.fans_out and expected.segments:
            return [Missing(step.id, item) for item in expected.segments]
        if not step.info.ports.fans_out and isinstance(expected.result, step.info.ports.output):
            return expected.result
        return Missing(step.id, _moved_segment(step, expected) or latest_known(inputs))

    def _stored(self, step: Step, key: str, inputs: Mapping[str, Any]) -> PlannedResult | None:
        stored = self._store.result(key)
        if stored and is_voided(Ledger(self._store.root), step, key, stored["value"]):
            stored = None
        try:
            result = load_result(step, inputs, stored["value"]) if stored else None
        except ValueError:
            return None  # a run makes it again
        return list(result) if isinstance(result, list) else result

    def _awaits_pick(self, values: Any) -> bool:
        return any(
            segment_name(known) in self._waiting
            for value in values
            if isinstance(known := known_value(value), (Upload, Take))
        )

    def _add_row(
        self, step: Step, segment: str, why: str, inputs: Mapping[str, Any], take: str = "", *, is_known: bool = True
    ) -> Forecast:
        expected = self._forecast(step, segment, inputs, take) if why else Forecast()
        lines = tuple(line for line in expected.lines if (segment, line) not in self._shown)
        self._shown |= {(segment, line) for line in lines}
        cost_usd = expected.cost_usd if costs_money(step) else 0.0
        self.rows.append(
            PlannedStep(
                step=step.id,
                node=step.info.name,
                segment=segment,
                stored=not why,
                why=why,
                cost_usd=cost_usd,
                known=is_known,
                remarks=lines,
                splice=dict(expected.splice),
                take=take,
                cost_known=is_known or bool(segment) or not costs_money(step),
                month_usd=0.0 if not cost_usd or is_in_month(step, inputs, self._store, self._month) else cost_usd,
            )
        )
        return expected

    def _forecast(self, step: Step, segment: str, inputs: Mapping[str, Any], take: str) -> Forecast:
        """Return the forecast of a step; an empty one for a job that is paid for already."""
        if is_paid_for(step, inputs, self._store):
            return Forecast()
        key = (step.id, segment, take if reads_face(step) else "")
        if key not in self._forecasts:
            self._forecasts[key] = forecast(step, known_inputs(step, inputs), self._store)
        return self._forecasts[key]


def _moved_segment(step: Step, expected: Forecast) -> Segment | None:
    """Return the segment that a step which runs once per segment gives, if it says so."""
    return None if step.info.ports.fans_out else next(iter(expected.segments), None)


def known_inputs(step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a step's inputs, without placeholders (`OptionalMembers`)."""
    known: dict[str, Any] = {}
    for port in step.info.ports.inputs:
        values = [value for item in as_list(inputs[port.name]) if (value := known_value(item)) is not None]
        known[port.name] = values if port.gathers else next(iter(values), None)
    return known


def first_missing(values: Any) -> Missing | None:
    """Return the first result that is not stored."""
    items = [item for value in values for item in as_list(value)]
    return next((item for item in items if isinstance(item, Missing)), None)


def latest_known(inputs: Mapping[str, Any]) -> Value | None:
    """Return the latest known value of the segment that some inputs belong to."""
    values = [value.latest if isinstance(value, Missing) else value for value in inputs.values()]
    return next((value for value in values if isinstance(value, (Segment, Upload, Take))), None)


def segment_name_of(value: PlannedValue) -> str:
    """Return the name of the segment that a result belongs to."""
    known = known_value(value)
    return segment_name(known) if known is not None else ""


def known_value(value: PlannedValue | None) -> Value | None:
    """Return a value, or the latest known value in place of a missing one."""
    return value.latest if isinstance(value, Missing) else value


def take_of(value: PlannedValue) -> str:
    """Return the take name in a matrix, or ""."""
    return value.take if isinstance(value, Missing) else take_name(value)


def with_take_name(value: PlannedValue, take: str) -> PlannedValue:
    """Return a result under the name of its take."""
    if isinstance(value, Missing):
        return replace(value, take=take)
    return value.model_copy(update={"name": take}) if take and isinstance(value, Take) else value


def with_choice(value: PlannedValue, choice: Combination) -> PlannedValue:
    """Return a value, or what is known of it, with the plain edit of a combination."""
    if isinstance(value, Missing):
        return replace(value, latest=with_combination(value.latest, choice))
    changed: Value = with_combination(value, choice)
    return changed


def one_per_segment(value: Any) -> Any:
    """Return only the first take of each segment."""
    if not isinstance(value, list):
        return value
    return list({segment_name_of(item): item for item in reversed(value)}.values())[::-1]


def stored_takes(job: Job, store: Store) -> list[Take]:
    """Return the takes that a job's last step with takes has in the store, one per segment; empty if one is missing.

    Raises:
        PresetError: a run would refuse the job before its first step.
        InputMediaError: a source cannot be used.
    """
    plan = _planned(job, store)
    steps = [step for step in job.steps if step.info.ports.output is Take]
    values = as_list(plan.results[steps[-1].id]) if steps else []
    takes = [value for value in values if isinstance(value, Take)]
    return takes if len(takes) == len(values) else []
