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
from ..jobs.budget import Terms
from ..jobs.ledger import Ledger
from ..store.store import Store
from .events import Said, Watcher
from .external_inputs import hosted_by

if TYPE_CHECKING:
    from ..jobs.manager import Desk
    from ..jobs.request import Ask


class Paying:
    """The paid steps of one run."""

    def __init__(self, desk: Desk, run: str) -> None:
        self._desk, self._run = desk, run

    def does(self, step: Step) -> bool:
        """Tell whether a step is one of them."""
        return hosted_by(step) is not None

    async def admit(self, step: Step, asked: Sequence[Mapping[str, Any]], *, stop: bool) -> None:
        """Look at all that a step wants, and at what it costs, before anything is sent."""
        await self._desk.admit([self._ask(step, given) for given in asked], stop=stop)

    async def run(self, step: Step, given: Mapping[str, Any], progress: Callable[[float], None]) -> Result:
        """Give what the host makes of a segment."""
        made = await self._desk.make(self._ask(step, given), progress)
        return Result(to_json(made.take), made.take.seconds, reused=not made.new)

    def _ask(self, step: Step, given: Mapping[str, Any]) -> Ask:
        return ask_of(step, given, self._run)


def is_void(ledger: Ledger, value: Any) -> bool:
    """Tell whether somebody has said that the job of a stored take counts as never made."""
    figures = value.get("metrics") if isinstance(value, dict) else None
    told = figures.get("react1") if isinstance(figures, dict) else None
    return isinstance(told, dict) and ledger.is_void(str(told.get("job", "")))


def ask_of(step: Step, given: Mapping[str, Any], run: str = "") -> Ask:
    """Spell what a paid step wants for one segment.

    Raises:
        TypeError: the step does not take an upload.
    """
    from ..jobs.request import Ask

    upload, host = next((value for value in given.values() if isinstance(value, Upload)), None), hosted_by(step)
    if upload is None or host is None:
        raise TypeError(f"{step.info.name} calls a host that takes money, but takes no Upload")
    deadline_s = 60.0 * getattr(step.params, "deadline_min", 30)
    return Ask(upload, resolve_choices(upload.segment.edit, step.params), host, deadline_s, run)


def spent(home: Path, run: str) -> float:
    """Give what a run has spent by the ledger, in USD, however it ended."""
    done = [one.done for one in Ledger(home).all() if one.done and one.intended and one.intended.run == run]
    return round(sum(note.cost_usd for note in done), 6)


@asynccontextmanager
async def paying_for(job: Job, store: Store, terms: Terms, run: str, watcher: Watcher) -> AsyncIterator[Paying | None]:
    """Open the desk for a job that has a paid step; give None for one that has none."""
    if not any(hosted_by(step) for step in job.steps):
        yield None
        return
    from ..jobs.manager import Desk

    async with Desk(store, terms, run=run, say=lambda text: watcher.on(Said(text))) as desk:
        yield Paying(desk, run)
