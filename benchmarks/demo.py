"""Time each step of the demo job: once from nothing, once with everything stored.

    .venv/bin/python benchmarks/demo.py

Seconds are wall clock on this machine, so compare shares and the ratio of the two runs, not machines.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from react1.pipeline.api import run
from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.runner.events import Event, StepEnded

EDITS = ["2-4.4:happy:0.8"]


class Times:
    """Collects what every step took."""

    def __init__(self) -> None:
        self.rows: list[StepEnded] = []

    def on(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            self.rows.append(event)


def timed(clip: Path, home: Path, out: Path) -> tuple[float, Times]:
    """Run the demo's job and give its wall seconds and those of its steps."""
    times, began = Times(), time.perf_counter()
    run("emotion-edit", source=clip, edits=EDITS, provider="local", out=out, home=home, yes=True, watcher=times)
    return time.perf_counter() - began, times


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        began = time.perf_counter()
        make_demo_clip(place / "talking.mp4", progress=lambda _: None)
        print(f"{'make the clip':<22}{time.perf_counter() - began:8.2f} s")
        first, times = timed(place / "talking.mp4", place / "home", place / "film.mp4")
        second, again = timed(place / "talking.mp4", place / "home", place / "film.mp4")
    for row in times.rows:
        print(f"{row.step + ' ' + row.segment:<22}{row.seconds:8.2f} s {100 * row.seconds / first:6.1f} %")
    print(f"{'first run':<22}{first:8.2f} s")
    print(f"{'second run':<22}{second:8.2f} s {100 * second / first:6.1f} %")
    print(f"steps reused in the second run: {sum(row.reused for row in again.rows)} of {len(again.rows)}")


if __name__ == "__main__":
    main()
