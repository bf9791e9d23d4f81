"""Kill paying processes: a local server with faults, small home folders, and the count of jobs and takes.

Each call has a temperature of its own, by which the server's jobs are told apart, and a take of its own, whose bytes
are known beforehand: a take that is lost, truncated or another call's has another digest.

The faults leave FAILED jobs out: a job that failed and was not billed is rightly submitted again.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import queue
import random
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from unittest import mock

import takes
from paying_process import POINTS, Order
from server_client import open_server

from react1.pipeline.core.file import File
from react1.pipeline.core.values import Upload
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.server import asgi_app
from react1.pipeline.server.faults import FaultInjector
from react1.pipeline.server.job_store import Job, JobStore
from react1.pipeline.server.renderers import copy_source
from react1.pipeline.store.store import Store
from react1.testing import FolderContext

PROCESSES = 3
"""Processes that pay at the same time."""
SETTLE_AFTER_S = 2.0
"""Longer than a server on a busy machine needs to record a call that has reached it."""
MAX_TRIES = 12
"""With faults, a process does not pass every point each time."""
FINAL_RUNS = 2
"""Runs without a kill after which a call must be finished."""
KILLED = -9
MARK_BYTES = 300_000
"""Added to a take, so that it arrives in several chunks."""
FAULTS = [
    {"route": "upload", "do": "status", "status": 500, "probability": 0.05},
    {"route": "submit", "do": "slow", "seconds": 0.05, "probability": 0.3},
    {"route": "submit", "do": "reset", "when": "after", "probability": 0.12},
    {"route": "submit", "do": "reset", "when": "before", "probability": 0.06},
    {"route": "submit", "do": "status", "status": 502, "body": "html", "when": "after", "probability": 0.08},
    {"route": "status", "do": "status", "status": 502, "body": "html", "probability": 0.15},
    {"route": "status", "do": "reset", "probability": 0.1},
    {"route": "result", "do": "status", "status": 504, "body": "empty", "probability": 0.2},
    {"route": "result", "do": "slow", "seconds": 0.05, "probability": 0.2},
    {"route": "history", "do": "status", "status": 503, "probability": 0.05},
    {"route": "history", "do": "reset", "probability": 0.05},
    {"route": "output", "do": "truncate", "probability": 0.1},
]
LOSING_FAULTS = [
    *(defect for defect in FAULTS if defect["route"] != "submit"),
    {"route": "submit", "do": "reset", "when": "after"},
]
"""Every response to a submit is lost."""
NEVER_SENT = "before the submit"
STAGES: dict[str, list[tuple[str, ...]]] = {
    "upload": [
        ("before the upload",),
        ("while the video is uploaded",),
        ("before the URL is recorded",),
        ("after the URL is recorded",),
        ("after video and voice are uploaded",),
    ],
    "intention": [
        ("before the intention",),
        ("after disk space is reserved",),
        ("before «intended» gets its name",),
        ("after «intended» has its name",),
        ("after «intended» is on disk",),
    ],
    "submit": [
        (NEVER_SENT,),
        ("while the submit is in flight",),
        ("after the response arrived",),
        ("after the response is parsed",),
    ],
    "request id": [(point,) for point in POINTS if "«accepted»" in point],
    "response lost": [(point,) for point in POINTS if "«unknown»" in point],
    "history": [
        ("after the response arrived", "before the history is queried"),
        ("after the response arrived", "after the history answered"),
        ("while the submit is in flight", "before «accepted» is written", "after «accepted» is on disk"),
        ("after «unknown» is on disk", "after the history answered", "after «accepted» has its name"),
    ],
    "resubmit": [
        *((NEVER_SENT, point) for point in POINTS if "«void»" in point),
        (NEVER_SENT, "before the intention"),
        (NEVER_SENT, "after «intended» has its name"),
        (NEVER_SENT, "after the response arrived", "before the history is queried"),
    ],
    "polling": [("before the first poll",), ("after the first poll",), ("after a poll says done",)],
    "download": [
        ("before the download",),
        ("during the download",),
        ("after the download",),
        ("after the take is decoded",),
        ("before the take is stored",),
        ("after the take is stored",),
        ("during the download", "during the download", "after the take is stored"),
    ],
    "take recorded": [(point,) for point in POINTS if "«done»" in point],
    "afterwards": [
        ("before the result is stored",),
        ("after the result is stored",),
        ("before uploads are removed",),
        ("after the manager is closed",),
    ],
}
"""Where a call is killed; with several points, the first run is killed at the first one, the next run at the next."""
LOSING_POINTS = ("«unknown»",)
"""Points that need the server that loses every response to a submit."""


@dataclass
class Row:
    """The results of some kills."""

    stage: str
    kills: int = 0
    runs: int = 0
    submits: int = 0
    """That reached the server."""
    calls: int = 0
    jobs: int = 0
    doubles: int = 0
    """Jobs beyond the first of a call."""
    lost: int = 0
    """Calls without their take at the end."""
    errors: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """Points that no process passed."""

    def add(self, other: Row) -> None:
        """Add another row's results."""
        for name in ("kills", "runs", "submits", "calls", "jobs", "doubles", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors += other.errors
        self.missed += other.missed


@dataclass
class Case:
    """Some calls in a home folder of their own, which are killed and then finished."""

    home: Path
    temperatures: list[float]
    server_url: str
    storage: str
    statuses: list[int] = field(default_factory=list)
    """The exit status of each process."""
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.home.name


class CountingFaults(FaultInjector):
    """Faults that count the submits that reach the server."""

    submits = 0

    def pick(self, route):
        self.submits += route == "submit"
        return super().pick(route)


class Payer:
    """A process whose children pay."""

    def __init__(self) -> None:
        environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a process with threads must not be forked
        argv = [sys.executable, str(Path(__file__).with_name("paying_process.py"))]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def pay(self, order: Order) -> dict:
        """Run an order in a child process and return its result."""
        print(json.dumps(asdict(order)), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class Lab:
    """Servers, a clip, and processes that pay."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self._folder, self._random, self._seed = folder, random.Random(seed), seed
        self._call_numbers, self._home_numbers = itertools.count(1), itertools.count(1)
        self._stack = contextlib.ExitStack()
        self._payers: queue.SimpleQueue[Payer] = queue.SimpleQueue()
        self._faults: list[CountingFaults] = []
        self._counted = 0

    def __enter__(self) -> Lab:
        """Start the servers, write the clip, and start the processes."""
        self.server_url = self._start_server("server", FAULTS)
        self.losing_url = self._start_server("losing", LOSING_FAULTS)
        context = FolderContext(self._folder / "clip")
        clip = takes.film(context, frames=25, size=(160, 120), tracks=0)
        voice = takes.dialogue_line(context, seconds=1)
        self.files = [str(context.path(file)) for file in (clip.file, voice)]
        self._clip = context.path(clip.file).read_bytes()
        segment = takes.segment(clip, 0, 25).model_copy(update={"voice": voice})
        self._upload = Upload(segment=segment, video_url="", audio_url="")
        for _ in range(PROCESSES):
            payer = Payer()
            self._stack.callback(payer.close)
            self._payers.put(payer)
        self._threads = self._stack.enter_context(ThreadPoolExecutor(PROCESSES))
        return self

    def __exit__(self, *_) -> None:
        """Stop everything."""
        self._stack.close()

    def stage(self, name: str) -> Row:
        """Kill at each point of a stage; again with other calls if a process did not pass it."""
        results = list(self._threads.map(self._kill_at, STAGES[name]))
        missed = [" · ".join(points) for points, (_, reached) in zip(STAGES[name], results, strict=True) if not reached]
        return self.count(name, [case for cases, _ in results for case in cases], missed)

    def at_random(self, count: int, length_s: float, max_kills: int = 3) -> Row:
        """Kill at random times, one run or several; in half of the cases two calls run at the same time."""
        draw = self._random
        plans = [[draw.uniform(0, length_s) for _ in range(draw.randint(1, max_kills))] for _ in range(count)]
        calls = [draw.randint(1, 2) for _ in plans]
        return self.count("at random", list(self._threads.map(self._kill_at_times, plans, calls)))

    def two_at_once(self, count: int, length_s: float) -> Row:
        """Let two processes want the same call at the same time, and kill one of them at a random time."""
        times_s = [self._random.uniform(0, length_s) for _ in range(count)]
        return self.count("two at once", [self._kill_rival(kill_after_s) for kill_after_s in times_s])

    def case(self, *, calls: int = 1, losing: bool = False) -> Case:
        """Return new calls."""
        number = next(self._home_numbers)
        temperatures = [next(self._call_numbers) / 10_000 for _ in range(calls)]
        server_url = self.losing_url if losing else self.server_url
        home = self._folder / "homes" / f"{number:03}"
        return Case(home, temperatures, server_url, "segmind" if number % 2 else "auto")

    def order(self, case: Case, point: str = "", kill_after_s: float | None = None) -> Order:
        """Build the order of a process for a case."""
        upload = self._upload.model_copy(update={"storage": case.storage}).model_dump(mode="json")
        return Order(
            str(case.home),
            self.files,
            upload,
            case.server_url,
            case.temperatures,
            SETTLE_AFTER_S,
            point,
            kill_after_s,
        )

    def pay(self, case: Case, point: str = "", kill_after_s: float | None = None) -> dict:
        """Run a process for a case."""
        payer = self._payers.get()
        try:
            result = payer.pay(self.order(case, point, kill_after_s))
        finally:
            self._payers.put(payer)
        case.statuses.append(result["status"])
        return result

    def together(self, *works) -> list:
        """Run several functions at the same time, each in a thread."""
        return [work.result() for work in [self._threads.submit(work) for work in works]]

    def finish(self, case: Case) -> None:
        """Run without a kill until the takes are there, and check them."""
        for _ in range(FINAL_RUNS):
            result = self.pay(case)
            if result["status"] == 0:
                break
        else:
            case.errors.append(f"{case.name} cannot be finished: {result}")
        expected = {str(temperature): self.digest(temperature) for temperature in case.temperatures}
        if result.get("takes") != expected:
            case.errors.append(f"{case.name} has the wrong takes: {result}")
        if any((case.home / "scratch").glob("*/lock")):
            case.errors.append(f"{case.name} has left scratch files behind")

    def length_s(self) -> float:
        """Return how long a process takes without a kill: the median of some."""
        durations_s = sorted(self._threads.map(self._time_case, range(3 * PROCESSES)))
        self._counted = self._submits()
        return durations_s[len(durations_s) // 2]

    def digest(self, temperature: float) -> str:
        """Return the digest of a call's take."""
        return hashlib.sha256(self._clip + mark(temperature)).hexdigest()

    def jobs(self) -> Counter[float]:
        """Count the jobs of both servers by call."""
        return Counter(job.sent["temperature"] for job in self._all_jobs())

    def request_id(self, temperature: float) -> str:
        """Return the id of the only job of a call."""
        (job_id,) = [job.id for job in self._all_jobs() if job.sent["temperature"] == temperature]
        return job_id

    def _all_jobs(self) -> list[Job]:
        return [job for name in ("server", "losing") for job in JobStore(self._folder / name).jobs()]

    def _time_case(self, _number: int) -> float:
        case, started_s = self.case(), time.monotonic()
        self.finish(case)
        assert not case.errors, case.errors
        return time.monotonic() - started_s

    def _kill_at(self, points: tuple[str, ...]) -> tuple[list[Case], bool]:
        losing = any(word in point for point in points for word in LOSING_POINTS)
        cases: list[Case] = []
        for _ in range(MAX_TRIES):
            case = self.case(losing=losing)
            cases.append(case)
            reached = all(self.pay(case, point)["status"] == KILLED for point in points)
            self.finish(case)
            if reached:
                return cases, True
        return cases, False

    def _kill_at_times(self, times_s: Sequence[float], calls: int) -> Case:
        case = self.case(calls=calls)
        for kill_after_s in times_s:
            self.pay(case, kill_after_s=kill_after_s)
        self.finish(case)
        return case

    def _kill_rival(self, kill_after_s: float) -> Case:
        case = self.case()
        _, survivor = self.together(lambda: self.pay(case, kill_after_s=kill_after_s), lambda: self.pay(case))
        if survivor["status"] != 0:
            case.errors.append(f"{case.name}: the process that was not killed ended with {survivor}")
        self.finish(case)
        return case

    def count(self, stage: str, cases: Sequence[Case], missed: Sequence[str] = ()) -> Row:
        """Count the results of some cases."""
        row, jobs = Row(stage, missed=list(missed)), self.jobs()
        for case in cases:
            row.runs += len(case.statuses)
            row.kills += case.statuses.count(KILLED)
            row.errors += case.errors
            for temperature in case.temperatures:
                row.calls += 1
                row.jobs += jobs[temperature]
                row.doubles += max(0, jobs[temperature] - 1)
                row.lost += self._is_lost(case, temperature)
        row.submits, self._counted = self._submits() - self._counted, self._submits()
        return row

    def _is_lost(self, case: Case, temperature: float) -> bool:
        """Return whether a call does not have exactly one attempt that is done, with the right take in the store."""
        file = File(digest=self.digest(temperature), suffix=".mp4", size_bytes=len(self._clip) + len(mark(temperature)))
        entries = [
            entry
            for entry in Ledger(case.home).entries()
            if entry.intended and entry.intended.call.parameters["temperature"] == temperature
        ]
        done = [entry for entry in entries if entry.state == "done" and entry.done.file == file]
        others = [entry for entry in entries if entry.state not in ("done", "void")]
        store = Store(case.home, read_only=True)
        intact = store.has(file) and hashlib.sha256(store.path(file).read_bytes()).hexdigest() == file.digest
        return len(done) != 1 or bool(others) or not intact

    def _submits(self) -> int:
        return sum(faults.submits for faults in self._faults)

    def _start_server(self, name: str, faults: list[dict]) -> str:
        def counting(plan):
            self._faults.append(CountingFaults(plan))
            return self._faults[-1]

        plan = {"seed": self._seed, "engine": "copy", "faults": faults}
        with mock.patch.object(asgi_app, "FaultInjector", counting):
            client = self._stack.enter_context(open_server(self._folder / name, plan, renderer=copy_marked, workers=2))
        return client.url


def copy_marked(request, folder, check, max_s):
    """Return the sent video with a mark that identifies the call."""
    result = copy_source(request, folder, check, max_s)
    if result.file:
        with (folder / result.file).open("ab") as stream:
            stream.write(mark(request.parameters.temperature))
    return result


def mark(temperature: float) -> bytes:
    """Build a box that players ignore (ISO/IEC 14496-12, `free`)."""
    content = str(temperature).encode().ljust(MARK_BYTES, b".")
    return struct.pack(">I4s", 8 + len(content), b"free") + content
