"""Steps that cost money: check them, get their cost approved, and run the jobs of React-1 providers.

A step with a paid provider becomes jobs, which the ledger records. A plug-in that bills by itself runs like any other
node, after its forecast was approved; the ledger has its calls with what their takes say that they cost.

In a shared store a paid call is made under a lease, so that two machines never pay for one take. A ledger belongs to
one home folder: a call that another home's coordinator has begun is refused, since only its ledger can tell what became
of it. After a crash the same home takes its lease over at once, and a displaced process stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.checked_job import Job, Step
from ...core.edits.choices import resolve_choices
from ...core.errors import Interrupted, React1Error, StorageFailed
from ...core.settings import month_budget_usd
from ...core.values import Segment, Upload, segment_of
from ...executors.base import Call, Result, to_json
from ...jobs.budget import EstimateItem, MonthBudget, SpendingPolicy, span_check_params
from ...jobs.ledger import Ledger
from ...jobs.ledger_entry import JOB_METRICS
from ...jobs.ledger_entry import Call as LedgerCall
from ...jobs.request import JobRequest
from ...preflight.span_check import SpanCheck, call_parts
from ...store.atomic import write_new
from ...store.keys import digest, params_json
from ...store.lease import Lease, Leases, LeaseTaken
from ...store.store import Store
from ..events import Message, Watcher
from ..external_inputs import bills_itself, paid_provider
from ..planning.forecast import check_before_paying, forecast
from .own_bill import OwnBills, billed_usd

if TYPE_CHECKING:
    from ...jobs.connection import Hosts
    from ...jobs.manager import JobManager
    from ...jobs.request import JobRequest


RENEW_S = 15.0


class PaidLeases:
    """The leases of one run on its paid calls; without a shared store there are none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leases: Leases | None = None

    @contextlib.asynccontextmanager
    async def hold(self, call: LedgerCall) -> AsyncIterator[None]:
        """Hold the lease of a call; it is released when the block succeeds, or when nothing was paid.

        Raises:
            StorageFailed: another home folder has begun the call.
            Interrupted: another process of this home folder has taken the call over.
        """
        if not self._store.backend.shared:
            yield
            return
        lease = await asyncio.to_thread(self._acquire, call)
        task = asyncio.current_task()
        assert task is not None and self._leases is not None
        lost: list[LeaseTaken] = []
        renewing = asyncio.create_task(self._renew(lease, task, lost))
        try:
            try:
                yield
            finally:
                renewing.cancel()  # first: a renewal must not find the lease released
        except BaseException:
            if lost:
                raise Interrupted(f"another process goes on with this paid call: {lost[0].lease.holder}") from lost[0]
            entry = await asyncio.to_thread(Ledger(self._store.root).latest, call)
            if entry is None or not (entry.open or entry.state == "done"):
                await asyncio.to_thread(self._leases.release, lease)
            raise
        await asyncio.to_thread(self._leases.release, lease)

    def _acquire(self, call: LedgerCall) -> Lease:
        if self._leases is None:
            self._leases = Leases(self._store.backend.records, owner=home_id(self._store))
        name = f"paid-{call.key}"
        try:
            return self._leases.acquire(name, time.monotonic(), ttl_s=0)
        except LeaseTaken as error:
            raise StorageFailed(
                f"this take is being paid for by {error.lease.holder}, whose ledger alone knows how it ends; wait for "
                f"it, or resume that run; if that home is lost, remove leases/{name}.json from {self._store.place}"
            ) from error

    async def _renew(self, lease: Lease, task: asyncio.Task[object], lost: list[LeaseTaken]) -> None:
        """Renew a lease until it is released; cancel the task if another process has it."""
        assert self._leases is not None
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await asyncio.to_thread(self._leases.renew, lease)
            except LeaseTaken as error:
                lost.append(error)
                task.cancel()
                return
            except StorageFailed:  # the store is away for a moment: nobody can take the lease over either
                continue


def home_id(store: Store) -> str:
    """Return the random name of a home folder, which is created with its first use."""
    path = store.root / "home-id"
    with contextlib.suppress(FileExistsError):
        if not path.exists():
            write_new(path, uuid.uuid4().hex)
    return path.read_text(encoding="ascii").strip()


SPAN_CHECK = f"{SpanCheck.__module__}:{SpanCheck.__name__}"
Calls = Mapping[str, Mapping[str, Any]]
"""The inputs of each call of a step, by key."""


