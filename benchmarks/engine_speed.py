"""Time the local engine: frames per second at 720p and 1080p, CPU time by stage, and peak memory.

    .venv/bin/python benchmarks/engine_speed.py [--clip FILE] [--seconds 4] [--only 720 1080]
    .venv/bin/python benchmarks/engine_speed.py --against CHECKOUT [--rounds 3]

One run, region `face`, decoding and encoding included. Every case is a process of its own that renders a small take
before the clock starts, so that loading the networks does not count. `frames/s` is wall clock and says little on a busy
machine. `cores/CPU` is the upper bound if these cores did nothing else. Stages are CPU time by thread, per frame of the
take; nested stages are counted twice. The rest is the work of the codecs' and the networks' own threads.

`--against` is another checkout of this project with its own `.venv`: both make the same takes in turn, and each pair
gives a ratio. On a busy machine only these ratios mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command `react1` does, before numpy is loaded

from measuring import measure

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.side_by_side import thread_count
from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.engine.detect import detect, faces
from react1.pipeline.engine.frames import clip_frames
from react1.pipeline.engine.frames import clip_frames as frames_module
from react1.pipeline.engine.render import draw, render
from react1.pipeline.engine.render import draw as retouch
from react1.pipeline.engine.take_job import TakeJob

SIZES = {"720": (1280, 720), "1080": (1920, 1080)}
PROMPTS = ("happy", "sad", "angry", "surprised")
WARM_FRAMES = 6
CASES = ("first take", "second take", "matrix of 4", "stages")
STAGES: tuple[tuple[str, Any, str], ...] = (
    ("1  shrink, to RGB", detect, "small_rgb"),
    ("1  landmarks", faces.FaceFinder, "find"),
    ("1  second network", faces.FaceFinder, "detect_boxes"),
    ("1  texels", detect, "sample_face"),
    ("   select, smooth, pose", render, "plan_take"),
    ("2  decode", clip_frames.ClipFrames, "picture"),
    ("2  to RGB", draw, "to_rgb"),
    ("2  moves of the landmarks", retouch, "landmark_moves"),
    ("2  bend", retouch, "warp"),
    ("2  eyeballs", retouch, "restore_eyeballs"),
    ("2  mouth", retouch, "fill_mouth"),
    ("2  folds", retouch, "shade_folds"),
    ("2  back into the planes", draw, "write_back"),
    ("2  encode, its calls", frames_module.TakeWriter, "write"),
)


def jobs(folder: Path, count: int) -> list[TakeJob]:
    """Return takes of different emotions."""
    return [
        TakeJob(folder / f"{prompt}.mp4", React1Choices(prompt=prompt, temperature=0.8, model_mode="face"))
        for prompt in PROMPTS[:count]
    ]


def instrument(spent: dict[str, float]) -> None:
    """Wrap every stage to add its CPU time, by thread, to `spent`."""
    lock = threading.Lock()

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                with lock:
                    spent[name] += time.thread_time() - began

        return timed

    for name, owner, attribute in STAGES:
        setattr(owner, attribute, wrap(name, getattr(owner, attribute)))


def child(case: str, clip: Path, warm: Path) -> None:
    """Run one case in this process and print its metrics as JSON."""
    spent: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        render.render_takes(warm, jobs(folder, 1), progress=lambda _: None)
        detections = render.find_faces(clip, lambda _: None) if case == "second take" else None
        if case == "stages":
            instrument(spent)
        cpu, wall = time.process_time(), time.perf_counter()
        takes = render.render_takes(
            clip, jobs(folder, 4 if case == "matrix of 4" else 1), detections=detections, progress=lambda _: None
        )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = sum(take.frames for take in takes)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    stages = {name: 1000 * spent[name] / count for name, _, _ in STAGES if name in spent}
    print(json.dumps({"frames": count, "cpu_s": cpu, "wall_s": wall, "peak_mb": peak_mb, "stages": stages}))


def report(name: str, clip: Path, warm: Path) -> None:
    """Run every case of one clip and print it."""
    print(f"\n{name}: {clip.name}\n{'':14}{'frames':>8}{'frames/s':>10}{'cores/CPU':>11}{'CPU ms':>9}{'peak MB':>9}")
    per_frame_ms = {}
    for case in CASES:
        result = json.loads(measure([sys.executable, __file__, "--child", case, str(clip), str(warm)]).output)
        ms = per_frame_ms[case] = 1000 * result["cpu_s"] / result["frames"]
        if case != "stages":
            speed, bound = result["frames"] / result["wall_s"], 1000 * thread_count() / ms
            print(f"{case:14}{result['frames']:8}{speed:10.1f}{bound:11.1f}{ms:9.1f}{result['peak_mb']:9.0f}")
    print(f"CPU of a second take: {100 * per_frame_ms['second take'] / per_frame_ms['first take']:.0f} % of the first")
    for stage, spent_ms in result["stages"].items():
        print(f"  {stage:28}{spent_ms:7.2f} ms")
    print(f"  {'all, with threads of codecs':28}{per_frame_ms['stages']:7.2f} ms")


def compare(name: str, clip: Path, warm: Path, other: Path, rounds: int) -> None:
    """Make the same takes here and in another checkout, in turn, and print the medians and the ratios."""
    here = [sys.executable, __file__]
    there = [str(other / ".venv/bin/python"), str(other / "benchmarks/engine_speed.py")]
    print(f"\n{name}: {clip.name}, CPU ms of a frame\n{'':14}{'here':>9}{'there':>9}{'ratio':>7}{'× frames/s':>12}")
    for case in CASES[:2]:
        pairs = [
            [json.loads(measure([*argv, "--child", case, str(clip), str(warm)]).output) for argv in (here, there)]
            for _ in range(rounds)
        ]
        cpu_ms = [
            statistics.median(1000 * pair[side]["cpu_s"] / pair[side]["frames"] for pair in pairs) for side in (0, 1)
        ]
        cpu, wall = (statistics.median(pair[0][unit] / pair[1][unit] for pair in pairs) for unit in ("cpu_s", "wall_s"))
        print(f"{case:14}{cpu_ms[0]:9.1f}{cpu_ms[1]:9.1f}{cpu:7.2f}{1 / wall:12.2f}", flush=True)


def main() -> None:
    """Make or open the clips, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="a clip for the engine, instead of the generated ones")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--against", type=Path, help="another checkout with its own .venv")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of takes with --against")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], Path(args.child[1]), Path(args.child[2]))
        return
    with tempfile.TemporaryDirectory() as temp:
        warm = Path(temp) / "warm.mp4"
        make_demo_clip(warm, seconds=1, size=(320, 180), rate=WARM_FRAMES, progress=lambda _: None)
        if args.against:
            show = partial(compare, warm=warm, other=args.against.resolve(), rounds=args.rounds)
        else:
            show = partial(report, warm=warm)
        if args.clip:
            show("clip", args.clip)
            return
        for name in args.only:
            clip = Path(temp) / f"demo{name}.mp4"
            make_demo_clip(clip, seconds=args.seconds, size=SIZES[name], progress=lambda _: None)
            show(f"{name}p", clip)


if __name__ == "__main__":
    main()
