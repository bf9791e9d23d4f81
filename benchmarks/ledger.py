"""What paid calls of the past cost: `react1 jobs`, `react1 spend` and a paid run with 100 and with 10,000 of them.

    python benchmarks/ledger.py [--calls 100 10000]

The ledgers are written as runs write them, 40 calls a run, and compacted as runs compact them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from measuring import HEAD, Cost, measure, row

from react1 import run
from react1.pipeline.core.file import File
from react1.pipeline.jobs import ledger as ledger_module
from react1.pipeline.jobs.compaction import compact
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Accepted, Call, Done, Intended
from react1.pipeline.store import atomic
from react1.testing import ClipRecipe, FakeProvider, make_clip

CALLS_PER_RUN = 40
TRIES = 3
"""Each command is measured so often; the least CPU time counts."""
EDIT = "4f-12f:sad"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def write_ledger(home: Path, calls: int) -> None:
    """Write a ledger with so many finished calls, without waiting for the disk."""
    ledger = Ledger(home)
    with ExitStack() as stack:
        for owner, name in ((atomic, "sync_file"), (atomic, "sync_folder"), (ledger_module, "_reserve_disk_space")):
            stack.enter_context(mock.patch.object(owner, name, lambda path: path.touch()))
        _write_calls(ledger, calls)


def _write_calls(ledger: Ledger, calls: int) -> None:
    for number in range(calls):
        at = (BEGAN + timedelta(minutes=30 * number)).isoformat(timespec="milliseconds")
        parameters = {"prompt": "sad", "temperature": 0.5, "model_mode": "face", "sync_mode": "cut_off"}
        video, name = f"{number:064x}", f"{number:032}.mp4"
        intended = Intended(
            at=at,
            call=Call(provider="sync", host="https://api.sync.so", parameters=parameters, video=video, audio=""),
            nonce=f"{number:032}",
            video_name=name,
            video_url=f"https://storage.example/{name}?signature={'0' * 300}",
            estimate_usd=1.5,
            seconds=9,
            run=f"run-{number // CALLS_PER_RUN}",
            segment="s01",
        )
        entry = ledger.record_intent(intended)
        entry = ledger.record(entry, "accepted", Accepted(at=at, request_id=f"request-{number:024}"))
        file = File(digest=f"{number:064x}", suffix=".mp4", size_bytes=1 << 20)
        ledger.record(entry, "done", Done(at=at, file=file, cost_usd=1.5, cost_known=True))
        if number % CALLS_PER_RUN == CALLS_PER_RUN - 1:
            compact(ledger)


def pay_once(home: Path) -> None:
    """Run a job with one paid call at a provider in this process."""
    clip = make_clip(home.parent / "film.mp4", ClipRecipe(frames=20, size=(64, 48)))
    with FakeProvider() as fake:
        run("emotion-edit", source=clip, edits=EDIT, provider="fake", yes=True, home=home, out=home.parent / "out.mp4")
    assert len(fake.submissions) == 1, "the call was not paid for"


def main() -> None:
    """Print a table, and the ratio of CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--pay", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pay:
        pay_once(options.pay)
        return
    cpu_s: dict[str, list[float]] = {}
    print(HEAD)
    for calls in options.calls:
        with TemporaryDirectory() as folder:
            write_ledger(Path(folder) / "home", calls)
            files = [path for path in (Path(folder) / "home").rglob("*") if path.is_file()]
            size_mb = sum(path.stat().st_size for path in files) / 1e6
            print(f"  {calls:,} calls: {len(files)} files, {size_mb:.1f} MB")
            for name in ("jobs", "spend", "run"):
                costs = [_measure(name, Path(folder), number) for number in range(TRIES)]
                best = min(costs, key=lambda cost: cost.cpu_s)
                print(row(f"{name}, {calls:,} calls", best), flush=True)
                cpu_s.setdefault(name, []).append(best.cpu_s)
            ledger = Ledger(Path(folder) / "home")
            ledger.open_entries()
            began = time.process_time()
            ledger.open_entries()
            cpu_s.setdefault("open calls", []).append(time.process_time() - began)
            print(f"  open calls, {calls:,} calls: {1000 * cpu_s['open calls'][-1]:.1f} ms CPU")
    for name, times_s in cpu_s.items():
        print(f"  {name}: {times_s[-1] / times_s[0]:.2f} times the CPU time for {options.calls[-1]:,} calls")


def _measure(name: str, folder: Path, number: int) -> Cost:
    home = folder / "home"
    if name != "run":
        return measure([sys.executable, "-m", "react1", name, "--home", str(home)])
    paid = folder / f"pay{number}"
    paid.mkdir()
    shutil.copytree(home, paid / "home")  # each try pays
    return measure([sys.executable, __file__, "--pay", str(paid / "home")])


if __name__ == "__main__":
    main()
