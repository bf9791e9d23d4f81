"""Measure hundreds of concurrent paid jobs in one process: memory, requests, and the delay of finished takes.

    python benchmarks/providers.py [JOBS]        500 by default

A local server in its own process returns each clip after a delay, without the engine, so that all jobs run at the same
time. Another process submits, polls, downloads, verifies and stores, as a run does. Printed are the peak memory of that
process, its requests per second, and the time from COMPLETED on the server to the take on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

HOLD_S = 4.0
WORKERS = 64
KEY = "rehearsal"


def main(count: int) -> None:
    """Run the server and the client, and print the measurements."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        faults = home / "faults.yaml"
        faults.write_text(f"engine: mark\nfaults:\n  - {{route: submit, do: hold, seconds: {HOLD_S}}}\n")
        react1 = [sys.executable, "-m", "react1", "serve", "--port", "0", "--home", str(home / "server")]
        options = ["--faults", str(faults), "--workers", str(WORKERS), "--queue", str(count + 10)]
        server = subprocess.Popen([*react1, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            environ = {**os.environ, "REACT1_SEGMIND_URL": address, "SEGMIND_API_KEY": KEY}
            clip = _clip(home)
            argv = [sys.executable, __file__, "--client", str(home), str(clip), str(count)]
            result = json.loads(subprocess.run(argv, env=environ, check=True, capture_output=True, text=True).stdout)
            _print(result, home / "server" / "server" / "jobs")
        finally:
            server.terminate()
            server.wait(20)


def _clip(home: Path) -> Path:
    """Write a clip of 1 s with a voice."""
    import imageio_ffmpeg

    clip = home / "clip.mp4"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=1"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=300:duration=1"]
    coding = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    subprocess.run([ffmpeg, "-v", "error", *picture, *sound, *coding, str(clip)], check=True)
    return clip


def client(home: Path, clip: Path, count: int) -> None:
    """Run all jobs from this process, and print the measurements as JSON."""
    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.core.values import Segment, Upload
    from react1.pipeline.jobs import manager
    from react1.pipeline.jobs.budget import SpendingPolicy
    from react1.pipeline.jobs.ledger import Ledger
    from react1.pipeline.jobs.request import JobRequest
    from react1.pipeline.media.probe import probe
    from react1.pipeline.net import http_pool
    from react1.pipeline.providers.provider_settings import segmind
    from react1.pipeline.store.store import Store

    manager.check_request = lambda request, store: ((), None)  # a test picture has no face
    request_count = [0]
    real = http_pool.HttpPool.request

    async def counted(self: http_pool.HttpPool, *args: object, **kwargs: object) -> http_pool.HttpResponse:
        request_count[0] += 1
        return await real(self, *args, **kwargs)  # type: ignore[arg-type]

    http_pool.HttpPool.request = counted  # type: ignore[assignment,method-assign]
    store = Store(home / "client")
    file = store.add_external(clip)
    media = probe(clip, file)
    edit = Edit.model_validate({"in": "0f", "out": "25f"})
    segment = Segment(
        name="s01", source=media, edit=edit, start_frame=0, end_frame=25, head_frames=0, tail_frames=0,
        media=media, frames=tuple(range(25)), voice=file,
    )  # fmt: skip
    upload = Upload(segment=segment, video_url="store:", audio_url="store:")
    requests = [JobRequest(upload, React1Choices(temperature=round(n / 1000, 6)), segmind()) for n in range(count)]

    async def run() -> int:
        most = 0
        async with manager.JobManager(store, SpendingPolicy(approved=True)) as jobs_manager:
            await jobs_manager.check_all(requests, fail_fast=True)
            jobs = [asyncio.create_task(jobs_manager.run(request)) for request in requests]
            while not all(job.done() for job in jobs):
                await asyncio.sleep(1)
                names = [path.name[3:] for path in store.root.glob("ledger/??/*/*/*.json")]
                most = max(most, names.count("accepted.json") - names.count("done.json"))
            await asyncio.gather(*jobs)
        return most

    began = time.monotonic()
    most = asyncio.run(run())
    wall_s = time.monotonic() - began
    done = {entry.request_id: entry.done.at for entry in Ledger(store.root).entries() if entry.done}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "jobs": count, "done": done, "requests": request_count[0], "wall_s": wall_s, "most_at_once": most,
                "memory_mb": usage.ru_maxrss / 1024, "cpu_s": usage.ru_utime + usage.ru_stime,
            }
        )
    )  # fmt: skip


def _print(result: dict[str, object], jobs: Path) -> None:
    done: dict[str, str] = result["done"]  # type: ignore[assignment]
    ended = {path.stem: json.loads(path.read_text())["ended_s"] for path in jobs.glob("*.json")}
    late = sorted(datetime.fromisoformat(at).timestamp() - ended[name] for name, at in done.items())
    rows = {
        "jobs": result["jobs"],
        "jobs on the server": len(ended),
        "takes on disk": len(done),
        "most jobs at once": result["most_at_once"],
        "peak memory, MB": f"{result['memory_mb']:.0f}",
        "requests": result["requests"],
        "requests per second": f"{float(str(result['requests'])) / float(str(result['wall_s'])):.0f}",
        "CPU seconds of the client": f"{result['cpu_s']:.1f}",
        "wall seconds": f"{result['wall_s']:.1f}",
        "COMPLETED to disk, median s": f"{statistics.median(late):.2f}",
        "COMPLETED to disk, 99 % s": f"{late[min(len(late) - 1, int(len(late) * 0.99))]:.2f}",
    }
    for name, value in rows.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    if "--client" in sys.argv:
        client(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
