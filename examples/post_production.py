"""Make every span of a table sadder or happier, and write down what came of it.

    python post_production.py interview.mp4 spans.csv

The table has the columns in, out, prompt, temperature. Nothing is sent anywhere: the preset is `preview`. Each step of
the run is logged by the logger `react1`, in the format of this script.
"""

from __future__ import annotations

import csv
import logging
import sys
from pathlib import Path

from react1 import Edit, load_preset, run


def main(film: Path, table: Path) -> None:
    """Run one job with all spans, and write FILM.results.csv."""
    with table.open(newline="") as stream:
        edits = [
            Edit(in_=row["in"], out=row["out"], prompt=row["prompt"], temperature=float(row["temperature"]))  # type: ignore[arg-type]
            for row in csv.DictReader(stream)
        ]
    result = run(load_preset("preview"), source=str(film), edits=edits, yes=True)
    with film.with_suffix(".results.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["segment", "first frame", "last frame", "status", "cost USD", "from the store"])
        for segment in result.segments:
            last = segment.end_frame - 1
            rows.writerow([segment.name, segment.start_frame, last, segment.status, segment.cost_usd, segment.reused])
    print(result.output)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
