"""Measure the splice beside `cp`, a remux, MoviePy, ffmpeg and smartcut: CPU seconds, seconds on the clock, memory.

    .venv/bin/python benchmarks/splice.py [--minutes 1 10] [--smartcut] [--no-moviepy] [--container]

The films are made: 1080p at 30 frames/s, with an edit of 8 s. Everything runs side by side in one go, because CPU
seconds of a busy machine are longer too: compare the ratios. `~` marks what was scaled by the number of frames.
Only the shortest film is coded anew as a whole. `--minutes 60 --container` needs 8 GB of disk. `--smartcut` installs
smartcut into a virtual environment that goes away again.
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
SPELT = {"anew": "splice, written anew", "in-place": "splice, copied, edited in place, on the disk"}
"""The last waits for the disk three times, as a crash-safe edit must; the others leave it to the system."""
ROUNDS = 3
"""How often what takes no time is measured; the least counts."""


def job(name: str, film: Film, take: Path | None = None) -> Cost:
    """Run one of our jobs in a process of its own."""
    made = film.path.with_name(f"made-{name}.mp4")
    place = [str(film.path), str(take or film.take), str(film.start), str(film.end), str(made)]
    try:
        return measure([sys.executable, str(JOBS), name, *place])
    finally:
        made.unlink(missing_ok=True)


def told(cost: Cost) -> dict[str, float]:
    """Read what a job said last."""
    said: dict[str, float] = json.loads(cost.notes.splitlines()[-1])
    return said


def least(costs: list[Cost]) -> Cost:
    """Give the least CPU and the least time of several runs."""
    return Cost(min(c.cpu_s for c in costs), min(c.wall_s for c in costs), max(c.peak_mb for c in costs))


def containers(film: Film) -> None:
    """Compare what is not coding and not checking with copying the file, and with ffmpeg's stream copy."""
    made, raw = film.path.with_name("copy.mp4"), film.path.with_name("pictures.bin")
    commands = {
        "cp": ["cp", str(film.path), str(made)],
        "ffmpeg -c copy": ffmpeg("-i", str(film.path), "-map", "0", "-c", "copy", str(made)),
    }
    found: dict[str, list[Cost]] = {}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            found.setdefault(name, []).append(measure(argv))
            made.unlink()
        for name in ("anew", "in-place"):
            cost = job(name, film, raw)
            found.setdefault(name, []).append(Cost(told(cost)["cpu_s"], told(cost)["wall_s"], cost.peak_mb))
    raw.unlink()
    best = {name: least(costs) for name, costs in found.items()}
    size = film.path.stat().st_size >> 20
    print(f"\ncontainer work alone, {film.minutes} min, {size} MB (least of {ROUNDS})\n{HEAD}")
    copy, remux = best["cp"], best["ffmpeg -c copy"]
    for name, cost in best.items():
        times = f"wall {cost.wall_s / copy.wall_s:5.2f} x cp, {cost.wall_s / remux.wall_s:5.2f} x remux"
        print(row(SPELT.get(name, name), cost, times), flush=True)


def spliced(film: Film) -> Cost:
    """Splice, and say how much of it is not coding."""
    cost = job("splice", film)
    said = told(cost)
    rest = cost.cpu_s - said["coded"]
    print(f"\nan edit of {EDIT_FRAMES / RATE:g} s in {film.minutes} min\n{HEAD}")
    print(row("splice, checks included", cost, f"way {said['way']}, twin {said['twin']}"))
    share = f"{said['encoded_packets']} of {said['packets']} packets are coded; all else {rest:.2f} s: "
    print(f"    {share}container {said['carry']:.2f}, start, probe and checks {rest - said['carry']:.2f}", flush=True)
    assert said["untouched_identical"] and said["sound_identical"] and said["strict_decode"]
    return cost


def whole(film: Film, with_moviepy: bool) -> dict[str, Cost]:
    """Code the whole film anew with the take in it, as ffmpeg and MoviePy do."""
    made = film.path.with_name("whole.mp4")
    graph = (
        f"[0:v]trim=end_frame={film.start},setpts=PTS-STARTPTS[a];"
        f"[0:v]trim=start_frame={film.end},setpts=PTS-STARTPTS[c];[a][1:v][c]concat=n=3:v=1:a=0[v]"
    )
    inputs = ["-i", str(film.path), "-i", str(film.take), "-filter_complex", graph, "-map", "[v]", "-map", "0:a"]
    found = {"ffmpeg, trim and concat": measure(ffmpeg(*inputs, *CODING, "-c:a", "copy", str(made)))}
    made.unlink()
    if with_moviepy:
        found["MoviePy, concatenate_videoclips"] = job("moviepy", film)
    return found


def smartcut(film: Film, tool: Path) -> Cost:
    """Cut both ends of the film by smartcut, code the take as the film is coded, and join the three."""
    head, middle, tail, made = (film.path.with_name(f"{name}.mp4") for name in ("head", "middle", "tail", "joined"))
    start, end = f"{film.start / RATE:.6f}", f"{film.end / RATE:.6f}"
    cost = measure([str(tool), str(film.path), str(head), "--keep", f"start,{start}"])
    cost += measure([str(tool), str(film.path), str(tail), "--keep", f"{end},end"])
    sound = ["-ss", start, "-t", f"{EDIT_FRAMES / RATE:.6f}", "-i", str(film.path), "-map", "0:v", "-map", "1:a"]
    cost += measure(ffmpeg("-i", str(film.take), *sound, *CODING, "-c:a", "copy", str(middle)))
    parts = film.path.with_name("parts.txt")
    parts.write_text("".join(f"file '{part}'\n" for part in (head, middle, tail)))
    cost += measure(ffmpeg("-f", "concat", "-safe", "0", "-i", str(parts), "-c", "copy", str(made)))
    for part in (head, middle, tail, made, parts):
        part.unlink()
    return cost


def installed(folder: Path) -> Path:
    """Install smartcut apart from the project."""
    venv.create(folder, with_pip=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "smartcut"], check=True)
    return folder / "bin" / "smartcut"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10], help="how long the films are")
    parser.add_argument("--smartcut", action="store_true", help="compare with smartcut, from PyPI")
    parser.add_argument("--container", action="store_true", help="measure the container work alone")
    parser.add_argument("--no-moviepy", action="store_true", help="leave MoviePy out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clip = make_clip(folder)
        tool = installed(folder / "smartcut") if asked.smartcut else None
        full: dict[str, Cost] = {}
        frames = 0
        for minutes in sorted(asked.minutes):
            film = make_film(folder, clip, minutes)
            containers(film)
            if asked.container:
                film.path.unlink()
                continue
            cost = spliced(film)
            if tool is not None:
                cut = smartcut(film, tool)
                ratio = f"splice / this {cost.cpu_s / cut.cpu_s:.2f}"
                print(row("smartcut twice, coding the take, concat", cut, ratio), flush=True)
            if not full:
                full, frames = whole(film, not asked.no_moviepy), film.frames
            for name, other in full.items():
                scale = film.frames / frames
                ratio = f"this / splice {other.cpu_s * scale / cost.cpu_s:.0f}"
                print(row(name, other, ratio, scaled=scale), flush=True)
            film.path.unlink()


if __name__ == "__main__":
    main()