class PaidSteps:
    """The paid steps of one run."""

    def __init__(self, manager: JobManager, store: Store, own_bills: OwnBills) -> None:
        self._manager, self._store, self._own_bills = manager, store, own_bills
        self._rejected: dict[str, React1Error] = {}
        self._leases = PaidLeases(store)

    async def check_all(self, step: Step, calls: Calls, *, fail_fast: bool) -> None:
        """Check everything that a step will pay for, and its cost, before anything is sent.

        Raises:
            InputMediaError: a segment cannot be used.
            OverBudget: it costs more than is allowed, or nobody has approved.
        """
        if bills_itself(step):
            await self._approve_forecast(step, calls, fail_fast=fail_fast)
        else:
            requests = [job_request(step, inputs) for inputs in calls.values()]
            await self._manager.check_all(requests, fail_fast=fail_fast)

    async def _approve_forecast(self, step: Step, calls: Calls, *, fail_fast: bool) -> None:
        items, costs_usd = [], {}
        for key, inputs in calls.items():
            try:
                await asyncio.to_thread(check_before_paying, step, inputs, self._store)
                forecasted = await asyncio.to_thread(forecast, step, inputs, self._store)
            except React1Error as error:
                if fail_fast:
                    raise
                self._rejected[key] = error
                continue
            segment = find_segment(inputs.values())
            label, seconds = (segment.name, float(segment.media.duration_s)) if segment else (step.id, 0.0)
            items.append(EstimateItem(label, step.info.name, seconds, forecasted.cost_usd, notes=forecasted.lines))
            costs_usd[key] = forecasted.cost_usd
        if any(costs_usd.values()):
            await self._manager.approve(items)
        for key, usd in costs_usd.items():
            self._manager.commit(key, usd)
        self._own_bills.forecast_usd |= costs_usd

    def span_checks(self, step: Step, calls: Calls) -> list[Call]:
        """Return a call of the executor for each span that `check_all` will look at, so that workers look at it."""
        if bills_itself(step):
            return []
        checks = {}
        for inputs in calls.values():
            request = job_request(step, inputs)
            if not is_paid_for(step, inputs, self._store):
                params = span_check_params(request.provider.limits)
                parts = call_parts(request.segment, params)
                values = {"params": params_json(params), "inputs": {"segment": request.segment.model_dump(mode="json")}}
                call = Call(SPAN_CHECK, {**values, "parts": parts}, digest(parts), SpanCheck.need)
                checks[call.key] = call
        return list(checks.values())

    def raise_if_rejected(self, key: str) -> None:
        """Raise why `check_all` has rejected a call."""
        if key in self._rejected:
            raise self._rejected[key]

    @asynccontextmanager
    async def hold(self, step: Step, inputs: Mapping[str, Any]) -> AsyncIterator[None]:
        """Keep every other run of this home, and every machine that shares the store, from paying for this call."""
        request = job_request(step, inputs)
        async with self._hold_call(request.call, request.segment.name):
            yield

    @asynccontextmanager
    async def _hold_call(self, call: LedgerCall, segment: str) -> AsyncIterator[None]:
        # The lock comes first: who waits for it takes no lease from a run of the same home.
        async with self._manager.hold_call(call.key, segment), self._leases.hold(call):
            yield

    async def run_own(
        self,
        step: Step,
        key: str,
        inputs: Mapping[str, Any],
        stored: Callable[[], Result | None],
        work: Callable[[], Awaitable[Result]],
    ) -> Result:
        """Return the result of a node that bills by itself, which no other run or machine calls meanwhile.

        Args:
            step: the step.
            key: the content key of the call.
            inputs: its inputs.
            stored: looks up the result, which another run may have made while this one has waited.
            work: calls the node.
        """
        segment = find_segment(inputs.values())
        bill = self._own_bills.bill(step.info.name, key, segment.name if segment else "")
        async with self._hold_call(bill.call, bill.segment):
            result = await asyncio.to_thread(stored)
            if result is not None:
                return result
            try:
                result = await self._own_bills.run(bill, work)
            except React1Error as error:
                if getattr(error, "billed", None) is False:
                    self._manager.commit(key, 0.0)
                raise
            self._manager.commit(key, billed_usd(bill, result))
            return result

    async def run_job(self, step: Step, inputs: Mapping[str, Any], progress: Callable[[float], None]) -> Result:
        """Return the take that a provider renders of a segment; the caller holds the call by `hold`."""
        result = await self._manager.run_held(job_request(step, inputs), progress)
        return Result(to_json(result.take), result.take.seconds, reused=not result.new)


