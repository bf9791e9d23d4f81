"""`react1 spend`: what was spent, by day, month, provider, project, film or run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...messages import open_home, out, out_json
from ...options import AsJson, Home

if TYPE_CHECKING:
    from pathlib import Path

    from ....jobs.ledger_entry import Summary

EXAMPLES = ("react1 spend", "react1 spend --by provider --json")


class By(StrEnum):
    """What the sums are for."""

    day = "day"
    month = "month"
    provider = "provider"
    project = "project"
    film = "film"
    run = "run"


def command(
    by: Annotated[By, typer.Option("--by", help="One sum per day, month, provider, project, film or run.")] = By.month,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Sum what paid calls have cost; rehearsals against a server on this machine are counted apart."""
    from ....jobs.ledger import Ledger

    with open_home(home, as_json) as folder:
        jobs = list(Ledger(folder).summaries())
        films = _films(folder) if by is By.film else {}
        sums = _sums([job for job in jobs if not job.rehearsal], by, films)
        rehearsals_usd = round(sum(job.cost_usd for job in jobs if job.rehearsal), 6)
        total_usd = round(sum(row["cost_usd"] for row in sums), 6)
        month = _month(folder)
        if as_json:
            totals = {"cost_usd": total_usd, "rehearsal_cost_usd": rehearsals_usd}
            out_json({"by": by.value, "rows": sums, **totals, "month": month})
            return
        for row in sums:
            out(f"{row['name']:<24} {row['calls']:>5} calls {'$' + format(row['cost_usd'], '.2f'):>10}")
        out(f"${total_usd:.2f} spent" if sums else f"no paid calls in {folder}")
        if month:
            left = f"${month['left_usd']:.2f} of the budget of ${month['budget_usd']:.2f} are left"
            out(f"{month['name']}: ${month['cost_usd']:.2f} spent or committed, {left}")
        if rehearsals_usd:
            out(f"${rehearsals_usd:.2f} of rehearsals at a server on this machine, not charged")


def _month(home: Path) -> dict[str, Any] | None:
    """Return what REACT1_BUDGET_MONTH leaves of this month; None without it."""
    from datetime import UTC, datetime

    from ....core.settings import month_budget_usd
    from ....jobs.budget import month_usd
    from ....jobs.ledger import Ledger

    budget_usd = month_budget_usd()
    if budget_usd is None:
        return None
    name = f"{datetime.now(UTC):%Y-%m}"
    spent_usd = month_usd(Ledger(home), name)
    left_usd = round(max(0.0, budget_usd - spent_usd), 6)
    return {"name": name, "budget_usd": budget_usd, "cost_usd": spent_usd, "left_usd": left_usd}


def _sums(jobs: list[Summary], by: By, films: dict[str, str]) -> list[dict[str, Any]]:
    """Return calls and cost per group, sorted by its name; calls that cost nothing do not count."""
    groups: dict[str, list[float]] = {}
    for job in jobs:
        if not job.cost_usd:
            continue
        name = {
            By.day: job.at[:10],
            By.month: job.at[:7],
            By.provider: job.provider,
            By.project: job.project,
            By.run: job.run,
            By.film: films.get(job.run, ""),
        }[by]
        groups.setdefault(name or "unknown", []).append(job.cost_usd)
    return [
        {"name": name, "calls": len(costs), "cost_usd": round(sum(costs), 6)} for name, costs in sorted(groups.items())
    ]


def _films(home: Path) -> dict[str, str]:
    """Return the film of every run, by the run's name."""
    from ....core.errors import PresetError
    from ....runner.run_records.housekeeping import film_of_run
    from ....runner.run_records.run_folder import all_runs

    films = {}
    for run in all_runs(home):
        try:
            films[run.name] = film_of_run(run.read())
        except PresetError:
            continue
    return films
