"""Measure how throughput grows with workers on this machine, and simulate what binds on a farm.

    .venv/bin/python benchmarks/scale.py [--calls 12] [--frames 60] [--machines 100] [--segments 10000]

Measured: clips that are transcoded in 1, 2 and 4 worker processes; the CPU seconds that the coordinator takes per call;
the time of a record and of content in a folder, and in a bucket of a moto server on loopback. The simulation is one: an
event queue in which calls take those measured times, and hosts and disks the speeds that its table names.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))


from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.core.nodes.node import Need
from react1.pipeline.core.values import Segment
from react1.pipeline.executors.base import Call
from react1.pipeline.executors.local_executor import Capacity
from react1.pipeline.executors.process_executor import ProcessExecutor
from react1.pipeline.media.tools.ffmpeg import tool_version
from react1.pipeline.store.keys import digest, make_parts
from react1.pipeline.store.store import Store
from react1.testing import FolderContext
from react1.testing.clips import ClipRecipe, make_segment


@dataclass(frozen=True)
class Farm:
    """What the simulation assumes; times in seconds."""

    machines: int
    segments: int
    call_s: float
    """Of one computing call on one core; a segment has two, before and after its take."""
    coordinator_s: float
    """CPU of the coordinator per call; it has one core for all."""
    request_s: float
    """One request to the store."""
    cores: int = 8
    take_s: float = 60.0
    """The provider's time for a take."""
    host_limit: int = 10
    """Calls in flight at the provider; 0: takes are computed on the farm, in `take_s` of one core."""
    segment_mb: float = 40.0
    """What a segment reads and writes at the store, in both calls."""
    store_mb_s: float = 1250.0
    """10 Gbit/s for all machines."""
    store_requests: int = 12
    """Requests per call."""
    store_parallel: int = 200
    """Requests that the store serves at the same time."""


@dataclass
class Resource:
    """Servers in front of one queue."""

    servers: int
    busy: int = 0
    used_s: float = 0.0
    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)


def simulate(farm: Farm) -> tuple[float, dict[str, float]]:
    """Return how long all segments take, in seconds, and the share of that time in which each resource was busy."""
    resources = {
        "coordinator": Resource(1),
        "store bandwidth": Resource(1),
        "store requests": Resource(farm.store_parallel),
        "cores": Resource(farm.machines * farm.cores),
        "host limit": Resource(max(1, farm.host_limit)),
    }
    events: list[tuple[float, int, Callable[[], None]]] = []
    state = {"now": 0.0, "count": 0}
    half_mb_s = farm.segment_mb / 2 / farm.store_mb_s
    store = farm.store_requests * farm.request_s
    call = [("coordinator", farm.coordinator_s), ("store requests", store), ("store bandwidth", half_mb_s)]
    take = ("host limit", farm.take_s) if farm.host_limit else ("cores", farm.take_s)
    path = [*call, ("cores", farm.call_s), ("coordinator", farm.coordinator_s), take, *call, ("cores", farm.call_s)]

    def start(name: str, seconds: float, done: Callable[[], None]) -> None:
        resource = resources[name]
        if resource.busy == resource.servers:
            resource.waiting.append((seconds, done))
            return
        resource.busy += 1
        serve(resource, seconds, done)

    def serve(resource: Resource, seconds: float, done: Callable[[], None]) -> None:
        def end() -> None:
            done()
            if resource.waiting:
                serve(resource, *resource.waiting.pop())
            else:
                resource.busy -= 1

        resource.used_s += seconds
        state["count"] += 1
        heapq.heappush(events, (state["now"] + seconds, int(state["count"]), end))

    def advance(position: int) -> None:
        if position < len(path):
            start(*path[position], lambda: advance(position + 1))

    for _ in range(farm.segments):
        advance(0)
    while events:
        state["now"], _, end = heapq.heappop(events)
        end()
    total_s = state["now"]
    return total_s, {name: item.used_s / item.servers / total_s for name, item in resources.items()}


def clips(folder: Path, count: int, frames: int) -> list[Segment]:
    """Make segments whose contents differ."""
    context = FolderContext(folder)
    recipes = [ClipRecipe(frames=frames + number, size=(640, 360), sound=False) for number in range(count)]
    return [make_segment(context, recipe) for recipe in recipes]


