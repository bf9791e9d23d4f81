"""`react1 store` and `react1 prune`: what the home folder contains, and removing what was not used for longest."""

from __future__ import annotations

from typing import Annotated

import typer

from ....core.settings import bytes_text, parse_bytes, parse_duration_s, shared_store
from ...messages import open_home, out, out_json
from ...options import AsJson, Home

STORE_EXAMPLES = ("react1 store", "react1 store --json")


def store(as_json: AsJson = False, home: Home = None) -> None:
    """Show what the store contains: sizes by kind, by film and by age."""
    from ....runner.run_records.housekeeping import usage

    with open_home(home, as_json) as folder:
        sizes = usage(folder)
        if as_json:
            groups = {"by_kind": sizes.kinds, "by_film": sizes.films, "by_age": sizes.ages}
            out_json({"home": str(folder), "total_bytes": sizes.total_bytes, **groups})
            return
        for title, group in (("kind", sizes.kinds), ("film", sizes.films), ("last use", sizes.ages)):
            out(f"by {title}")
            for name, size_bytes in sorted(group.items(), key=lambda item: -item[1]):
                out(f"  {bytes_text(size_bytes):>9}  {name}")
        out(f"{bytes_text(sizes.total_bytes)} in {folder}; `react1 prune` makes room")


PRUNE_EXAMPLES = ("react1 prune --older-than 30d --dry-run", "react1 prune --keep 50GB")


def prune(
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Remove what was not used for this long: 30d."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="SIZE", help="Remove the oldest until this much is left: 50GB.")
    ] = None,
    paid: Annotated[bool, typer.Option("--paid", help="Remove also takes that were paid for.")] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Prune the store that machines share (REACT1_STORE), not this machine's.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; show what would be removed.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Remove stored results that were not used for longest.

    The ledger, takes that were paid for, what a running or unfinished run uses, and films outside the store are kept.
    """
    from ....runner.run_records.housekeeping import prune_home
    from ....runner.run_records.shared_housekeeping import prune_shared
    from ....store.prune import PruneLimits

    with open_home(home, as_json) as folder:
        limits = PruneLimits(
            older_than_s=None if older_than is None else parse_duration_s(older_than, "--older-than"),
            keep_bytes=None if keep is None else parse_bytes(keep, "--keep"),
            dry_run=dry_run,
        )
        pruned = (prune_shared if shared else prune_home)(folder, limits, paid=paid)
        if as_json:
            counts = {"results": len(pruned.results), "objects": pruned.objects}
            out_json({"dry_run": dry_run, **counts, "freed_bytes": pruned.freed_bytes, "left_bytes": pruned.left_bytes})
            return
        verb = "would remove" if dry_run else "removed"
        freed, left = bytes_text(pruned.freed_bytes), bytes_text(pruned.left_bytes)
        place = shared_store() if shared else str(folder)
        out(f"{verb} {len(pruned.results)} results and {pruned.objects} files, {freed}; {left} left in {place}")
        if limits.keep_bytes is not None and pruned.left_bytes > limits.keep_bytes:
            out("more is left than that: paid takes, and what unfinished runs need or was used lately, is kept")
