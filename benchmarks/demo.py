"""Time each step of the demo job: once with an empty store, once with everything cached.

    .venv/bin/python benchmarks/demo.py

Seconds are wall clock on this machine: compare shares and the ratio of the two runs, not machines.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from react1.pipeline.api import run
from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.runner.events import Event, StepEnded

EDITS = ["2-4.4:happy:0.8"]


class StepTimes:
    """Collects the durations of the steps."""

    def __init__(self) -> None:
        self.rows: list[StepEnded] = []

    def on(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            self.rows.append(event)


def timed(clip: Path, home: Path, out: Path) -> tuple[float, StepTimes]:
    """Run the demo job; return its wall seconds and those of its steps."""
    times, began = StepTimes(), time.perf_counter()
    run("emotion-edit", source=clip, edits=EDITS, provider="local", out=out, home=home, yes=True, watcher=times)
    return time.perf_counter() - began, times


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.perf_counter()
        make_demo_clip(root / "talking.mp4", progress=lambda _: None)
        print(f"{'make the clip':<22}{time.perf_counter() - began:8.2f} s")
        first, times = timed(root / "talking.mp4", root / "home", root / "film.mp4")
        second, second_times = timed(root / "talking.mp4", root / "home", root / "film.mp4")
    for row in times.rows:
        print(f"{row.step + ' ' + row.segment:<22}{row.seconds:8.2f} s {100 * row.seconds / first:6.1f} %")
    print(f"{'first run':<22}{first:8.2f} s")
    print(f"{'second run':<22}{second:8.2f} s {100 * second / first:6.1f} %")
    print(f"steps reused in the second run: {sum(row.reused for row in second_times.rows)} of {len(second_times.rows)}")


if __name__ == "__main__":
    main()
