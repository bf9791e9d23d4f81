"""`react1 batch`: run a list of films."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....core.errors import OverBudget, React1Error
from ....core.settings import max_cost_usd
from ...messages import err, one_line, out, out_json
from ...options import BatchOptions, ListPreset, Project, ProviderOption, expand_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ....config.film_list import BatchJob
    from ....runner.batch import Batch, BatchItem

EXAMPLES = ("react1 batch night.yaml --jobs 4 --max-cost 40 --pay", "react1 batch films.csv --provider local")
List = Annotated[
    str,
    typer.Argument(
        metavar="LIST", help="YAML with `jobs`, a table, an EDL, OTIO or FCPXML of the films, or a folder of jobs."
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Films at the same time (default: cores + 2)."),
]


@expand_options
def command(
    films: List,
    options: BatchOptions,
    preset: ListPreset = None,
    parallel: Parallel = None,
    provider: ProviderOption = None,
    project: Project = None,
) -> None:
    """Run a list of films: one budget over all, and a film that fails does not stop the others."""
    from ....core.nodes.registry import load_registry
    from ....runner.batch import load_films, new_batch

    with options.opened() as home:
        named = {"preset": preset, "provider": provider, "project": project}
        defaults = {name: value for name, value in named.items() if value}
        jobs = load_films(Path(films), load_registry(), defaults)
        approved = options.may_pay or _approve(jobs, home, options.max_cost)
        paying = {"agreed": approved, "max_cost_usd": options.max_cost}
        saved_options = {"defaults": defaults, "replace": options.may_replace, **paying}
        batch = new_batch(home, str(Path(films).absolute()), jobs, saved_options)
        del jobs  # each is loaded again when its turn comes
        run_films(batch, home, options, parallel)


def run_films(
    batch: Batch, home: Path, printing: BatchOptions, parallel: int | None = None, *, spent_usd: float = 0.0
) -> None:
    """Run what is not finished of a batch, and print how each film went; `spent_usd` is what it has spent before.

    Raises:
        typer.Exit: with 6 if some films failed.
    """
    import asyncio

    from ....core.nodes.registry import load_registry
    from ....runner.batch import run_batch
    from ....runner.execute import Options

    limit_usd = batch.options.get("max_cost_usd")
    options = Options(
        home,
        replace=bool(batch.options.get("replace")),
        approved=bool(batch.options.get("agreed")),
        max_cost_usd=max_cost_usd(limit_usd),
        own_limit_usd=limit_usd,
        spent_usd=spent_usd,
    )
    count = parallel or (os.cpu_count() or 1) + 2
    with _table(batch, quiet=printing.quiet or printing.as_json) as on_change:
        asyncio.run(run_batch(batch, load_registry(), options, count, on_change))
    if printing.as_json:
        out_json(batch.to_json())
    elif not printing.quiet:
        for line in summary(batch):
            out(line)
    else:
        for item in batch.items:
            if item.exit_status:
                err(_item_line(item))
    if batch.exit_status:
        raise typer.Exit(batch.exit_status)


def summary(batch: Batch) -> list[str]:
    """Return a line per film, and the totals."""
    lines = [_item_line(item) for item in batch.items]
    data = batch.to_json()
    counts = ", ".join(f"{count} {status}" for status, count in data["counts"].items())
    lines += [f"{counts}; ${data['cost_usd']:.2f}", f"page    {batch.page}", f"batch   {batch.name}"]
    if batch.exit_status:
        lines.append(f"films that failed run again with: react1 resume {batch.name}")
    return lines


def _item_line(item: BatchItem) -> str:
    cost = f"${item.cost_usd:.2f}" if item.cost_usd else ""
    return one_line(", ".join(filter(None, (f"{item.name}: {item.status}", item.output, item.error, cost))))


def _may_cost(job: BatchJob) -> bool:
    """Return whether a film's job has a paid step; others are not planned twice. What cannot run costs nothing."""
    from ....runner.external_inputs import resolve_providers
    from ....runner.scheduling.paid_steps import costs_money

    try:
        return job.job is not None and any(map(costs_money, resolve_providers(job.job).steps))
    except React1Error:
        return False


def _approve(jobs: list[BatchJob], home: Path, max_cost: float | None) -> bool:
    """Show the estimate and ask once for all films; True if nothing costs money.

    Raises:
        OverBudget: the answer is no, or there is nobody to ask.
    """
    from .plan import price_film

    prices = [price_film(job, home) for job in jobs if _may_cost(job)]
    total, is_known = sum(price.cost_usd for price in prices), not any(price.unknown for price in prices)
    if not total and is_known:
        return False
    text = f"{len(jobs)} films cost about ${total:.2f}{'' if is_known else ' and more, which is not known yet,'}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise OverBudget(f"{text} and are not approved; pass --pay or --yes, and --max-cost USD for a limit")
    limit = f", at most ${max_cost:.2f}" if max_cost is not None else ""
    print(f"{text}{limit}. Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise OverBudget(f"{text}; declined, and nothing was sent")
    return True


@contextmanager
def _table(batch: Batch, *, quiet: bool) -> Iterator[Callable[[BatchItem], None]]:
    """Draw a live table of the films on a terminal; else print a line when a film ends."""
    if quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        ended: set[int] = set()

        def print_end(item: BatchItem) -> None:
            if item.status not in ("running", "waiting") and id(item) not in ended:
                ended.add(id(item))
                err(one_line(f"{item.name}: {item.status}"))

        yield print_end
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(get_renderable=lambda: _rows(batch), console=Console(stderr=True), refresh_per_second=4):
            yield lambda _: None  # drawn by the clock, however many events there are


def _rows(batch: Batch) -> Any:
    from rich.table import Table

    now = time.time()
    table = Table("film", "state", "step", "done", "left", "cost", show_footer=True)
    for item in batch.items:
        left = _clock_text(item.remaining_s(now))
        table.add_row(item.name, item.status, item.step, f"{item.share:.0%}", left, f"${item.cost_usd:.2f}")
    ended = sum(item.status not in ("waiting", "running") for item in batch.items)
    totals = ("", f"{ended} of {len(batch.items)} ended", f"{batch.share:.0%}", _clock_text(batch.remaining_s(now)))
    footers = ("all", *totals, f"${sum(item.cost_usd for item in batch.items):.2f}")
    for column, text in zip(table.columns, footers, strict=True):
        column.footer = text
    return table


def _clock_text(seconds: float | None) -> str:
    """Return a time as hours, minutes and seconds, such as "1:02:03" or "2:03"; "" for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
