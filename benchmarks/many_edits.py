"""Measure a splice of many edits into a long film: CPU seconds, memory, container work, and the plan.

    .venv/bin/python benchmarks/many_edits.py [--minutes 60] [--edits 1 20 100] [--size 640x360]

The film is ten seconds of a moving picture, repeated by stream copy; each edit is the same take of two seconds. The
first row is a copy of the film by `cp`. Container work is `write_film`; `plan` is what the node `splice` finds out
before it runs, with the film probed already.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import HEAD, Cost, measure, row
from splice_films import CLIP_S, LOSSLESS, RATE, ffmpeg
from splice_jobs import FolderContext, _time, cpu_s

EDIT_S = 2
CODING = ["-c:v", "libx264", "-preset", "fast", "-crf", "26", "-g", "60", "-pix_fmt", "yuv420p"]


def make_film(folder: Path, minutes: int, size: str) -> tuple[Path, Path]:
    """Make the film and the take."""
    clip, film, take = (folder / name for name in ("clip.mp4", "film.mp4", "take.mov"))
    picture = f"testsrc2=size={size}:rate={RATE}:duration={CLIP_S},noise=alls=2:allf=t"
    sound = f"sine=frequency=440:sample_rate=48000:duration={CLIP_S}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    repeats = ["-stream_loop", str(minutes * 60 // CLIP_S - 1), "-i", str(clip), "-c", "copy"]
    cut = ["-t", str(EDIT_S), "-an", "-vf", "vflip", *LOSSLESS]
    for argv in (
        [*inputs, *CODING, "-c:a", "aac", str(clip)],
        [*repeats, str(film)],
        ["-i", str(clip), *cut, str(take)],
    ):
        subprocess.run(ffmpeg(*argv), check=True)
    return film, take


def splice(film: Path, take: Path, count: int, output: Path) -> dict[str, Any]:
    """Splice the take at `count` places, with all checks; return the CPU seconds of the parts."""
    from react1.nodes.splice import Splice, SpliceParams
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.core.values import Segment, Take
    from react1.pipeline.media.probe import probe
    from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
    from react1.pipeline.splicing import splice as splicing
    from react1.pipeline.splicing import strategies
    from react1.pipeline.splicing.splice_params import CUT

    context = FolderContext(Path(tempfile.mkdtemp(dir=output.parent)))
    spent: dict[str, float] = {"start": cpu_s()}
    source, inserted = (probe(path, context.add_external(path)) for path in (film, take))
    spent["probe"] = cpu_s() - spent["start"]
    for name in ("encode_ranges", "write_film", "compare_around"):
        _time(strategies, name, spent)
    assert source.video is not None
    step, length = source.video.frame_count // count, EDIT_S * RATE
    takes = []
    for number in range(count):
        start = number * step + step // 2 + 7
        end = start + length
        edit = Edit.model_validate({"in": f"{start}f", "out": f"{end}f"})
        place = {"start_frame": start, "end_frame": end, "head_frames": 0, "tail_frames": 0}
        frames = tuple(range(start, end))
        segment = Segment(name=f"edit-{number}", source=source, edit=edit, media=inserted, frames=frames, **place)
        takes.append(Take(segment=segment, media=inserted, provider="none", request={}, conformed=True))
    began = cpu_s()
    Splice.forecast(context, SpliceParams(), {"takes": [take.segment for take in takes]})  # type: ignore[arg-type]
    spent["plan"] = cpu_s() - began
    result = splicing.splice(context, ffmpeg_path(), source, takes, CUT, measure_seams=True)  # type: ignore[arg-type]
    shutil.move(result.path, output)
    shutil.rmtree(context.root)
    keys = ("way", "windows", "encoded_packets", "untouched_identical", "strict_decode")
    return {**spent, **{key: result.metrics.get(key) for key in keys}}


def spliced(film: Path, take: Path, count: int) -> tuple[Cost, dict[str, Any]]:
    """Run `splice` in a process of its own."""
    output = film.with_name("output.mp4")
    cost = measure([sys.executable, __file__, "--job", str(film), str(take), str(count), str(output)])
    output.unlink()
    return cost, json.loads(cost.output.splitlines()[-1])


def main() -> None:
    """Print the table, or run one job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60, help="length of the film")
    parser.add_argument("--edits", type=int, nargs="+", default=[1, 20, 100], help="numbers of edits")
    parser.add_argument("--size", default="640x360", help="of the pictures")
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        film, take, count, output = args.job
        print(json.dumps(splice(Path(film), Path(take), int(count), Path(output))))
        return
    with tempfile.TemporaryDirectory() as place:
        film, take = make_film(Path(place), args.minutes, args.size)
        copy = film.with_name("copy.mp4")
        cost = min((measure(["cp", str(film), str(copy)]) for _ in range(3)), key=lambda cost: cost.cpu_s)
        copy.unlink()
        print(
            f"{args.minutes} min of {args.size}, {film.stat().st_size >> 20} MB\n{HEAD}\n{row('cp', cost)}", flush=True
        )
        for count in args.edits:
            cost, result = spliced(film, take, count)
            parts = ", ".join(f"{name} {value:.2f}" for name, value in result.items() if isinstance(value, float))
            print(row(f"edits: {count}, of {EDIT_S} s", cost, f"{result['way']}; CPU s: {parts}"), flush=True)


if __name__ == "__main__":
    main()
