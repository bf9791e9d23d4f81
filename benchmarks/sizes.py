"""Measure an edit of one second by picture size: CPU seconds, peak memory, and what stays in the store.

    .venv/bin/python benchmarks/sizes.py [--against CHECKOUT] [--films 1920x1080 3840x2160/hevc ...]

Each film has three seconds of the demo's face at 30 frames/s with sound, scaled up from 640x360; `hevc` means ten-bit
HEVC, else it is H.264. The job is the preset `emotion-edit` with the local engine, in a new home folder, without
anything stored. `--against` is another checkout with its own `.venv`, which runs next on each film. A
megapixel-frame is a million pixels of one edited frame. CPU seconds and memory count all child processes, memory the
largest one.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from measuring import HEAD, measure, row
from splice_films import ffmpeg

from react1.pipeline.demo.demo_clip import make_demo_clip

FILMS = ("640x360", "1280x720", "1920x1080", "3840x2160", "3840x2160/hevc")
BASE, RATE, SECONDS = (640, 360), 30, 3
CODING = {
    "": ["-c:v", "libx264", "-preset", "fast", "-crf", "20", "-g", "60", "-pix_fmt", "yuv420p"],
    "hevc": ["-c:v", "libx265", "-preset", "fast", "-crf", "22", "-g", "60", "-pix_fmt", "yuv420p10le"],
}
EDIT = "00:00:01.000-00:00:02.000:sad:0.5"
HERE = Path(__file__).resolve().parent.parent


def make_film(base: Path, name: str) -> Path:
    """Scale the base film up, with a little noise, and code it."""
    size, _, codec = name.partition("/")
    film = base.with_name(f"{size}{codec}.mp4")
    picture = ["-vf", f"scale={size.replace('x', ':')}:flags=bicubic,noise=alls=2:allf=t"]
    subprocess.run(ffmpeg("-i", str(base), *picture, *CODING[codec], "-c:a", "copy", str(film)), check=True)
    return film


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout with its own .venv")
    parser.add_argument("--films", nargs="+", default=FILMS, help="sizes, with `/hevc` for ten-bit HEVC")
    args = parser.parse_args()
    checkouts = {"here": HERE, **({"there": args.against.resolve()} if args.against else {})}
    with tempfile.TemporaryDirectory() as place:
        base = Path(place, "base.mp4")
        make_demo_clip(base, seconds=SECONDS, size=BASE, rate=RATE, progress=lambda _: None)
        print(HEAD, flush=True)
        for name in args.films:
            film = make_film(base, name)
            width, height = map(int, name.partition("/")[0].split("x"))
            pixels = width * height * RATE / 1e6
            for label, checkout in checkouts.items():
                home = Path(place, f"home-{label}-{film.stem}")
                words = ["run", "emotion-edit", "--set", f"source={film}", "--edit", EDIT, "--home", str(home)]
                words += ["--provider", "local", "--out", str(home / "film.mp4"), "--yes"]
                home.mkdir()
                cost = measure([str(checkout / ".venv" / "bin" / "react1"), *words])
                stored_mb = sum(path.stat().st_size for path in (home / "objects").glob("*/*")) / 1e6
                note = f"{cost.cpu_s / pixels:.3f} CPU s per megapixel-frame, {stored_mb:.1f} MB stored"
                print(row(f"{name}, {label}", cost, note), flush=True)
            film.unlink()


if __name__ == "__main__":
    main()
