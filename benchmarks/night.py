"""A night in miniature: 24 short films by `react1 batch`, on each executor, with a bad film and two kills.

    .venv/bin/python benchmarks/night.py [--executors local,processes,dask,ray] [--films 24]

Films are cuts of real footage (REACT1_MEDIA, or ../shared/media beside the checkout) and made ones, each with an edit
of ten frames at a temperature of its own; one is no film at all. The provider is a local server that marks each take
and counts its jobs. Of each batch one worker is killed with SIGKILL once a sixth of the films is done, and the complete
batch after a third; `react1 resume` ends it. Then all films must be the same byte for byte as by threads, and each paid
for once.

At last the store of `local` is pruned to half its size (its files are dated back two hours, since what was used within
the last one is always kept), and the batch runs again, which must pay nothing. Ray and Dask listen on loopback in a
network namespace of their own. The exit status is 1 if anything differs, or nothing was killed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from clusters import open_dask
from measuring import LIGHT_PRESET
from server_client import open_server
from talking import make_talking_clip

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source

ROOT = Path(__file__).resolve().parent.parent
KEY = "SG_night0123456789abcdef0"
NAMESPACE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
CUTS = ("talk_h264_700x700_vfr_6s.mp4", "talk_hevc_1080x1920_25p_10s_one_keyframe.mp4", "talk_mpeg1_360x288_3s.mpg")
STARTS_S = (0.2, 0.8, 1.4)
LIMIT_S = 3600


@dataclass
class Night:
    """How one batch went."""

    executor: str
    wall_s: float = 0.0
    killed: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    exit_status: int = 0
    jobs: int = 0
    films: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of each film, by its name."""


