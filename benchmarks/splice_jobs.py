"""The jobs of the splice benchmark, one per process: `splice_jobs.py JOB FILM TAKE START END OUTPUT`.

A job prints one line of JSON: the CPU seconds of its parts, if it has any.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its finished children."""
    return sum(os.times()[:4])


class FolderContext:
    """A node context in one folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.count = root, 0
        self.paths: dict[str, Path] = {}

    def path(self, file: Any) -> Path:
        return self.paths[file.digest]

    def add_external(self, path: Path) -> Any:
        from react1.pipeline.core.file import File

        digest = hashlib.sha256(str(path).encode()).hexdigest()
        self.paths[digest] = path
        return File(digest=digest, suffix=path.suffix, size_bytes=path.stat().st_size)

    def temp_path(self, name: str) -> Path:
        self.count += 1
        folder = self.root / str(self.count)
        folder.mkdir(parents=True)
        return folder / name

    def cache_get(self, parts: Any) -> None:
        """Return nothing: what a first splice finds out is measured, too."""

    def cache_put(self, parts: Any, path: Path) -> None:
        pass

    def progress(self, share: float) -> None:
        pass

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 600) -> str:
        from react1.pipeline.media.tools.process import run_tool

        return run_tool(argv, timeout_s=timeout_s)


def splice(film: Path, take: Path, start: int, end: int, output: Path) -> dict[str, Any]:
    """Probe a film and splice a conformed take into it, with all checks."""
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.core.values import Segment, Take
    from react1.pipeline.media.probe import probe
    from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
    from react1.pipeline.splicing import splice as splicing
    from react1.pipeline.splicing import strategies

    spent: dict[str, float] = {}
    _time(strategies, "encode_ranges", spent)
    _time(strategies, "write_film", spent)
    context = FolderContext(Path(tempfile.mkdtemp(dir=output.parent)))
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
    film_with_take = splicing.splice(context, ffmpeg_path(), source, [conformed])
    shutil.move(film_with_take.path, output)
    shutil.rmtree(context.root)
    keys = ("way", "twin", "packets", "encoded_packets", "untouched_identical", "sound_identical", "strict_decode")
    return {**spent, **{key: film_with_take.metrics.get(key) for key in keys}}


def _time(owner: Any, name: str, spent: dict[str, float]) -> None:
    """Wrap a function to add the CPU seconds of this process while it runs, in any thread, to `spent` by its name."""
    real: Callable[..., Any] = getattr(owner, name)
    lock, began_s = threading.Lock(), []

    def timed(*args: Any, **kwargs: Any) -> Any:
        with lock:
            began_s.append(cpu_s())
        try:
            return real(*args, **kwargs)
        finally:
            with lock:
                first_s = began_s.pop(0)
                if not began_s:
                    spent[name] = spent.get(name, 0) + cpu_s() - first_s
                else:
                    began_s[0] = first_s

    setattr(owner, name, timed)


def container(film: Path, take: Path, start: int, end: int, output: Path, in_place: bool) -> dict[str, Any]:
    """Write a film with the packets of its edit from another file, without encoding and checks.

    The seconds count this work alone, without the start of Python.
    """
    import numpy as np

    from react1.pipeline.media.mp4 import boxes, sample_tables
    from react1.pipeline.splicing.mp4 import replace_samples, rewrite

    track = replace_samples.find_track(boxes.read_moov(film)[1], b"vide")
    table = sample_tables.read_sample_table(track)
    with film.open("rb") as raw, take.open("wb") as out:
        for at in range(start, end):
            raw.seek(int(table.offsets[at]))
            out.write(raw.read(int(table.sizes[at])))
    span, sizes = slice(start, end), table.sizes[start:end]
    entry = sample_tables.stbl(track).require(b"stsd").body
    lies = np.cumsum(sizes) - sizes
    new = replace_samples.NewSamples(start, end, 0, take, lies, sizes, table.composition[span], table.sync[span], entry)
    began, wall = cpu_s(), time.monotonic()
    metrics = rewrite.write_film(film, output, [new], in_place=in_place)
    return {**metrics, "cpu_s": cpu_s() - began, "wall_s": time.monotonic() - wall}


def moviepy(film: Path, take: Path, start: int, end: int, output: Path, *, defaults: bool) -> dict[str, Any]:
    """Insert the take by MoviePy, which re-encodes everything, by its defaults or as the film is coded."""
    from moviepy import VideoFileClip, concatenate_videoclips
    from splice_films import RATE

    with VideoFileClip(str(film)) as original, VideoFileClip(str(take)) as insert:
        silent = original.without_audio()
        parts = [silent.subclipped(0, start / RATE), insert, silent.subclipped(end / RATE)]
        joined = concatenate_videoclips(parts).with_audio(original.audio)
        coded_alike = {"codec": "libx264", "preset": "medium", "ffmpeg_params": ["-crf", "20", "-g", "60"]}
        temporary = {"temp_audiofile_path": str(output.parent), "logger": None}
        joined.write_videofile(str(output), audio_codec="aac", **temporary, **({} if defaults else coded_alike))
    return {}


def main() -> None:
    """Run one job."""
    job, film, take, start, end, output = sys.argv[1:]
    args = (Path(film), Path(take), int(start), int(end), Path(output))
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "splice": lambda: splice(*args),
        "moviepy": lambda: moviepy(*args, defaults=False),
        "moviepy-defaults": lambda: moviepy(*args, defaults=True),
        "new-file": lambda: container(*args, in_place=False),
        "in-place": lambda: container(*args, in_place=True),
    }
    print(json.dumps(jobs[job]()))


if __name__ == "__main__":
    main()
