"""What a run would do: which results are stored, and why the others are not. Nothing is written, nothing is spent.

Takes   a job and a store that is read only.
Gives   one row per step and segment; each segment is followed by itself, as far as stored results go.
Raises  what a run would raise before it works: PresetError, BadInput.

Look at a source before a run, with nothing written, so that a plan tells of media that cannot be used.

Takes   a step that ships with the pipeline, takes no inputs, and whose address is a local file.
Gives   what the step would give; None where it cannot tell without writing.
Raises  BadInput, as the step would.

Results of a plan that are not stored yet, and what is known of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config.checked_job import Job, Step
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.node import Port
from ..core.registry import SHIPPED
from ..core.takes import Combination
from ..core.values import Media, Record, Segment, Take, Upload, Value
from ..jobs.ledger import Ledger
from ..splicing.feasibility import Feasibility
from ..store.keys import digest, explain
from ..store.store import Store
from .deliveries import check_outputs
from .external_inputs import ingest, require_providers, resolve_providers
from .forecast import cost_usd, foreseen, remarks, splice_survey
from .paid_steps import is_voided
from .record import as_list, make_record, segment_name, take_name
from .step import key_parts, latest_name, load_result
from .take_matrix import Picks, extract_picks, job_owner, makes_takes, with_combination


@dataclass(frozen=True)
class PlannedStep:
    """One row of a plan."""

    step: str
    node: str
    segment: str
    """Empty where the step works for the film, or where the segments are not known yet."""
    stored: bool
    why: str
    """Why it has to run; `after X` where that is not known before X is made; empty where its result is stored."""
    cost_usd: float
    known: bool = True
    """Whether it is known that it has to run, or that it has not."""
    remarks: tuple[str, ...] = ()
    """What was seen in a segment that is to be paid for, and how a film will be spliced."""
    splice: dict[str, Any] = field(default_factory=dict)
    """How a film will be spliced; empty for other steps."""
    take: str = ""
    """Which combination of a matrix it is for; empty where there is none."""


def plan_job(job: Job, store: Store, *, replace_existing: bool = False) -> list[PlannedStep]:
    """Walk the steps in order, following stored results as far as they go.

    Raises:
        PresetError: a run would refuse the job before its first step.
        BadInput: a source cannot be used.
    """
    job = resolve_providers(job)
    require_providers(job)
    check_outputs(job, store, job_owner(job.document), replace=replace_existing)
    job = replace(job, steps=tuple(ingest(step, store) for step in job.steps))
    job, picks = extract_picks(job)
    plan = _Plan(job, store, picks)
    for step in job.steps:
        plan.made[step.id] = plan.follow(step)
    return plan.rows


class _Plan:
    """The rows so far, and what the steps so far gave."""

    def __init__(self, job: Job, store: Store, picks: Picks) -> None:
        self._job, self._store, self._picks = job, store, picks
        self._waiting: set[str] = set()
        """The segments of which a take is to be chosen."""
        self._looked_at: set[str] = set()
        """The segments of which it is told what was seen in them."""
        self.rows: list[PlannedStep] = []
        self.made: dict[str, PlannedResult] = {}

    def follow(self, step: Step) -> PlannedResult:
        """Plan one step: once for the film, or once per segment."""
        given: dict[str, Any] = {}
        bundles: dict[str, list[PlannedValue]] = {}
        for port in step.info.ports.inputs:
            found = self._given(step, port)
            if isinstance(found, list) and not port.gathers:
                bundles[port.name] = found
            else:
                given[port.name] = found
        if not bundles:
            return self._look(step, "", given)
        segments: list[PlannedValue] = []
        for row in zip(*bundles.values(), strict=False):
            for take, values in self._takes(step, row):
                made = self._look(
                    step, segment_name_of(values[0]), {**given, **dict(zip(bundles, values, strict=True))}, take
                )
                segments.append(with_take_name(made, take) if isinstance(made, (Value, Missing)) else Missing(step.id))
        return segments

    def _takes(self, step: Step, row: Sequence[PlannedValue]) -> list[tuple[str, Sequence[PlannedValue]]]:
        """Give the inputs of each take that a step makes of a segment; one without a name where there is no matrix."""
        values = [found for one in row if (found := known_value(one)) is not None]
        offer = self._picks.offer(values) if makes_takes(step) else None
        if offer is None:
            return [(take_of(row[0]), row)]
        if offer.picked is None:
            self._waiting.add(offer.segment.name)
        wanted = (offer.picked,) if offer.picked else offer.takes
        return [(choice.name, [with_choice(one, choice) for one in row]) for choice in wanted]

    def _given(self, step: Step, port: Port) -> Any:
        if port.value_type is Record:
            return self._record(step)
        made = [self.made[wire] for wire in step.wires.get(port.name, ())]
        if port.gathers:
            return [item for value in made for item in as_list(value)]
        return made[0] if made else None

    def _record(self, step: Step) -> PlannedValue:
        """Tell of the run as it will be told then; its name and its times are no part of a key."""
        before = self._job.steps[: self._job.steps.index(step)]
        results: dict[str, Value | list[Value]] = {}
        for earlier in before:
            made = self.made[earlier.id]
            found = [one for one in as_list(made) if isinstance(one, Value)]
            if len(found) < len(as_list(made)):
                return Missing(earlier.id)
            results[earlier.id] = found if isinstance(made, list) else found[0]
        return make_record("", self._job, before, results, [], self._waiting)

    def _look(self, step: Step, segment: str, given: Mapping[str, Any], take: str = "") -> PlannedResult:
        if any(port.gathers and self._awaits_choice(given[port.name]) for port in step.info.ports.inputs):
            given = {name: one_per_segment(value) for name, value in given.items()}
            why = f"after a choice of takes for {', '.join(sorted(self._waiting))}"
            self._row(step, segment, why, given, is_known=False)
            return []
        missing = first_missing(given.values())
        if missing is not None:
            self._row(step, segment, f"after {missing.step}", given, take, is_known=False)
            return Missing(step.id, latest_known(given))
        parts = key_parts(step, given)
        made = self._stored(step, digest(parts), given)
        if made is not None:
            self._row(step, segment, "", given, take)
            return made
        why = explain(self._store.latest_parts(latest_name(self._job.name, step, f"{segment} {take}".strip())), parts)
        self._row(step, segment, why, given, take)
        cut = foreseen(step, given, self._store)
        if cut:
            return [Missing(step.id, one) for one in cut]
        return look_at_source(step, self._store) or Missing(step.id, latest_known(given))

    def _stored(self, step: Step, key: str, given: Mapping[str, Any]) -> PlannedResult | None:
        stored = self._store.result(key)
        if stored and is_voided(Ledger(self._store.root), stored["value"]):
            stored = None
        try:
            made = load_result(step, given, stored["value"]) if stored else None
        except ValueError:
            return None  # a run would make it anew
        return list(made) if isinstance(made, list) else made

    def _awaits_choice(self, given: Any) -> bool:
        return any(
            segment_name(value) in self._waiting
            for one in given
            if isinstance(value := known_value(one), (Upload, Take))
        )

    def _row(
        self, step: Step, segment: str, why: str, given: Mapping[str, Any], take: str = "", *, is_known: bool = True
    ) -> None:
        told = [value.latest if isinstance(value, Missing) else value for value in given.values()]
        cost = cost_usd(step, told, given, self._store) if why else 0.0
        said = remarks(step, told, self._store) if cost and segment not in self._looked_at else ()
        if cost:
            self._looked_at.add(segment)
        splice = self._splice(step, given) if why else None
        if splice is not None:
            said = (*said, splice.line())
        way = splice.metrics() if splice is not None else {}
        self.rows.append(PlannedStep(step.id, step.info.name, segment, not why, why, cost, is_known, said, way, take))

    def _splice(self, step: Step, given: Mapping[str, Any]) -> Feasibility | None:
        found = {name: [known_value(one) for one in as_list(value)] for name, value in given.items()}
        return splice_survey(step, found, self._store)


class _Writes(Exception):
    """The step wants more than to look."""


class _Window:
    """A room in which a node can look at files, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, file: File) -> Path:
        """Give a path where this content can be read."""
        return self._store.path(file)

    def temp_path(self, name: str) -> Path:
        """Refuse a new file."""
        raise _Writes(name)

    def store(self, path: Path) -> File:
        """Refuse to keep a file."""
        raise _Writes(path)

    def progress(self, share: float) -> None:
        """Go on."""

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Refuse to start a tool."""
        raise _Writes(argv[0])


def look_at_source(step: Step, store: Store) -> Media | None:
    """Give the media that a local source is, or None where this step is no such source.

    Raises:
        BadInput: the media cannot be used.
    """
    info = step.info
    local = any(isinstance(getattr(step.params, name), File) for name in type(step.params).model_fields)
    if info.origin != SHIPPED or info.cls.workload != "io" or info.ports.inputs or not local:
        return None
    try:
        made = info.cls().run(_Window(store), step.params)  # type: ignore[attr-defined]
    except _Writes:
        return None
    except InputMediaError as error:
        error.where = error.where or step.id
        raise
    return made if isinstance(made, Media) else None


@dataclass(frozen=True)
class Missing:
    """A result that is not stored."""

    step: str
    latest: Value | None = None
    """The last that is known of its segment."""
    take: str = ""
    """Which combination of a matrix it is; empty where there is none."""


PlannedValue = Value | Missing
PlannedResult = PlannedValue | list[PlannedValue]
"""What a step gave, by the store; a list where it gives one per segment."""


def first_missing(values: Any) -> Missing | None:
    """Give the first result that is not stored among some inputs."""
    flat = [item for value in values for item in as_list(value)]
    return next((item for item in flat if isinstance(item, Missing)), None)


def latest_known(given: Mapping[str, Any]) -> Value | None:
    """Give the last that is known of the segment that some inputs belong to."""
    found = [value.latest if isinstance(value, Missing) else value for value in given.values()]
    return next((value for value in found if isinstance(value, (Segment, Upload, Take))), None)


def segment_name_of(value: PlannedValue) -> str:
    """Give the name of the segment that a result belongs to."""
    found = known_value(value)
    return segment_name(found) if found is not None else ""


def known_value(value: PlannedValue | None) -> Value | None:
    """Give a value, or the last that is known in its place."""
    return value.latest if isinstance(value, Missing) else value


def take_of(value: PlannedValue) -> str:
    """Give the name of the combination that a result belongs to; empty where there is no matrix."""
    if isinstance(value, Missing):
        return value.take
    return take_name(value)


def with_take_name(made: PlannedValue, take: str) -> PlannedValue:
    """Give what a step made, or lacks, under the name of its take."""
    if isinstance(made, Missing):
        return replace(made, take=take)
    return made.model_copy(update={"name": take}) if take and isinstance(made, Take) else made


def with_choice(value: PlannedValue, choice: Combination) -> PlannedValue:
    """Give a value, or what is known of it, under the plain edit of a combination."""
    if isinstance(value, Missing):
        return replace(value, latest=with_combination(value.latest, choice))
    made: Value = with_combination(value, choice)
    return made


def one_per_segment(value: Any) -> Any:
    """Give one of the takes of each segment."""
    if not isinstance(value, list):
        return value
    return list({segment_name_of(one): one for one in reversed(value)}.values())[::-1]
