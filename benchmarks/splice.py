"""Compare the splice with `cp`, a remux, MoviePy, ffmpeg and smartcut: CPU seconds, wall seconds, memory.

    .venv/bin/python benchmarks/splice.py [--minutes 1 10] [--smartcut] [--no-moviepy] [--container]

The films are synthetic: 1080p at 30 fps, with an edit of 8 s. Everything runs in one go, because CPU seconds are longer
on a busy machine too: compare the ratios. `~` marks values scaled by the number of frames. Only the shortest film is
completely re-encoded. `--minutes 60 --container` needs 8 GB of disk. `--smartcut` installs smartcut into a temporary
virtual environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from measuring import HEAD, Cost, measure, row
from splice_films import CODING, EDIT_FRAMES, RATE, Film, ffmpeg, make_clip, make_film

JOBS = Path(__file__).with_name("splice_jobs.py")
LABELS = {"new-file": "splice, new file", "in-place": "splice, copied, edited in place, synced"}
"""The last one syncs the disk three times, as a crash-safe edit must; the others leave it to the system."""
ROUNDS = 3
"""Repetitions of short measurements; the least counts."""


def job(name: str, film: Film, take: Path | None = None) -> Cost:
    """Run one job of splice_jobs.py in its own process."""
    output = film.path.with_name(f"output-{name}.mp4")
    place = [str(film.path), str(take or film.take), str(film.start), str(film.end), str(output)]
    try:
        return measure([sys.executable, str(JOBS), name, *place])
    finally:
        output.unlink(missing_ok=True)


def result_of(cost: Cost) -> dict[str, float]:
    """Parse the last line that a job printed."""
    result: dict[str, float] = json.loads(cost.output.splitlines()[-1])
    return result


def least(costs: list[Cost]) -> Cost:
    """Return the least CPU and the least wall time of several runs."""
    return Cost(min(c.cpu_s for c in costs), min(c.wall_s for c in costs), max(c.peak_mb for c in costs))


def containers(film: Film) -> None:
    """Compare the container work, without encoding and checks, with a file copy and ffmpeg's stream copy."""
    output, raw = film.path.with_name("copy.mp4"), film.path.with_name("pictures.bin")
    commands = {
        "cp": ["cp", str(film.path), str(output)],
        "ffmpeg -c copy": ffmpeg("-i", str(film.path), "-map", "0", "-c", "copy", str(output)),
    }
    costs: dict[str, list[Cost]] = {}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            costs.setdefault(name, []).append(measure(argv))
            output.unlink()
        for name in ("new-file", "in-place"):
            cost = job(name, film, raw)
            costs.setdefault(name, []).append(Cost(result_of(cost)["cpu_s"], result_of(cost)["wall_s"], cost.peak_mb))
    raw.unlink()
    best = {name: least(costs) for name, costs in costs.items()}
    size = film.path.stat().st_size >> 20
    print(f"\ncontainer work alone, {film.minutes} min, {size} MB (least of {ROUNDS})\n{HEAD}")
    copy, remux = best["cp"], best["ffmpeg -c copy"]
    for name, cost in best.items():
        times = f"wall {cost.wall_s / copy.wall_s:5.2f} x cp, {cost.wall_s / remux.wall_s:5.2f} x remux"
        print(row(LABELS.get(name, name), cost, times), flush=True)


def spliced(film: Film) -> Cost:
    """Splice, and print how much of it is not encoding."""
    cost = job("splice", film)
    result = result_of(cost)
    rest = cost.cpu_s - result["encode_ranges"]
    print(f"\nan edit of {EDIT_FRAMES / RATE:g} s in {film.minutes} min\n{HEAD}")
    print(row("splice, checks included", cost, f"way {result['way']}, twin {result['twin']}"))
    share = f"{result['encoded_packets']} of {result['packets']} packets re-encoded; the rest takes {rest:.2f} s: "
    print(
        f"    {share}container {result['write_film']:.2f}, start, probe and checks {rest - result['write_film']:.2f}",
        flush=True,
    )
    assert result["untouched_identical"] and result["sound_identical"] and result["strict_decode"]
    return cost


