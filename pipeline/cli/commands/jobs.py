"""`react1 jobs`: the ledger of paid calls, and how one is settled by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..messages import open_home, out, out_json
from ..options import AsJson, Home

if TYPE_CHECKING:
    from ...jobs.ledger_entry import Entry

NAME = "jobs"
Job = Annotated[str, typer.Argument(metavar="ID", help="The job, or the beginning of its id.")]
app = typer.Typer(help="List the paid calls: state, host, request id, cost.", add_completion=False)


@app.callback(invoke_without_command=True)
def command(context: typer.Context, as_json: AsJson = False, home: Home = None) -> None:
    """List the paid calls, the newest first."""
    if context.invoked_subcommand is not None:
        return
    from ...jobs.ledger import Ledger

    with open_home(home, as_json) as folder:
        rows = sorted((job_row(entry) for entry in Ledger(folder).all()), key=lambda row: row["created"], reverse=True)
        total = round(sum(row["cost_usd"] for row in rows), 6)
        if as_json:
            out_json({"jobs": rows, "cost_usd": total})
            return
        for line in job_lines(rows):
            out(line)
        out(f"{len(rows)} jobs, ${total:.2f}" if rows else f"no paid calls in {folder}")


@app.command(name="show")
def show(job: Job, as_json: AsJson = False, home: Home = None) -> None:
    """Show one paid call whole: every state, and where its take is."""
    from ...jobs.ledger import Ledger
    from ...store.store import Store

    with open_home(home, as_json) as folder:
        entry = Ledger(folder).find(job)
        states = [{"state": state, **note.model_dump(mode="json")} for state, note in entry.notes]
        for told in states:
            for name in ("video_url", "audio_url"):
                if told.get(name):
                    told[name] = _open(told[name])
        store = Store(folder, read_only=True)
        take = str(store.path(entry.done.file)) if entry.done and store.has(entry.done.file) else None
        if as_json:
            out_json({**job_row(entry), "take": take, "states": states})
            return
        for name, value in {**job_row(entry), "take": take}.items():
            out(f"{name:<13} {'' if value is None else value}".rstrip())
        for told in states:
            out(f"  {told['at']}  {told['state']}  {told.get('why') or told.get('error') or ''}".rstrip())


@app.command(name="settle")
def settle(
    job: Job,
    accepted: Annotated[str, typer.Option("--accepted", metavar="REQUEST_ID", help="The host has it: this id.")] = "",
    resubmit: Annotated[bool, typer.Option("--resubmit", help="The host has no such job: make it anew.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Say what became of a call that nobody but a person can settle."""
    from ...core.errors import PresetError
    from ...jobs.ledger import Ledger, settle_accepted, settle_resubmit

    with open_home(home, as_json) as folder:
        if bool(accepted) == resubmit:
            raise PresetError("give --accepted REQUEST_ID or --resubmit, one of them")
        ledger = Ledger(folder)
        entry = settle_accepted(ledger, job, accepted) if accepted else settle_resubmit(ledger, job)
        if as_json:
            out_json(job_row(entry))
        elif accepted:
            out(f"job {entry.id} is {accepted} at the host; the next run, or `react1 resume`, fetches its take")
        else:
            out(f"job {entry.id} counts as never made; the next run that wants it makes it, and pays for it")


def job_row(entry: Entry) -> dict[str, Any]:
    """Tell of one attempt; what cannot be read is left open."""
    told, done, failed = entry.intended, entry.done, entry.failed
    choices = told.call.parameters if told else {}
    billed = done.cost_usd if done else (told.estimate_usd if told and failed and failed.billed else 0.0)
    return {
        "id": entry.id,
        "state": entry.state,
        "provider": told.call.provider if told else None,
        "host": told.call.host if told else None,
        "request_id": entry.request_id or None,
        "run": (told.run or None) if told else None,
        "segment": told.segment if told else None,
        "prompt": choices.get("prompt"),
        "temperature": choices.get("temperature"),
        "seconds": told.seconds if told else None,
        "estimate_usd": told.estimate_usd if told else None,
        "cost_usd": billed if done or entry.state == "failed" else 0.0,
        "cost_known": done.cost_known if done else None,
        "created": told.at if told else "",
        "error": failed.error if failed and entry.state == "failed" else None,
    }


def job_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Spell the list."""
    lines = []
    for row in rows:
        cost = f"${row['cost_usd']:.2f}" if row["cost_usd"] else "-"
        words = [row[name] or "?" for name in ("provider", "segment", "prompt")]
        told = f"{row['id']:<16} {row['state']:<9} {words[0]:<8} {words[1]:<8} {words[2]:<10} {cost:>8}"
        lines.append(f"{told}  {row['created'][:19]}  {row['request_id'] or ''}".rstrip())
    return lines


def _open(address: str) -> str:
    from ...net.url import redact_url

    return redact_url(address)
