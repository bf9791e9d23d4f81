"""`react1 jobs`: list paid calls from the ledger, and settle one by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...messages import err, open_home, out, out_json
from ...options import AsJson, Home, examples_text

if TYPE_CHECKING:
    from ....jobs.ledger_entry import Entry

LISTED = 100
"""Calls that are listed without --all."""
SETTLE_EXAMPLES = ("react1 jobs settle 3f2a --accepted REQUEST_ID", "react1 jobs settle 3f2a --resubmit")
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
        if len(rows) < count:
            out(f"the newest {len(rows)} of {count}; --all lists all")
        out(f"{sums.jobs} jobs, ${total:.2f}" if rows else f"no paid calls in {folder}")
        if sums.rehearsals:
            out(f"{sums.rehearsals} rehearsals at a server on this machine, ${rehearsals_usd:.2f} not charged")


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
            out(f"  {state['at']}  {state['state']}  {state.get('why') or state.get('error') or ''}".rstrip())


@app.command(name="settle", epilog=examples_text(SETTLE_EXAMPLES))
def settle(
    job: Job,
    accepted: Annotated[
        str, typer.Option("--accepted", metavar="REQUEST_ID", help="The provider has the job, with this request ID.")
    ] = "",
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="The provider has no such job; submit it again.")
    ] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Record what happened to a call that cannot be settled automatically."""
    from ....core.errors import PresetError
    from ....jobs.ledger import Ledger
    from ....jobs.settle import settle_accepted, settle_resubmit

    with open_home(home, as_json) as folder:
        if bool(accepted) == resubmit:
            raise PresetError("give exactly one of --accepted REQUEST_ID and --resubmit")
        ledger = Ledger(folder)
        entry = settle_accepted(ledger, job, accepted) if accepted else settle_resubmit(ledger, job)
        if as_json:
            out_json(job_row(entry))
        elif accepted:
            out(f"job {entry.id} has request ID {accepted}; the next run or `react1 resume` downloads its take")
        else:
            out(f"job {entry.id} is marked as never made; the next run that needs it submits and pays for it")


def job_row(entry: Entry) -> dict[str, Any]:
    """Return one attempt as a row; unreadable values are None."""
    from ....storage.upload_storage import is_loopback_url

    intended, done, failed = entry.intended, entry.done, entry.failed
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
        "cost_known": done.cost_known if done else None,
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


def _redact(address: str) -> str:
    from ....net.url import redact_url

    return redact_url(address)