def reencoded(film: Film, with_moviepy: bool) -> dict[str, Cost]:
    """Re-encode the complete film with the take in it, by ffmpeg and MoviePy."""
    output = film.path.with_name("reencoded.mp4")
    graph = (
        f"[0:v]trim=end_frame={film.start},setpts=PTS-STARTPTS[a];"
        f"[0:v]trim=start_frame={film.end},setpts=PTS-STARTPTS[c];[a][1:v][c]concat=n=3:v=1:a=0[v]"
    )
    inputs = ["-i", str(film.path), "-i", str(film.take), "-filter_complex", graph, "-map", "[v]", "-map", "0:a"]
    costs = {"ffmpeg, trim and concat": measure(ffmpeg(*inputs, *CODING, "-c:a", "copy", str(output)))}
    output.unlink()
    if with_moviepy:
        costs["MoviePy, coded like the film"] = job("moviepy", film)
        costs["MoviePy at its defaults"] = job("moviepy-defaults", film)
    return costs


def smartcut(film: Film, tool: Path) -> Cost:
    """Cut both ends of the film by smartcut, encode the take like the film, and concatenate the three."""
    head, middle, tail, output = (film.path.with_name(f"{name}.mp4") for name in ("head", "middle", "tail", "joined"))
    start, end = f"{film.start / RATE:.6f}", f"{film.end / RATE:.6f}"
    cost = measure([str(tool), str(film.path), str(head), "--keep", f"start,{start}"])
    cost += measure([str(tool), str(film.path), str(tail), "--keep", f"{end},end"])
    sound = ["-ss", start, "-t", f"{EDIT_FRAMES / RATE:.6f}", "-i", str(film.path), "-map", "0:v", "-map", "1:a"]
    cost += measure(ffmpeg("-i", str(film.take), *sound, *CODING, "-c:a", "copy", str(middle)))
    parts = film.path.with_name("parts.txt")
    parts.write_text("".join(f"file '{part}'\n" for part in (head, middle, tail)))
    cost += measure(ffmpeg("-f", "concat", "-safe", "0", "-i", str(parts), "-c", "copy", str(output)))
    for part in (head, middle, tail, output, parts):
        part.unlink()
    return cost


def installed(folder: Path) -> Path:
    """Install smartcut into its own virtual environment; return its path."""
    venv.create(folder, with_pip=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "smartcut"], check=True)
    return folder / "bin" / "smartcut"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10], help="length of the films")
    parser.add_argument("--smartcut", action="store_true", help="compare with smartcut, from PyPI")
    parser.add_argument("--container", action="store_true", help="measure only the container work")
    parser.add_argument("--no-moviepy", action="store_true", help="skip MoviePy")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clip = make_clip(folder)
        tool = installed(folder / "smartcut") if args.smartcut else None
        full: dict[str, Cost] = {}
        frames = 0
        for minutes in sorted(args.minutes):
            film = make_film(folder, clip, minutes)
            containers(film)
            if args.container:
                film.path.unlink()
                continue
            cost = spliced(film)
            if tool is not None:
                cut = smartcut(film, tool)
                ratio = f"splice / this {cost.cpu_s / cut.cpu_s:.2f}"
                print(row("smartcut twice, encode the take, concat", cut, ratio), flush=True)
            if not full:
                full, frames = reencoded(film, not args.no_moviepy), film.frames
            for name, other in full.items():
                scale = film.frames / frames
                ratio = f"this / splice {other.cpu_s * scale / cost.cpu_s:.0f}"
                print(row(name, other, ratio, scaled=scale), flush=True)
            film.path.unlink()


if __name__ == "__main__":
    main()
