"""`react1 jobs` and `react1 spend`: list paid calls, settle one by hand, and sum what they have cost."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....core.errors import PresetError
from ....core.settings import month_budget_usd
from ...messages import err, open_home, out, out_json, report_failures
from ...options import AsJson, Home, examples_text

if TYPE_CHECKING:
    from pathlib import Path

    from ....jobs.ledger_entry import Entry, Summary

LISTED = 100
"""Calls that are listed without --all."""
SETTLE_EXAMPLES = (
    "react1 jobs settle 3f2a --accepted REQUEST_ID",
    "react1 jobs settle 3f2a --resubmit",
    "react1 jobs settle 3f2a --not-billed",
    "react1 jobs settle 3f2a --billed 0.48",
)
Job = Annotated[str, typer.Argument(metavar="ID", help="The job's ID, or its first characters.")]
app = typer.Typer(
    help="List paid calls, newest first; or show or settle one.",
    add_completion=False,
    epilog=examples_text(("react1 jobs", "react1 jobs show 3f2a", "react1 jobs settle 3f2a --accepted REQUEST_ID")),
)


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help=f"List all of them; without it the newest {LISTED}, and the sums of all.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """List paid calls, newest first; or show or settle one."""
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context.invoked_subcommand, {"--all": every, "--json": as_json, "--home": home})
        return
    from ....jobs.ledger import Ledger

    with open_home(home, as_json) as folder:
        ledger = Ledger(folder)
        sums = ledger.sums()
        count, total, rehearsals_usd = sums.jobs + sums.rehearsals, round(sums.cost_usd, 6), sums.rehearsal_cost_usd
        rows = [
            job_row(ledger.read(job.key, job.attempt)) for job in ledger.summaries(newest=None if every else LISTED)
        ]
        for path in ledger.damage():
            err(f"{path} and its index are damaged; calls in it are not listed, and no new call is paid for")
        if as_json:
            sums_usd = {"cost_usd": total, "rehearsal_cost_usd": round(rehearsals_usd, 6)}
            out_json({"jobs": rows, **sums_usd, "count": count})
            return
        for line in job_lines(rows):
            out(line)
        guesses = sum(_counts_by_estimate(row) for row in rows)
        if guesses:
            out(f"{guesses} failed and count by their estimates; if the provider's dashboard shows what was charged:")
            out("  react1 jobs settle ID --not-billed, or --billed USD")
        if len(rows) < count:
            out(f"the newest {len(rows)} of {count}; --all lists all")
        out(f"{sums.jobs} jobs, ${total:.2f}" if rows else f"no paid calls in {folder}")
        if sums.rehearsals:
            out(f"{sums.rehearsals} rehearsals at a server on this machine, ${rehearsals_usd:.2f} not charged")


def _refuse_misplaced(subcommand: str, options: dict[str, object]) -> None:
    """Refuse options before a subcommand, which would not get them: a call could be settled in another home.

    Raises:
        typer.Exit: with 2 if one is given.
    """
    misplaced = [name for name, value in options.items() if value]
    with report_failures("--json" in misplaced):
        if misplaced:
            raise PresetError(
                f"{', '.join(misplaced)}: give options of `{subcommand}` after it: react1 jobs {subcommand} …"
            )


@app.command(name="show", epilog=examples_text(("react1 jobs show 3f2a",)))
def show(job: Job, as_json: AsJson = False, home: Home = None) -> None:
    """Show all states of a paid call, and the path of its take."""
    from ....jobs.ledger import Ledger
    from ....store.store import Store

    with open_home(home, as_json) as folder:
        entry = Ledger(folder).find(job)
        states = [{"state": state, **note.model_dump(mode="json")} for state, note in entry.records]
        for state in states:
            for name in ("video_url", "audio_url"):
                if state.get(name):
                    state[name] = _redact(state[name])
        store = Store(folder, read_only=True)
        take = str(store.path(entry.done.file)) if entry.done and store.has(entry.done.file) else None
        if as_json:
            out_json({**job_row(entry), "take": take, "states": states})
            return
        for name, value in {**job_row(entry), "take": take}.items():
            out(f"{name:<13} {'' if value is None else value}".rstrip())
        for state in states:
            out(f"  {state['at']}  {state['state']}  {_reason(state)}".rstrip())


@app.command(name="settle", epilog=examples_text(SETTLE_EXAMPLES))
def settle(
    job: Job,
    accepted: Annotated[
        str, typer.Option("--accepted", metavar="REQUEST_ID", help="The provider has the job, with this request ID.")
    ] = "",
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="The provider has no such job; submit it again.")
    ] = False,
    not_billed: Annotated[
        bool, typer.Option("--not-billed", help="The job has ended, and the provider's dashboard shows no charge.")
    ] = False,
    billed: Annotated[
        float | None,
        typer.Option(
            "--billed", metavar="USD", help="The job has ended, and this is what the dashboard shows as charged."
        ),
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Record what happened to a call that cannot be settled automatically."""
    from ....jobs.ledger import Ledger
    from ....jobs.settle import settle_accepted, settle_charge, settle_resubmit

    with open_home(home, as_json) as folder:
        if [bool(accepted), resubmit, not_billed, billed is not None].count(True) != 1:
            raise PresetError("give exactly one of --accepted REQUEST_ID, --resubmit, --not-billed and --billed USD")
        if billed is not None and not 0 < billed < math.inf:
            raise PresetError(f"--billed {billed:g} is not an amount above 0; for no charge give --not-billed")
        ledger = Ledger(folder)
        if accepted:
            entry = settle_accepted(ledger, job, accepted)
            outcome = f"has request ID {accepted}; the next run or `react1 resume` downloads its take"
        elif resubmit:
            entry = settle_resubmit(ledger, job)
            outcome = "is marked as never made; the next run that needs it submits and pays for it"
        else:
            entry = settle_charge(ledger, job, billed or 0.0)
            rehearsal = job_row(entry)["rehearsal"]
            counts = "a rehearsal counts in no sum and no budget" if rehearsal else "this counts in sums and budgets"
            outcome = f"has cost ${entry.cost_usd:.2f}; {counts}"
        if as_json:
            out_json(job_row(entry))
        else:
            out(f"job {entry.id} {outcome}")


