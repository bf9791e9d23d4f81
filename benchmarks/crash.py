"""Kill processes that pay, at every step of a call and at random times, and count what came of it.

    .venv/bin/python benchmarks/crash.py [--kills 200] [--seed 7]

The host is the local server, with faults on (`MISHAPS` in tests/support/crash.py); each call has a take of its own, so
that one that is lost, torn or mixed up is seen. Doubles and losses must be 0, and no point may be missed; the exit
status says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from crash import STAGES, Lab, Row

RIVALS = 20
"""Kills of one of two processes that want the same call."""
HEAD = ("kills", "runs", "submits", "calls", "jobs", "doubles", "lost")


def killed(lab: Lab, most: int) -> list[Row]:
    """Kill at every point in turn, then one of two processes, and at random times until it is enough."""
    rows = [_shown(lab.stage(stage)) for stage in STAGES]
    length_s = lab.length_s()
    print(f"{'(a run that nobody kills takes':<16} {length_s:.2f} s)", flush=True)
    rows.append(_shown(lab.two_at_once(RIVALS, length_s)))
    at_random = Row("at random")
    while sum(row.kills for row in rows) + at_random.kills < most:
        at_random.add(lab.at_random(20, length_s))
    rows.append(_shown(at_random))
    return rows


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print(f"{'killed at':<16}" + "".join(f"{name:>9}" for name in HEAD))
    began, total = time.monotonic(), Row("in all")
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder), asked.seed) as lab:
        for row in killed(lab, asked.kills):
            total.add(row)
    _shown(total)
    print(f"{time.monotonic() - began:.0f} s; seed {asked.seed}")
    for line in [*total.told, *(f"never came by: {point}" for point in total.missed)]:
        print(line)
    return 1 if total.doubles or total.lost or total.told or total.missed else 0


def _shown(row: Row) -> Row:
    print(f"{row.stage:<16}" + "".join(f"{getattr(row, name):>9}" for name in HEAD), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
