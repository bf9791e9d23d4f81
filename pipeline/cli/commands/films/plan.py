"""`react1 plan`: show what would run and why, what is already stored, and the cost."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from ....core.errors import OverBudget, PresetError, React1Error
from ....core.settings import home_folder, max_cost_usd, month_budget_usd, require_folder
from ...messages import one_line, out, out_json, report_failures
from ...options import (
    AsJson,
    Home,
    JobOptions,
    ListPreset,
    MaxCost,
    Out,
    PathMap,
    Replace,
    Until,
    Yes,
    command_settings,
    expand_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ....config.checked_job import Job
    from ....config.film_list import BatchJob
    from ....runner.planning.plan import PlannedStep

EXAMPLES = ("react1 plan job.yaml --provider segmind",)


@expand_options
def command(
    described: JobOptions,
    out_file: Out = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    replace: Replace = False,
    as_json: AsJson = False,
    home: Home = None,
    until: Until = None,
    path_map: PathMap = None,
    preset: ListPreset = None,
) -> None:
    """Show what a run would do and cost; nothing is written and nothing is spent."""
    from ....config.film_list import is_batch
    from ....runner.deliveries import existing_outputs
    from ....runner.planning.plan import plan_job
    from ....runner.scheduling.take_matrix import job_owner
    from ....store.store import Store

    with command_settings(path_map=path_map), report_failures(as_json):
        folder = require_folder(home_folder(home))
        if is_batch(described.what):
            _refuse_job_options(described, out_file, until)
            named = {"preset": preset, "provider": described.provider}
            _plan_films(described.what, folder, named, max_cost, as_json=as_json)
            return
        _refuse_preset(preset, described.what)
        budget, store = max_cost_usd(max_cost), Store(folder, read_only=True)
        job = described.load(out=out_file, until=until)
        rows = plan_job(job, store)
        existing = [] if yes or replace else existing_outputs(job, store, job_owner(job.document))
        if as_json:
            out_json(_plan_object(job, rows, existing))
        else:
            _print_plan(rows, existing, store.root, budget)


def _refuse_job_options(described: JobOptions, out_file: Path | None, until: str | None) -> None:
    """Raise PresetError if a list of films is given options of a single job."""
    values: dict[str, object] = {"FILM": described.film, "--set": described.sets, "--edit": described.edit}
    values |= {"--edits": described.edits_file, "--out": out_file, "--online": described.online}
    values |= {"--start-tc": described.start_tc, "--script": described.script, "--until": until}
    values |= {"--allow-outside": described.outside}
    unused = [name for name, value in values.items() if value]
    if unused:
        raise PresetError(f"{', '.join(unused)}: a list of films has its own values; write them into {described.what}")


def _refuse_preset(preset: str | None, what: str) -> None:
    """Raise PresetError if a single job is given the preset of a list."""
    if preset is not None:
        raise PresetError(f"--preset is for a list of films; {what} is a single job, which names its own")


def _plan_object(job: Job, rows: Sequence[PlannedStep], existing: Sequence[Path]) -> dict[str, object]:
    return {
        "preset": job.name,
        "cost_usd": round(sum(row.cost_usd for row in rows), 6),
        "steps": [asdict(row) for row in rows],
        "notes": [*job.notes, *map(_existing_note, existing)],
    }


def _print_plan(rows: Sequence[PlannedStep], existing: Sequence[Path], home: Path, budget: float | None) -> None:
    from ....runner.planning.plan import unknown_cost

    cost = sum(row.cost_usd for row in rows)
    _print_rows(rows, existing)
    out(f"cost ${cost:.2f}{unknown_cost(rows)}")
    for line in _month_lines(home, sum(row.month_usd for row in rows)):
        out(line)
    if budget is not None and cost > budget:
        out(f"more than the budget of ${budget:.2f}: a run would stop before it sends anything")


def _print_rows(rows: Sequence[PlannedStep], existing: Sequence[Path]) -> None:
    for row in rows:
        label = " ".join(filter(None, (row.step, row.segment, row.take)))
        price = f" ${row.cost_usd:.2f}" if row.cost_usd else ""
        out(f"{label:<26} {_state(row):<7} {row.why}{price}".rstrip())
        for remark in row.remarks:
            out(f"  note: {remark}")
    for path in existing:
        out(f"note: {_existing_note(path)}")


def _plan_films(
    films: str,
    home: Path,
    named: Mapping[str, str | None],
    max_cost: float | None,
    *,
    as_json: bool,
) -> None:
    """Print what every film of a list would cost; nothing is written.

    Args:
        films: the list.
        home: the home folder.
        named: the preset and the provider of jobs that name none.
        max_cost: the value of `--max-cost`.
        as_json: whether to print JSON.

    Raises:
        PresetError: the list cannot be read.
        typer.Exit: with 6 if some films cannot run.
    """
    from ....core.nodes.registry import load_registry
    from ....runner.batch import load_films

    jobs = load_films(Path(films), load_registry(), {name: value for name, value in named.items() if value})
    prices = [price_film(job, home) for job in jobs]
    total = round(sum(price.cost_usd for price in prices), 6)
    broken = sum(price.error is not None for price in prices)
    if as_json:
        out_json({"jobs": [price.to_json() for price in prices], "cost_usd": total})
    else:
        for price in prices:
            out(one_line(f"{price.name}: {price.error or f'${price.cost_usd:.2f}{price.unknown}'}"))
        more = " and more" if any(price.unknown for price in prices) else ""
        out(f"{len(prices)} films{f', {broken} of them cannot run' if broken else ''}, cost ${total:.2f}{more}")
        for line in _month_lines(home, sum(price.month_usd for price in prices)):
            out(line)
        budget = max_cost_usd(max_cost)
        if budget is not None and total > budget:
            out(f"more than the budget of ${budget:.2f}: the batch would stop paying there")
    if broken:
        raise typer.Exit(6)


class FilmPrice(NamedTuple):
    """What a film of a list will cost."""

    name: str
    cost_usd: float = 0.0
    unknown: str = ""
    """What is not known of the cost, to be added to it; empty if all is."""
    error: str | None = None
    month_usd: float = 0.0
    """How much of the cost is not in the sum of this month yet."""

    def to_json(self) -> dict[str, Any]:
        """Return what `plan --json` shows of it."""
        known = not self.unknown
        return {"name": self.name, "cost_usd": self.cost_usd, "cost_known": known, "error": self.error}


def price_film(job: BatchJob, home: Path) -> FilmPrice:
    """Return what a film of a list will cost, or why it cannot run."""
    from ....runner.planning.plan import plan_job, unknown_cost
    from ....store.store import Store

    if job.job is None:
        return FilmPrice(job.name, error=str(job.error) if job.error else None)
    try:
        steps = plan_job(job.job, Store(home, read_only=True))
    except React1Error as error:
        return FilmPrice(job.name, error=str(error))
    cost_usd = round(sum(step.cost_usd for step in steps), 6)
    month_usd = sum(step.month_usd for step in steps)
    return FilmPrice(job.name, cost_usd, unknown_cost(steps), month_usd=month_usd)


def _month_lines(home: Path, more_usd: float) -> list[str]:
    """Return a line if the budget of the month is less than what it has cost and what is planned to add to it."""
    usd = month_budget_usd()
    if usd is None or not more_usd:
        return []
    from ....jobs.budget import MonthBudget
    from ....jobs.ledger import Ledger

    try:
        MonthBudget(usd).require(Ledger(home), datetime.now(UTC).isoformat(), more_usd)
    except OverBudget as error:
        return [f"a run would stop before it sends anything: {error.message}"]
    return []


def _existing_note(path: Path) -> str:
    return f"{path} exists and is not of this job; the run needs --replace, or another --out"


def _state(row: PlannedStep) -> str:
    if row.stored:
        return "stored"
    return "run" if row.known else "later"
