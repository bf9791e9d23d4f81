"""Count the CPU seconds of a splice against those of coding the whole film anew, and of copying it.

    .venv/bin/python benchmarks/splice.py

A made clip of 20 s, 1280x720, gets an edit of 2 s. Compare the ratios, not machines.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from react1.pipeline.edit import Edit
from react1.pipeline.file import File
from react1.pipeline.kinds import Media, Segment, Take
from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.media.probe import probe
from react1.pipeline.media.process import run_tool
from react1.pipeline.splicing.film import splice

RATE, SECONDS, START, END = 25, 20, 200, 250
CODING = ["-c:v", "libx264", "-preset", "fast", "-crf", "20", "-g", "50", "-pix_fmt", "yuv420p"]


class Folder:
    """A room in one folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, 0

    def path(self, file: File) -> Path:
        return self.root / f"{file.digest}{file.suffix}"

    def new(self, name: str) -> Path:
        self.made += 1
        place = self.root / str(self.made)
        place.mkdir()
        return place / name

    def keep(self, path: Path) -> File:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        file = File(digest=digest, suffix=path.suffix, size_bytes=path.stat().st_size)
        shutil.move(path, self.path(file))
        return file

    def progress(self, share: float) -> None:
        pass

    def call(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 600) -> str:
        return run_tool(argv, timeout_s=timeout_s)


def made_by_ffmpeg(room: Folder, name: str, *argv: str) -> Media:
    """Run ffmpeg and probe what it wrote."""
    path = room.new(name)
    subprocess.run([ffmpeg_path(), "-v", "error", *argv, str(path)], check=True)
    file = room.keep(path)
    return probe(room.path(file), file)


def film(room: Folder) -> Media:
    """Make the clip: a moving test picture with grain, and a tone."""
    picture = f"testsrc2=size=1280x720:rate={RATE}:duration={SECONDS},noise=alls=6:allf=t"
    sound = f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    return made_by_ffmpeg(room, "film.mp4", *inputs, *CODING, "-c:a", "aac")


def take_of(room: Folder, source: Media) -> Take:
    """Make a conformed take: the span upside down, lossless."""
    cut = f"trim=start_frame={START}:end_frame={END},setpts=PTS-STARTPTS,vflip"
    lossless = ["-an", "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-bf", "0"]
    media = made_by_ffmpeg(room, "take.mov", "-i", str(room.path(source.file)), "-vf", cut, *lossless)
    segment = Segment(
        name="s1",
        source=source,
        edit=Edit.model_validate({"in": f"{START}f", "out": f"{END}f"}),
        start_frame=START,
        end_frame=END,
        head_frames=0,
        tail_frames=0,
        media=media,
        frames=tuple(range(START, END)),
    )
    return Take(segment=segment, media=media, provider="none", request={}, conformed=True)


def cpu_s(work: Callable[[], Any]) -> tuple[float, Any]:
    """Run something; give the CPU seconds of this process and its children, and the result."""
    before = sum(os.times()[:4])
    result = work()
    return sum(os.times()[:4]) - before, result


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        room = Folder(Path(folder))
        source = film(room)
        take, path = take_of(room, source), room.path(source.file)
        whole = [ffmpeg_path(), "-v", "error", "-i", str(path), *CODING, "-c:a", "copy", str(room.new("whole.mp4"))]
        copy_s, _ = cpu_s(lambda: subprocess.run(["cp", str(path), str(room.new("copy.mp4"))], check=True))
        whole_s, _ = cpu_s(lambda: subprocess.run(whole, check=True))
        splice_s, made = cpu_s(lambda: splice(room, ffmpeg_path(), source, [take]))
        strict = [ffmpeg_path(), "-v", "error", "-xerror", "-i", str(made.path), "-map", "0:v", "-f", "null", "-"]
        check_s, _ = cpu_s(lambda: subprocess.run(strict, check=True))
    figures = made.figures
    print(f"{SECONDS} s of 1280x720, an edit of {(END - START) / RATE:g} s: way {figures['way']}, ", end="")
    print(f"{figures['encoded_packets']} of {figures['packets']} packets coded, twin {figures.get('twin')}")
    rows = {
        "the whole film coded anew": whole_s,
        "the splice, checks included": splice_s,
        "  of which the strict decode": check_s,
        "cp of the film": copy_s,
    }
    for name, seconds in rows.items():
        print(f"{name:<32}{seconds:8.2f} CPU s {100 * seconds / whole_s:7.1f} %")


if __name__ == "__main__":
    main()
