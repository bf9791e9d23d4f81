"""`react1 spend`: what was spent, by day, month, provider, film or run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...messages import open_home, out, out_json
from ...options import AsJson, Home

if TYPE_CHECKING:
    from pathlib import Path

NAME = "spend"
EXAMPLES = ("react1 spend", "react1 spend --by provider --json")


class By(StrEnum):
    """What the sums are for."""

    day = "day"
    month = "month"
    provider = "provider"
    film = "film"
    run = "run"


def command(
    by: Annotated[By, typer.Option("--by", help="One sum per day, month, provider, film or run.")] = By.month,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Sum what paid calls have cost; rehearsals against a server on this machine are counted apart."""
    from ....jobs.ledger import Ledger
    from .jobs import job_row

    with open_home(home, as_json) as folder:
        jobs = [job_row(entry) for entry in Ledger(folder).entries()]
        films = _films(folder) if by is By.film else {}
        sums = _sums([job for job in jobs if not job["rehearsal"]], by, films)
        rehearsals_usd = round(sum(job["cost_usd"] for job in jobs if job["rehearsal"]), 6)
        total_usd = round(sum(row["cost_usd"] for row in sums), 6)
        if as_json:
            out_json({"by": by.value, "rows": sums, "cost_usd": total_usd, "rehearsal_cost_usd": rehearsals_usd})
            return
        for row in sums:
            out(f"{row['name']:<24} {row['calls']:>5} calls {'$' + format(row['cost_usd'], '.2f'):>10}")
        out(f"${total_usd:.2f} spent" if sums else f"no paid calls in {folder}")
        if rehearsals_usd:
            out(f"${rehearsals_usd:.2f} of rehearsals at a server on this machine, not charged")


def _sums(jobs: list[dict[str, Any]], by: By, films: dict[str, str]) -> list[dict[str, Any]]:
    """Return calls and cost per group, sorted by its name; calls that cost nothing do not count."""
    groups: dict[str, list[float]] = {}
    for job in jobs:
        if not job["cost_usd"]:
            continue
        created = job["created"] or ""
        name = {
            By.day: created[:10],
            By.month: created[:7],
            By.provider: job["provider"],
            By.run: job["run"],
            By.film: films.get(job["run"] or "", ""),
        }[by]
        groups.setdefault(name or "unknown", []).append(job["cost_usd"])
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