def make_films(folder: Path, count: int) -> list[Path]:
    """Make the films: real cuts, then copies of a made one that differ in a few bytes, and one that is no film."""
    media, films = Path(os.environ.get("REACT1_MEDIA", ROOT.parent / "shared" / "media")) / "faces", []
    for name in CUTS if media.is_dir() else ():
        for start_s in STARTS_S:
            films.append(folder / f"{Path(name).stem}-{start_s}.mp4")
            cut = ["-ss", str(start_s), "-t", "1.2", "-i", media / name, "-vf", "scale=360:-2,fps=25"]
            coded = ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", films[-1]]
            subprocess.run([ffmpeg_path(), "-v", "error", *cut, *coded], check=True)
    print(f"{len(films)} cuts of real footage" if films else f"no real footage at {media}: made films only")
    talking = folder / "talking.mp4"
    make_talking_clip(talking, 1.2, (384, 216))
    content = talking.read_bytes()
    talking.unlink()
    for number in range(count - 1 - len(films)):
        films.append(folder / f"made{number:02}.mp4")
        films[-1].write_bytes(content + b"\0\0\0\x0cfree" + number.to_bytes(4, "big"))
    films.append(folder / "bad.mp4")
    films[-1].write_bytes(content[: len(content) // 3])
    return films


def write_list(folder: Path, films: list[Path], out: Path) -> Path:
    """Write the list of a batch whose films go to a folder."""
    out.mkdir()
    (folder / "night-preset.yaml").write_text(LIGHT_PRESET)
    edit = {"in": "8f", "out": "18f", "prompt": "sad"}
    jobs = [
        {"source": str(film), "output": str(out / film.name), "edits": [{**edit, "temperature": number / 100}]}
        for number, film in enumerate(films)
    ]
    path = folder / f"{out.name}.yaml"
    path.write_text(json.dumps({"defaults": {"preset": "night-preset.yaml", "provider": "segmind"}, "jobs": jobs}))
    return path


class Batch:
    """A `react1 batch` in a process group of its own."""

    def __init__(self, home: Path, environ: dict[str, str], *words: str) -> None:
        self._home, self._out = home, home.with_suffix(".json")
        argv = [sys.executable, "-m", "react1", *words, "--json", "--home", str(home)]
        with self._out.open("w") as stream:
            self.process = subprocess.Popen(argv, env=environ, stdout=stream, start_new_session=True)

    def done(self) -> int:
        """Return how many films are done."""
        for path in self._home.glob("batches/*/batch.json"):
            with contextlib.suppress(ValueError):
                return sum(item["status"] == "done" for item in json.loads(path.read_text())["items"])
        return 0

    def wait_until(self, condition: Callable[[], object]) -> bool:
        """Wait for a condition; return False if the batch has ended before."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise SystemExit("the batch takes too long")
            time.sleep(0.02)
        return True

    def result(self) -> dict[str, object]:
        """Wait for its end and return its JSON."""
        self.process.wait(LIMIT_S)
        return dict(json.loads(self._out.read_text()))


def _processes() -> Iterator[tuple[int, int, str]]:
    """Yield the ID, the parent's ID and the command line of every process."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(path.name), parent, (path / "cmdline").read_text().replace("\0", " ")


def _descendants(pid: int) -> dict[int, str]:
    rows, below, size = list(_processes()), {pid: ""}, 0
    while size != len(below):
        size = len(below)
        below |= {child: command for child, parent, command in rows if parent in below}
    return below


def find_worker(executor: str, coordinator: int) -> int | None:
    """Return a worker that may run a call: a process of the coordinator, or of the cluster below this process."""
    kind = executor.partition(":")[0]
    words = {"processes": "process_executor", "dask": "spawn_main", "ray": "ray::"}.get(kind, "no workers")
    below = _descendants(coordinator if kind == "processes" else os.getpid())
    workers = [pid for pid, command in below.items() if words in command and "IDLE" not in command]
    return max(workers, default=None)


def play(executor: str, setting: str, films: list[Path], folder: Path) -> Night:
    """Run the night on one executor."""
    night, home, out = Night(executor), folder / f"home-{executor}", folder / f"films-{executor}"
    with open_server(folder / f"server-{executor}", {"engine": "copy"}, renderer=mark_source, key=KEY) as client:
        environ = {
            **os.environ,
            "REACT1_EXECUTOR": setting,
            "REACT1_SEGMIND_URL": client.url,
            "SEGMIND_API_KEY": KEY,
            "REACT1_POLL_S": "0.2",
            "REACT1_SILENCE_S": "5",
            "NO_PROXY": "*",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        began = time.monotonic()
        words = ["batch", str(write_list(folder, films, out)), "--yes", "--jobs", "6"]
        batch = Batch(home, environ, *words)
        if executor != "local" and batch.wait_until(lambda: batch.done() >= len(films) // 6):
            batch.wait_until(lambda: find_worker(executor, batch.process.pid))
            worker = find_worker(executor, batch.process.pid)
            if worker is not None:
                os.kill(worker, signal.SIGKILL)
                night.killed.append("worker")
        if batch.wait_until(lambda: batch.done() >= len(films) // 3):
            os.killpg(batch.process.pid, signal.SIGKILL)
            night.killed.append("batch")
        batch.process.wait()
        (name,) = (path.name for path in (home / "batches").iterdir())
        resumed = Batch(home, environ, "resume", name)
        result = resumed.result()
        night.wall_s, night.exit_status = time.monotonic() - began, resumed.process.returncode
        night.counts, night.cost_usd = dict(result["counts"]), float(str(result["cost_usd"]))  # type: ignore[call-overload]
        night.jobs = len(list(JobStore(folder / f"server-{executor}").jobs()))
        night.films = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}
        if executor == "local":
            prune_and_repeat(night, home, environ, words, folder)
    print(
        f"{executor:<10} {night.wall_s:6.0f} s  {night.counts}  exit {night.exit_status}  killed: {night.killed}  "
        f"{night.jobs} jobs  ${night.cost_usd:.2f}",
        flush=True,
    )
    return night


def prune_and_repeat(night: Night, home: Path, environ: dict[str, str], words: list[str], folder: Path) -> None:
    """Prune the store to half its size and run the batch again."""
    for path in [*home.glob("results/??/*"), *home.glob("objects/??/*")]:
        os.utime(path, (time.time() - 7200,) * 2)

    def prune(*options: str) -> dict[str, int]:
        argv = [sys.executable, "-m", "react1", "prune", "--json", "--home", str(home), *options]
        return dict(json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout))

    before = prune("--keep", "1TB", "--dry-run")["left_bytes"]
    pruned = prune("--keep", str(before // 2))
    again = Batch(home, environ, *words)
    cost = again.result()["cost_usd"]
    jobs = len(list(JobStore(folder / "server-local").jobs()))
    same = all(
        hashlib.sha256((folder / "films-local" / name).read_bytes()).hexdigest() == digest
        for name, digest in night.films.items()
    )
    print(
        f"pruned {before / 1e6:.1f} MB to {pruned['left_bytes'] / 1e6:.1f} MB; run again: {jobs - night.jobs} new "
        f"jobs, ${cost}, the films {'are the same' if same else 'DIFFER'}",
        flush=True,
    )
    if jobs != night.jobs or not same or pruned["left_bytes"] > before // 2:
        night.exit_status = 1


@contextlib.contextmanager
def open_cluster(executor: str, folder: Path) -> Iterator[str]:
    """Start what an executor needs, and yield the value of REACT1_EXECUTOR."""
    if executor == "dask":
        (folder / "dask").mkdir()
        with open_dask(folder / "dask", environ={**os.environ, "REACT1_SILENCE_S": "5"}) as address:
            yield f"dask://{address}"
    elif executor == "ray":
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        try:
            yield f"ray://{cluster.address}"
        finally:
            cluster.shutdown()
    else:
        yield executor


def _allows_namespace() -> bool:
    command = [*NAMESPACE, "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, check=False, capture_output=True).returncode


def main() -> int:
    """Play the nights and print what each gave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executors", default="local,processes,dask,ray")
    parser.add_argument("--films", type=int, default=24)
    options = parser.parse_args()
    names = options.executors.split(",")
    for name, library in (("dask", "distributed"), ("ray", "ray")):
        if name in names and importlib.util.find_spec(library) is None:
            print(f"{name} is left out: it is not installed")
            names.remove(name)
    if "NIGHT_NAMESPACE" not in os.environ:
        os.environ["NIGHT_NAMESPACE"] = "1"
        if _allows_namespace():
            os.execvp("unshare", [*NAMESPACE, sys.executable, *sys.argv])
        if "ray" in names:
            print("ray is left out: it listens on all interfaces, and this machine allows no network namespace")
            names.remove("ray")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "sources").mkdir()
        films = make_films(folder / "sources", options.films)
        nights = []
        for name in names:
            with open_cluster(name, folder) as setting:
                nights.append(play(name, setting, films, folder))
    good = {"done": len(films) - 1, "failed": 1}
    expected = (nights[0].films, good, good["done"], 6)
    wrong = [
        night.executor
        for night in nights
        if (night.films, night.counts, night.jobs, night.exit_status) != expected
        or night.killed != (["batch"] if night.executor == "local" else ["worker", "batch"])
    ]
    print(f"wrong: {', '.join(wrong)}" if wrong else "all films are the same on all executors, each paid for once")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
