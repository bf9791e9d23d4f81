"""`react1 store`: what the home folder contains."""

from __future__ import annotations

from ...messages import open_home, out, out_json
from ...options import AsJson, Home

NAME = "store"
EXAMPLES = ("react1 store", "react1 store --json")


def command(as_json: AsJson = False, home: Home = None) -> None:
    """Show what the store contains: sizes by kind, by film and by age."""
    from ....core.settings import bytes_text
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
