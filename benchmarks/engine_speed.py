"""Time the local engine: frames a second at 720p and 1080p, where the CPU time goes, and memory at its peak.

    .venv/bin/python benchmarks/engine_speed.py [--clip FILE] [--seconds 4] [--only 720 1080]

One run, region `face`, decoding and encoding included; every case is a process of its own, which has made a small take
before the clock starts, so that loading the networks does not count. `frames/s` is by the clock, and tells little where
others use the machine. `cores/CPU` is what these cores would give if each was busy all the time with nothing else: a
bound from above. Stages are CPU time by thread, per frame of the take; what they hold of each other is counted in both.
The rest, which no stage names, is the work of the codecs' and the networks' own threads.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import measure

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.engine.detect import detect, faces
from react1.pipeline.engine.render.render import (
    TakeJob,
    clip_frames,
    draw,
    find_faces,
    render,
    render_takes,
    retouch,
    take_encoder,
    threads,
)

SIZES = {"720": (1280, 720), "1080": (1920, 1080)}
PROMPTS = ("happy", "sad", "angry", "surprised")
WARM_FRAMES = 6
CASES = ("first take", "second take", "matrix of 4", "stages")
STAGES: tuple[tuple[str, Any, str], ...] = (
    ("1  shrink, to RGB", detect, "small_rgb"),
    ("1  landmarks", faces.FaceFinder, "find"),
    ("1  second network", faces.FaceFinder, "boxes"),
    ("1  texels", detect, "glance"),
    ("   choose, smooth, pose", render, "direct"),
    ("2  decode", clip_frames.Frames, "picture"),
    ("2  to RGB", draw, "to_rgb"),
    ("2  moves of the landmarks", retouch, "landmark_moves"),
    ("2  bend", retouch, "warp"),
    ("2  eyeballs", retouch, "keep_eyeballs"),
    ("2  mouth", retouch, "fill_mouth"),
    ("2  folds", retouch, "shade_folds"),
    ("2  back into the planes", draw, "write_back"),
    ("2  encode, its calls", take_encoder.TakeWriter, "write"),
)


def jobs(folder: Path, count: int) -> list[TakeJob]:
    """Give so many takes, each another emotion."""
    return [
        TakeJob(folder / f"{prompt}.mp4", React1Choices(prompt=prompt, temperature=0.8, model_mode="face"))
        for prompt in PROMPTS[:count]
    ]


def spied(spent: dict[str, float]) -> None:
    """Count the CPU time of every stage, by the thread that it runs in."""
    lock = threading.Lock()

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*given, **named)
            finally:
                with lock:
                    spent[name] += time.thread_time() - began

        return timed

    for name, owner, attribute in STAGES:
        setattr(owner, attribute, wrap(name, getattr(owner, attribute)))


def child(case: str, clip: Path, warm: Path) -> None:
    """Do one case in this process, and print its figures as JSON."""
    spent: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        render_takes(warm, jobs(folder, 1), progress=lambda _: None)
        found = find_faces(clip, lambda _: None) if case == "second take" else None
        if case == "stages":
            spied(spent)
        cpu, wall = time.process_time(), time.perf_counter()
        figures = render_takes(
            clip, jobs(folder, 4 if case == "matrix of 4" else 1), scouted=found, progress=lambda _: None
        )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = sum(one.frames for one in figures)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    stages = {name: 1000 * spent[name] / count for name, _, _ in STAGES if name in spent}
    print(json.dumps({"frames": count, "cpu_s": cpu, "wall_s": wall, "peak_mb": peak_mb, "stages": stages}))


def report(name: str, clip: Path, warm: Path) -> None:
    """Run and print every case of one clip."""
    print(f"\n{name}: {clip.name}\n{'':14}{'frames':>8}{'frames/s':>10}{'cores/CPU':>11}{'CPU ms':>9}{'peak MB':>9}")
    per_frame_ms = {}
    for case in CASES:
        told = json.loads(measure([sys.executable, __file__, "--child", case, str(clip), str(warm)]).notes)
        ms = per_frame_ms[case] = 1000 * told["cpu_s"] / told["frames"]
        if case != "stages":
            speed, bound = told["frames"] / told["wall_s"], 1000 * threads.workers() / ms
            print(f"{case:14}{told['frames']:8}{speed:10.1f}{bound:11.1f}{ms:9.1f}{told['peak_mb']:9.0f}")
    print(f"CPU of a second take: {100 * per_frame_ms['second take'] / per_frame_ms['first take']:.0f} % of the first")
    for stage, spent_ms in told["stages"].items():
        print(f"  {stage:28}{spent_ms:7.2f} ms")
    print(f"  {'all, with threads of codecs':28}{per_frame_ms['stages']:7.2f} ms")


def main() -> None:
    """Make or take the clips, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="a clip that the engine takes, instead of the made ones")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]), Path(asked.child[2]))
        return
    with tempfile.TemporaryDirectory() as made:
        warm = Path(made) / "warm.mp4"
        make_demo_clip(warm, seconds=1, size=(320, 180), rate=WARM_FRAMES, progress=lambda _: None)
        if asked.clip:
            report("given", asked.clip, warm)
            return
        for name in asked.only:
            clip = Path(made) / f"demo{name}.mp4"
            make_demo_clip(clip, seconds=asked.seconds, size=SIZES[name], progress=lambda _: None)
            report(f"{name}p", clip, warm)


if __name__ == "__main__":
    main()
