"""Steps that call a host which takes money: from a step and its inputs to an ask of the desk, and back.

The desk is opened for a run that has such a step, and only then: without one nothing of it is imported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.checked_job import Job, Step
from ..core.choices import resolve_choices
from ..core.values import Upload
from ..executors.base import Result, to_json
from ..jobs.budget import SpendingPolicy
from ..jobs.ledger import Ledger
from ..store.store import Store
from .events import Message, Watcher
from .external_inputs import paid_provider

if TYPE_CHECKING:
    from ..jobs.manager import JobManager
    from ..jobs.request import JobRequest


class PaidSteps:
    """The paid steps of one run."""

    def __init__(self, desk: JobManager, run: str) -> None:
        self._desk, self._run = desk, run

    def does(self, step: Step) -> bool:
        """Tell whether a step is one of them."""
        return paid_provider(step) is not None

    async def admit(self, step: Step, asked: Sequence[Mapping[str, Any]], *, stop: bool) -> None:
        """Look at all that a step wants, and at what it costs, before anything is sent."""
        await self._desk.check_all([self._ask(step, given) for given in asked], stop=stop)

    async def run(self, step: Step, given: Mapping[str, Any], progress: Callable[[float], None]) -> Result:
        """Give what the host makes of a segment."""
        made = await self._desk.run(self._ask(step, given), progress)
        return Result(to_json(made.take), made.take.seconds, reused=not made.new)

    def _ask(self, step: Step, given: Mapping[str, Any]) -> JobRequest:
        return job_request(step, given, self._run)


def is_voided(ledger: Ledger, value: Any) -> bool:
    """Tell whether somebody has said that the job of a stored take counts as never made."""
    figures = value.get("metrics") if isinstance(value, dict) else None
    told = figures.get("react1") if isinstance(figures, dict) else None
    return isinstance(told, dict) and ledger.is_never_made(str(told.get("job", "")))


def job_request(step: Step, given: Mapping[str, Any], run: str = "") -> JobRequest:
    """Spell what a paid step wants for one segment.

    Raises:
        TypeError: the step does not take an upload.
    """
    from ..jobs.request import JobRequest

    upload, host = next((value for value in given.values() if isinstance(value, Upload)), None), paid_provider(step)
    if upload is None or host is None:
        raise TypeError(f"{step.info.name} calls a host that takes money, but takes no Upload")
    deadline_s = 60.0 * getattr(step.params, "deadline_min", 30)
    return JobRequest(upload, resolve_choices(upload.segment.edit, step.params), host, deadline_s, run)


def spent_usd(home: Path, run: str) -> float:
    """Give what a run has spent by the ledger, in USD, however it ended."""
    done = [one.done for one in Ledger(home).all() if one.done and one.intended and one.intended.run == run]
    return round(sum(note.cost_usd for note in done), 6)


@asynccontextmanager
async def open_paid_steps(job: Job, store: Store, terms: SpendingPolicy, run: str, watcher: Watcher) -> AsyncIterator[PaidSteps | None]:
    """Open the desk for a job that has a paid step; give None for one that has none."""
    if not any(paid_provider(step) for step in job.steps):
        yield None
        return
    from ..jobs.manager import JobManager

    async with JobManager(store, terms, run=run, notify=lambda text: watcher.on(Message(text))) as desk:
        yield PaidSteps(desk, run)