def costs_money(step: Step) -> bool:
    """Return whether a step may spend money."""
    return paid_provider(step) is not None or bills_itself(step)


def find_segment(values: Any) -> Segment | None:
    """Return the first segment that some values belong to; lists are skipped."""
    return next((segment for value in values if (segment := segment_of(value))), None)


def is_paid_for(step: Step, inputs: Mapping[str, Any], store: Store) -> bool:
    """Return whether these inputs of a step cost nothing now: its job is done or accepted, or a person must free it."""
    if paid_provider(step) is None or not any(isinstance(value, Upload) for value in inputs.values()):
        return False
    entry = Ledger(store.root).latest(job_request(step, inputs).call)
    if entry is None:
        return False
    return entry.state == "done" or entry.charged_failure is not None or (entry.open and bool(entry.request_id))


def is_in_month(step: Step, inputs: Mapping[str, Any], store: Store, month: str) -> bool:
    """Return whether what a step costs adds nothing to the sum of a month, such as "2026-11".

    A rehearsal never does, and an open call whose response was lost is in the sum already (`Estimate.charged_usd`).
    """
    provider = paid_provider(step)
    if provider is None:
        return False
    if provider.settings.is_local_server:
        return True
    if not any(isinstance(value, Upload) for value in inputs.values()):
        return False
    entry = Ledger(store.root).latest(job_request(step, inputs).call)
    return entry is not None and entry.open and entry.intended is not None and entry.intended.at.startswith(month)


def is_voided(ledger: Ledger, step: Step, key: str, value: Any) -> bool:
    """Return whether the user has declared that the job of a stored result counts as never made.

    Args:
        ledger: of the home folder.
        step: the step that the result is of.
        key: the content key of the call.
        value: the result as JSON.
    """
    if bills_itself(step):
        entry = ledger.latest(LedgerCall.of_node(step.info.name, key))
        return entry is not None and entry.state == "void" and entry.done is not None
    metrics = value.get("metrics") if isinstance(value, dict) else None
    job = metrics.get(JOB_METRICS) if isinstance(metrics, dict) else None
    if not isinstance(job, dict):
        return False
    return ledger.is_never_made(str(job.get("job", "")), str(value.get("request_id", "")))


def job_request(step: Step, inputs: Mapping[str, Any]) -> JobRequest:
    """Build the job of a step with a paid provider.

    Raises:
        TypeError: the step has no input of `Upload`.
    """
    upload = next((value for value in inputs.values() if isinstance(value, Upload)), None)
    provider = paid_provider(step)
    if upload is None or provider is None:
        raise TypeError(f"{step.info.name} has a paid provider, but no input of Upload")
    deadline_s = 60.0 * getattr(step.params, "deadline_min", 30)
    return JobRequest(upload, resolve_choices(upload.segment.edit, step.params), provider, deadline_s)


def spent_usd(home: Path, run: str) -> tuple[float, float]:
    """Return what the ledger says that a run has spent, in USD: on takes, and on failed jobs that may be billed."""
    attempts = Ledger(home).of_run(run)
    takes_usd = sum(attempt.cost_usd for attempt in attempts if attempt.file)
    failures_usd = sum(attempt.cost_usd for attempt in attempts if not attempt.file)
    return takes_usd, failures_usd


@asynccontextmanager
async def open_paid_steps(
    job: Job, store: Store, policy: SpendingPolicy, run: str, watcher: Watcher, hosts: Hosts | None = None
) -> AsyncIterator[PaidSteps | None]:
    """Open the job manager for a job with a paid step; give None for any other job, and import nothing for it.

    Raises:
        PresetError: REACT1_BUDGET_MONTH is not an amount.
    """
    if not any(costs_money(step) for step in job.steps):
        yield None
        return
    from ...jobs.manager import JobManager

    usd = month_budget_usd()  # of the machine, so it holds for every way to run a job
    policy = policy if usd is None else replace(policy, month_budget=MonthBudget(usd))

    def notify(text: str) -> None:
        watcher.on(Message(text))

    async with JobManager(store, policy, run=run, project=job.project, notify=notify, hosts=hosts) as manager:
        own_bills = OwnBills(Ledger(store.root), policy.month_budget, run, job.project, notify)
        yield PaidSteps(manager, store, own_bills)
