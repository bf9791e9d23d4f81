"""Kill paying processes at every step of a call and at random times, and count the results.

    .venv/bin/python benchmarks/crash.py [--kills 200] [--seed 7] [--provider segmind|fal|replicate]

The provider is the local server, or the scripted host of fal or Replicate, with faults (`FAULTS` in
tests/support/crash.py). Each call has a take of its own,
so that one that is lost, truncated or swapped is noticed. The exit status is 1 if a job is duplicated, a take is
lost, or a point is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from crash import STAGES, Lab, Row
from crash_hosts import HOSTS, HostLab

RIVALS = 20
"""Kills of one of two processes that want the same call."""
COLUMNS = ("kills", "runs", "submits", "calls", "jobs", "doubles", "lost")


def kill_all(lab: Lab, count: int) -> list[Row]:
    """Kill at every point, then one of two processes, and at random times until there are `count` kills."""
    rows = [_print_row(lab.stage(stage)) for stage in STAGES]
    length_s = lab.length_s()
    print(f"{'(a run without a kill takes':<16} {length_s:.2f} s)", flush=True)
    rows.append(_print_row(lab.two_at_once(RIVALS, length_s)))
    at_random = Row("at random")
    while sum(row.kills for row in rows) + at_random.kills < count:
        at_random.add(lab.at_random(20, length_s))
    rows.append(_print_row(at_random))
    return rows


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--provider", choices=["segmind", *HOSTS], default="segmind")
    args = parser.parse_args()
    print(f"{'killed at':<16}" + "".join(f"{name:>9}" for name in COLUMNS))
    started_s, total = time.monotonic(), Row("total")
    with tempfile.TemporaryDirectory() as folder:
        hosted = args.provider != "segmind"
        with HostLab(Path(folder), args.provider, args.seed) if hosted else Lab(Path(folder), args.seed) as lab:
            for row in kill_all(lab, args.kills):
                total.add(row)
    _print_row(total)
    print(f"{time.monotonic() - started_s:.0f} s; seed {args.seed}")
    for line in [*total.errors, *(f"never passed: {point}" for point in total.missed)]:
        print(line)
    return 1 if total.doubles or total.lost or total.errors or total.missed else 0


def _print_row(row: Row) -> Row:
    print(f"{row.stage:<16}" + "".join(f"{getattr(row, name):>9}" for name in COLUMNS), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
