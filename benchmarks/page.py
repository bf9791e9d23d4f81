"""Measure the report page of many edits: its size, and the CPU seconds to make it.

    .venv/bin/python benchmarks/page.py FILM [--edits 1 10 40] [--side 320]

The film is repeated to a minute, scaled to a square, and spliced with itself, lighter. Each edit is one second long,
with handles of eight frames.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from splice_films import ffmpeg

LENGTH_S, RATE, HANDLE = 58, 25, 8


def make_films(film: Path, folder: Path, side: int) -> tuple[Path, Path]:
    """Make the source and the film with the edits."""
    before, after = folder / "before.mp4", folder / "after.mp4"
    coding = ["-c:v", "libx264", "-preset", "fast", "-crf", "20", "-c:a", "aac"]
    cut = ["-t", str(LENGTH_S), "-vf", f"scale={side}:{side},fps={RATE}"]
    subprocess.run(ffmpeg("-stream_loop", "-1", "-i", str(film), *cut, *coding, str(before)), check=True)
    subprocess.run(ffmpeg("-i", str(before), "-vf", "eq=brightness=0.05", *coding, str(after)), check=True)
    return before, after


def page_of(folder: Path, before: Path, after: Path, count: int) -> tuple[int, float]:
    """Return the bytes of the page, and the CPU seconds that it took."""
    from react1.nodes.report import ReportNode, ReportParams
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.core.values import Record, Segment, Take
    from react1.pipeline.media.probe import probe
    from react1.testing import FolderContext

    context = FolderContext(folder)
    source, film = (probe(context.path(file), file) for file in map(context.store, (before, after)))
    assert source.video is not None
    step = source.video.frame_count // count
    takes = []
    for number in range(count):
        start, end = number * step + HANDLE, number * step + HANDLE + RATE
        edit = Edit.model_validate({"in": f"{start}f", "out": f"{end}f"})
        place: dict[str, Any] = {"start_frame": start, "end_frame": end, "head_frames": HANDLE, "tail_frames": HANDLE}
        frames = tuple(range(start - HANDLE, end + HANDLE))
        segment = Segment(name=f"edit-{number}", source=source, edit=edit, media=source, frames=frames, **place)
        takes.append(Take(segment=segment, media=film, provider="none", request={}, conformed=True))
    segments = tuple(take.segment for take in takes)
    record = Record(run="many", preset="many", source=source, film=film, segments=segments, takes=tuple(takes))
    began = time.process_time()
    report = ReportNode().run(context, ReportParams(), record)
    return context.path(report.page).stat().st_size, time.process_time() - began


def main() -> None:
    """Print a row for each number of edits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, help="of a person who talks")
    parser.add_argument("--edits", type=int, nargs="+", default=[1, 10, 40], help="numbers of edits")
    parser.add_argument("--side", type=int, default=320, help="of the pictures, in pixels")
    args = parser.parse_args()
    for count in args.edits:
        with tempfile.TemporaryDirectory() as place:
            before, after = make_films(args.film, Path(place), args.side)
            size, cpu_s = page_of(Path(place) / "context", before, after, count)
            print(f"{count} edits: {size / 1e6:.2f} MB, {cpu_s:.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