def run_calls(segments: list[Segment], source: Path, workers: int, home: Path) -> tuple[float, float]:
    """Transcode all segments in so many processes; return wall seconds, and the coordinator's CPU seconds."""
    store = Store(home, place="")
    for segment in segments:
        store.add_external(FolderContext(source).path(segment.media.file))
    calls = [_call(segment) for segment in segments]

    async def play() -> tuple[float, float]:
        executor = ProcessExecutor(store, capacity=Capacity(workers))
        try:
            await asyncio.gather(*(executor.run(replace(calls[0], key=f"{n:064x}")) for n in range(workers)))  # start
            began, cpu_began = time.monotonic(), time.process_time()
            await asyncio.gather(*map(executor.run, calls))
            return time.monotonic() - began, time.process_time() - cpu_began
        finally:
            await executor.aclose()

    return asyncio.run(play())


def _call(segment: Segment) -> Call:
    params = TranscodeParams()
    parts = make_parts(Transcode, params, {"segment": segment}, {"ffmpeg": tool_version("ffmpeg")})
    args = {"params": params.model_dump(mode="json"), "inputs": {"segment": segment.model_dump(mode="json")}}
    return Call(f"{Transcode.__module__}:Transcode", {**args, "parts": parts}, digest(parts), Need(cores=1))


def time_store(store: Store, folder: Path, count: int = 40) -> tuple[float, float]:
    """Return the seconds of one new record with its reading, and of one file of 1 MB."""
    began = time.monotonic()
    for number in range(count):
        store.backend.records.create(f"results/{number:064x}", "{}")
        store.backend.records.read(f"results/{number:064x}")
    record_s = (time.monotonic() - began) / count
    began = time.monotonic()
    for _ in range(count):
        path = folder / "new.bin"
        path.write_bytes(os.urandom(1 << 20))
        store.add_file(path)
    return record_s, (time.monotonic() - began) / count


def measure_stores(folder: Path) -> float:
    """Print the times of a folder and of a bucket; return the seconds of one request to the bucket."""
    from bucket import BUCKET, open_bucket

    record_s, file_s = time_store(Store(folder / "a", place=""), folder)
    print(f"  folder: {record_s * 1e3:.1f} ms per record made and read, {file_s * 1e3:.1f} ms per file of 1 MB")
    with open_bucket() as bucket:
        os.environ |= bucket.environ
        record_s, file_s = time_store(Store(folder / "b", place=f"s3://{BUCKET}/x"), folder)
    print(f"  bucket: {record_s * 1e3:.1f} ms per record made and read, {file_s * 1e3:.1f} ms per file of 1 MB")
    return record_s / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"calls": 12, "frames": 60, "machines": 100, "segments": 10_000}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments = clips(folder / "clips", options.calls, options.frames)
        print(
            f"Measured here: {options.calls} transcodes of {options.frames} frames of 640x360, {os.cpu_count()} cores"
        )
        rates: dict[int, float] = {}
        for workers in (1, 2, 4):
            wall_s, cpu_s = run_calls(segments, folder / "clips", workers, folder / f"home{workers}")
            rates[workers] = options.calls / wall_s
            coordinator_s = cpu_s / options.calls
            print(
                f"  {workers} workers: {wall_s:6.2f} s, {rates[workers]:.2f} calls/s ({rates[workers] / rates[1]:.2f} "
                f"of one), coordinator {coordinator_s * 1e3:.1f} ms of CPU per call"
            )
        request_s = measure_stores(folder)
    base = Farm(options.machines, options.segments, 1 / rates[1], coordinator_s, request_s)
    cases = {
        "host limit 10": base,
        "host limit 100": replace(base, host_limit=100),
        "host limit 1000": replace(base, host_limit=1000),
        "takes on the farm": replace(base, host_limit=0),
        "takes on the farm, 1 machine": replace(base, host_limit=0, machines=1),
        "takes on the farm, 1 Gbit/s": replace(base, host_limit=0, store_mb_s=125.0),
        "takes on the farm, 1000 machines": replace(base, host_limit=0, machines=1000),
        "no take at all": replace(base, host_limit=0, take_s=0.0),
        "no take, 1000 machines, 1 Tbit/s": replace(
            base, host_limit=0, take_s=0.0, machines=1000, store_mb_s=125_000.0, store_parallel=2000
        ),
    }
    print(f"Simulated, not measured: {options.segments} segments, {options.machines} machines of {base.cores} cores")
    for title, farm in cases.items():
        total_s, shares = simulate(farm)
        name, share = max(shares.items(), key=lambda item: item[1])
        print(f"  {title:<34}{total_s / 3600:7.2f} h, {options.segments / total_s:6.1f}/s, binds: {name} ({share:.0%})")


if __name__ == "__main__":
    main()
