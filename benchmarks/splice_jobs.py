"""What the splice's benchmark measures, one job per process: `splice_jobs.py JOB FILM TAKE START END MADE`.

A job prints one line of JSON: the seconds of its parts, where it has some.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def cpu_s() -> float:
    """CPU seconds of this process and of its children that are gone."""
    return sum(os.times()[:4])


class Folder:
    """A room in one folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, 0
        self.kept: dict[str, Path] = {}

    def path(self, file: Any) -> Path:
        return self.kept[file.digest]

    def add_external(self, path: Path) -> Any:
        from react1.pipeline.core.file import File

        digest = hashlib.sha256(str(path).encode()).hexdigest()
        self.kept[digest] = path
        return File(digest=digest, suffix=path.suffix, size_bytes=path.stat().st_size)

    def new(self, name: str) -> Path:
        self.made += 1
        place = self.root / str(self.made)
        place.mkdir(parents=True)
        return place / name

    def progress(self, share: float) -> None:
        pass

    def call(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 600) -> str:
        from react1.pipeline.media.process import run_tool

        return run_tool(argv, timeout_s=timeout_s)


def splice(film: Path, take: Path, start: int, end: int, made: Path) -> dict[str, Any]:
    """Probe a film and splice a conformed take into it, with all checks."""
    from react1.pipeline.core.edit import Edit
    from react1.pipeline.core.values import Segment, Take
    from react1.pipeline.media.ffmpeg import ffmpeg_path
    from react1.pipeline.media.probe import probe
    from react1.pipeline.splicing import smart_render, strategies
    from react1.pipeline.splicing import splice as splicing

    spent: dict[str, float] = {}
    _time(smart_render, "encode_ranges", spent)
    _time(strategies, "carry", spent)
    context = Folder(Path(tempfile.mkdtemp(dir=made.parent)))
    source, inserted = (probe(path, context.add_external(path)) for path in (film, take))
    edit = Edit.model_validate({"in": f"{start}f", "out": f"{end}f"})
    segment = Segment(
        name="edit",
        source=source,
        edit=edit,
        start_frame=start,
        end_frame=end,
        head_frames=0,
        tail_frames=0,
        media=inserted,
        frames=tuple(range(start, end)),
    )
    conformed = Take(segment=segment, media=inserted, provider="none", request={}, conformed=True)
    found = splicing.splice(context, ffmpeg_path(), source, [conformed])
    shutil.move(found.path, made)
    shutil.rmtree(context.root)
    keys = ("way", "twin", "packets", "encoded_packets", "untouched_identical", "sound_identical", "strict_decode")
    return {**spent, **{key: found.metrics.get(key) for key in keys}}


def _time(owner: Any, name: str, spent: dict[str, float]) -> None:
    """Note the CPU seconds of a function of the splice under its name."""
    real: Callable[..., Any] = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        began = cpu_s()
        try:
            return real(*given, **named)
        finally:
            spent[name] = spent.get(name, 0) + cpu_s() - began

    setattr(owner, name, timed)


def container(film: Path, take: Path, start: int, end: int, made: Path, in_place: bool) -> dict[str, Any]:
    """Read a film's index, and write the film with the pictures of its edit taken from elsewhere: no coding, no checks.

    The seconds are those of this work alone: what it takes to start Python is not counted.
    """
    import numpy as np

    from react1.pipeline.splicing.mp4 import boxes, rewrite, sample_tables

    track = rewrite.track_of(boxes.read_moov(film)[1], b"vide")
    held = sample_tables.read_sample_table(track)
    with film.open("rb") as raw, take.open("wb") as out:
        for at in range(start, end):
            raw.seek(int(held.offsets[at]))
            out.write(raw.read(int(held.sizes[at])))
    span, sizes = slice(start, end), held.sizes[start:end]
    entry = sample_tables.stbl(track).at(b"stsd").body
    lies = np.cumsum(sizes) - sizes
    new = rewrite.NewSamples(start, end, 0, take, lies, sizes, held.composition[span], held.sync[span], entry)
    began, wall = cpu_s(), time.monotonic()
    figures = rewrite.write_film(film, made, [new], in_place=in_place)
    return {**figures, "cpu_s": cpu_s() - began, "wall_s": time.monotonic() - wall}


def moviepy(film: Path, take: Path, start: int, end: int, made: Path) -> dict[str, Any]:
    """Put the take into the film by MoviePy, which codes everything anew."""
    from moviepy import VideoFileClip, concatenate_videoclips
    from splice_films import RATE

    with VideoFileClip(str(film)) as whole, VideoFileClip(str(take)) as fresh:
        silent = whole.without_audio()
        parts = [silent.subclipped(0, start / RATE), fresh, silent.subclipped(end / RATE)]
        joined = concatenate_videoclips(parts).with_audio(whole.audio)
        coding = {"codec": "libx264", "preset": "medium", "ffmpeg_params": ["-crf", "20", "-g", "60"]}
        aside = {"temp_audiofile_path": str(made.parent), "logger": None}
        joined.write_videofile(str(made), audio_codec="aac", **aside, **coding)
    return {}


def main() -> None:
    """Do one job."""
    job, film, take, start, end, made = sys.argv[1:]
    given = (Path(film), Path(take), int(start), int(end), Path(made))
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "splice": lambda: splice(*given),
        "moviepy": lambda: moviepy(*given),
        "anew": lambda: container(*given, in_place=False),
        "in-place": lambda: container(*given, in_place=True),
    }
    print(json.dumps(jobs[job]()))


if __name__ == "__main__":
    main()
