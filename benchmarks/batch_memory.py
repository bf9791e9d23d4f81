"""Memory of a batch whose films all wait for their provider at the same time.

    python benchmarks/batch_memory.py [--films 200] [--size 320x180] [--frames 50] [--light]

The films are made; the provider is in this process and answers no poll before every film has its job, and the workers
have ended. The coordinator and its workers, whose steps prepare the clips, are told apart; with REACT1_EXECUTOR=local
there are none. `--light` leaves out the faces and the report, and interrupts the batch when all films wait, so that 500
of them take minutes; the coordinator does the same for each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from measuring import LIGHT_PRESET

from react1.pipeline.config.film_list import load_batch
from react1.pipeline.core.errors import Interrupted
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.executors import process_executor
from react1.pipeline.providers.contract import Waiting
from react1.pipeline.runner.batch import new_batch, run_batch
from react1.pipeline.runner.execute import Options
from react1.testing import ClipRecipe, FakeProvider, fake_provider, make_clip

UNIT = 1 << 20 if sys.platform == "darwin" else 1 << 10


def main() -> None:
    """Print how the films ended, and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--light", action="store_true", help="fewer steps, and no film is finished")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, FakeProvider() as fake:
        films = _write_list(Path(folder), options)
        _report("before the batch", fake)
        real_poll = fake_provider._Client.poll
        moments = {"first": False, "reported": False}

        async def poll(client: object, request_id: str) -> object:
            if moments["reported"]:
                return await real_poll(client, request_id)
            await asyncio.sleep(0.5)
            if len(fake.submissions) == options.films and not moments["first"]:
                moments["first"] = True
                _report("all films have a job", fake)
                await asyncio.sleep(process_executor.IDLE_S + 5)
                _report("all films wait for the provider", fake)
                moments["reported"] = True
                if options.light:
                    os.kill(os.getpid(), signal.SIGINT)
            return Waiting("queued")

        began, cpu_s = time.monotonic(), time.process_time()
        with mock.patch.object(fake_provider._Client, "poll", poll):
            jobs = load_batch(films, load_registry(), {"provider": "fake", **_preset(Path(folder), options)})
            home = Path(folder) / "home"
            batch = new_batch(home, str(films), jobs, {})
            del jobs  # as the command does
            with contextlib.suppress(Interrupted):
                asyncio.run(run_batch(batch, load_registry(), Options(home, approved=True), options.films))
        _report("all films are done", fake)
        for error in {item.error for item in batch.items if item.error}:
            print(f"  {error}")
        print(f"{batch.to_json()['counts']}, {time.monotonic() - began:.0f} s, {time.process_time() - cpu_s:.0f} CPU s")


def _write_list(folder: Path, options: argparse.Namespace) -> Path:
    width, height = (int(text) for text in options.size.split("x"))
    rows = ["source,in,out,prompt,temperature"]
    clip = make_clip(folder / "film.mp4", ClipRecipe(frames=options.frames, size=(width, height)))
    content = clip.read_bytes()
    clip.unlink()
    for number in range(options.films):
        film = folder / f"film{number:03}.mp4"
        film.write_bytes(content + b"\0\0\0\x0cfree" + number.to_bytes(4, "big"))  # another film for the store
        rows.append(f"{film.name},10f,30f,sad,{number / 1000}")  # a call of its own
    (folder / "films.csv").write_text("\n".join(rows))
    return folder / "films.csv"


def _preset(folder: Path, options: argparse.Namespace) -> dict[str, str]:
    """Write the light preset if it is wanted; return what the list of films is loaded with."""
    path = folder / "light.yaml"
    path.write_text(LIGHT_PRESET)
    return {"preset": str(path)} if options.light else {}


def _report(when: str, fake: FakeProvider) -> None:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / UNIT
    workers = [_resident_mb(path.parent) for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == os.getpid()]
    print(
        f"{when}: {len(fake.submissions)} jobs; coordinator {_resident_mb(Path('/proc/self')):.0f} MB, peak {own:.0f}; "
        f"{len(workers)} workers {sum(workers):.0f} MB, the largest that has ended {largest:.0f} MB",
        flush=True,
    )


def _parent(stat: Path) -> int:
    with contextlib.suppress(OSError):
        return int(stat.read_text().rpartition(")")[2].split()[1])
    return 0


def _resident_mb(process: Path) -> float:
    with contextlib.suppress(OSError):
        return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return 0.0


if __name__ == "__main__":
    main()