def job_row(entry: Entry) -> dict[str, Any]:
    """Return one attempt as a row; unreadable values are None."""
    from ....storage.upload_storage import is_loopback_url

    intended, failed = entry.intended, entry.failed
    choices = intended.call.parameters if intended else {}
    return {
        "id": entry.id,
        "state": entry.state,
        "provider": intended.call.provider if intended else None,
        "host": intended.call.host if intended else None,
        "rehearsal": bool(intended and is_loopback_url(intended.call.host)),
        "request_id": entry.request_id or None,
        "run": (intended.run or None) if intended else None,
        "project": (intended.project or None) if intended else None,
        "segment": intended.segment if intended else None,
        "prompt": choices.get("prompt"),
        "temperature": choices.get("temperature"),
        "seconds": intended.seconds if intended else None,
        "estimate_usd": intended.estimate_usd if intended else None,
        "cost_usd": entry.cost_usd,
        "cost_known": entry.cost_known,
        "created": intended.at if intended else "",
        "error": failed.error if failed and entry.state == "failed" else None,
    }


def job_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the list."""
    lines = []
    for row in rows:
        cost = f"${row['cost_usd']:.2f}" if row["cost_usd"] else "-"
        cost = f"({cost})" if row["rehearsal"] and row["cost_usd"] else cost
        labels = [row[name] or "?" for name in ("provider", "segment", "prompt")]
        state = f"{row['id']:<16} {row['state']:<9} {labels[0]:<8} {labels[1]:<8} {labels[2]:<10} {cost:>8}"
        lines.append(f"{state}  {row['created'][:19]}  {row['request_id'] or ''}".rstrip())
    return lines


def _counts_by_estimate(row: dict[str, Any]) -> bool:
    """Return whether a row is of a failed call of which nobody has said what was charged."""
    return bool(row["cost_usd"]) and row["cost_known"] is False and row["state"] != "done" and not row["rehearsal"]


def _reason(state: dict[str, Any]) -> str:
    """Return why a call is in a state, and how a person has settled it."""
    why = state.get("why") or state.get("error") or ""
    charged = state["cost_usd"] if state["state"] == "done" and state["how"] else state.get("charged_usd")
    charge = f"; by hand: {f'${charged:.2f} billed' if charged else 'not billed'}" if charged is not None else ""
    return f"{why}{charge}".removeprefix("; ")


def _redact(address: str) -> str:
    from ....net.url import redact_url

    return redact_url(address)


SPEND_EXAMPLES = ("react1 spend", "react1 spend --by provider --json")


class By(StrEnum):
    """What the sums are for."""

    day = "day"
    month = "month"
    provider = "provider"
    project = "project"
    film = "film"
    run = "run"


def spend(
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
    from ....runner.run_records.housekeeping import film_of_run
    from ....runner.run_records.run_folder import all_runs

    films = {}
    for run in all_runs(home):
        try:
            films[run.name] = film_of_run(run.read())
        except PresetError:
            continue
    return films
