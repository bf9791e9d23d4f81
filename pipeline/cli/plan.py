"""`react1 plan`: what would run, what is stored already and why not, what it would cost."""

from __future__ import annotations

from dataclasses import asdict

from .options import AsJson, Edits, Home, Out, ProviderOption, Scripts, Sets, What
from .tell import failures_told, out, out_json

NAME = "plan"


def command(
    what: What,
    sets: Sets = None,
    edit: Edits = None,
    provider: ProviderOption = None,
    out_file: Out = None,
    as_json: AsJson = False,
    home: Home = None,
    script: Scripts = None,
) -> None:
    """Say what a run would do; nothing is written and nothing is spent."""
    from ..run.hosts import settle_hosts
    from ..run.plan import plan_job
    from ..settings import home_folder
    from ..store.store import Store
    from .job import job_from

    folder = home_folder(home)
    with failures_told():
        job = settle_hosts(job_from(what, sets, edit, provider, out_file, script))
        rows = plan_job(job, Store(folder, read_only=True))
        cost = sum(row.cost_usd for row in rows)
        if as_json:
            out_json({"preset": job.name, "cost_usd": round(cost, 6), "steps": [asdict(row) for row in rows]})
            return
        for row in rows:
            label = f"{row.step} {row.segment}".strip()
            state = "stored" if row.stored else "run"
            out(f"{label:<26} {state:<7} {row.why}".rstrip())
        out(f"cost ${cost:.2f}")
