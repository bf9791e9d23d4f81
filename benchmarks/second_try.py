"""Measure the tries of an edit: the first, one at another temperature, the same again, a plan, and a take alone.

    .venv/bin/python benchmarks/second_try.py [--film FILE] [--edit 4-8] [--against CHECKOUT] [--rounds 2]

By default the film is the demo clip, 20 s of 720p at 30 frames/s, with an edit of 4 s. `--against` is another checkout
of this project with its own `.venv`: both run in turn, and each figure is given as a ratio to the other's, pair by
pair. CPU seconds count all child processes. On a busy machine only the ratios of CPU mean anything. The modules'
bytecode is cached for both, as after an installation.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from measuring import HEAD, measure, row

from react1.pipeline.demo.demo_clip import make_demo_clip

SIZE, RATE, SECONDS = (1280, 720), 30, 20
HERE = Path(__file__).resolve().parent.parent
STEPS = ("first try", "another temperature", "everything stored", "plan, everything stored", "--help")
TAKE = "take alone, another temperature"
"""Measured in the first checkout only: older ones have no such command."""


def commands(checkout: Path, film: Path, edit: str, home: Path, number: int) -> list[list[str]]:
    """Return the command lines of the steps, in order."""
    program = str(checkout / ".venv" / "bin" / "react1")

    def job(verb: str, temperature: float) -> list[str]:
        words = [program, verb, "emotion-edit", "--set", f"source={film}", "--edit", f"{edit}:sad:{temperature}"]
        words += ["--home", str(home), "--provider", "local"]
        words += [] if verb == "take" else ["--out", str(home / "film.mp4")]
        return words if verb == "plan" else [*words, "--yes"]

    temperature = 0.6 + number / 100
    return [
        job("run", 0.5),
        job("run", temperature),
        job("run", temperature),
        job("plan", temperature),
        [program, "--help"],
        job("take", temperature + 0.1),
    ]


def measure_steps(checkouts: list[Path], film: Path, edit: str, folder: Path, rounds: int) -> None:
    """Run every step in each checkout, one right after the other, and print a table of each round and the medians."""
    ratios: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        homes = [folder / f"home-{number}-{index}" for index in range(len(checkouts))]
        for home in homes:
            home.mkdir()
        jobs = [commands(place, film, edit, home, number) for place, home in zip(checkouts, homes, strict=True)]
        print(f"\nround {number + 1}\n{HEAD}")
        for index, step in enumerate(STEPS):
            costs = [measure(argvs[index]) for argvs in jobs]
            print(row(step, costs[0]), flush=True)
            for other in costs[1:]:
                cpu, wall = costs[0].cpu_s / other.cpu_s, costs[0].wall_s / other.wall_s
                ratios.setdefault(step, []).append((cpu, wall))
                print(row("  the other checkout", other, f"ratio: CPU {cpu:.2f}, wall {wall:.2f}"), flush=True)
        kept_mb = [sum(path.stat().st_size for path in (home / "objects").glob("*/*")) / 1e6 for home in homes]
        print("kept in the store: " + ", ".join(f"{size_mb:.1f} MB" for size_mb in kept_mb), flush=True)
        print(row(TAKE, measure(jobs[0][-1])), flush=True)
    for step, pairs in ratios.items():
        cpu, wall = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{step}: median ratio of {len(pairs)} pairs: CPU {cpu:.2f}, wall {wall:.2f}")


def main() -> None:
    """Make or open the film, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", type=Path, help="a film instead of the demo clip")
    parser.add_argument("--edit", default="00:00:04.000-00:00:08.000", help="the span that is edited")
    parser.add_argument("--against", type=Path, help="another checkout with its own .venv")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        film = args.film.resolve() if args.film else folder / "film.mp4"
        if not args.film:
            make_demo_clip(film, seconds=SECONDS, size=SIZE, rate=RATE, progress=lambda _: None)
        checkouts = [HERE, args.against.resolve()] if args.against else [HERE]
        for checkout in checkouts:
            packages = [str(checkout / name) for name in ("nodes", "pipeline")]
            measure([str(checkout / ".venv" / "bin" / "python"), "-m", "compileall", "-q", *packages])
        measure_steps(checkouts, film, args.edit, folder, args.rounds)


if __name__ == "__main__":
    main()
