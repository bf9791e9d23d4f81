"""Where processes that pay are killed: a local server with faults, small homes, and the count of what came of it.

Each call has a temperature of its own, by which the server's jobs are told apart, and a take of its own, whose bytes
are known beforehand: one that is lost, torn or another call's is seen by its digest.

FAILED jobs are left out of the faults: a job that failed and was not billed is rightly made again.
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
from paying import POINTS, Order
from react1.testing import FolderContext
from server_client import open_server

from react1.pipeline.core.file import File
from react1.pipeline.core.values import Upload
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.server import serve
from react1.pipeline.server.faults import FaultInjector
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.server_job import Job
from react1.pipeline.server.worker_protocol import copy_source
from react1.pipeline.store.store import Store

HANDS = 6
"""Processes that pay at the same time."""
SETTLE_AFTER_S = 2.0
"""Longer than a server on a busy machine takes to write down a call that has reached it."""
MOST_TRIES = 12
"""With faults about, a process does not come by every point each time."""
LEFT_ALONE = 2
"""Runs without a kill after which a call must be there."""
KILLED = -9
TAKE_BYTES = 300_000
"""So many are added to a take that it arrives in several pieces."""
MISHAPS = [
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
ANSWERS_LOST = [
    *(one for one in MISHAPS if one["route"] != "submit"),
    {"route": "submit", "do": "reset", "when": "after"},
]
LEFT = "before the call leaves"
STAGES: dict[str, list[tuple[str, ...]]] = {
    "upload": [
        ("before the upload",),
        ("while the picture is sent",),
        ("before its address is noted",),
        ("when its address is noted",),
        ("when picture and voice are sent",),
    ],
    "intention": [
        ("before the intention",),
        ("when room is taken for the answer",),
        ("when «intended» is written and has no name",),
        ("when «intended» has its name",),
        ("when «intended» is on the disk",),
    ],
    "call": [
        (LEFT,),
        ("while the call is on the wire",),
        ("when the call is answered",),
        ("when the answer is read",),
    ],
    "request id": [(point,) for point in POINTS if "«accepted»" in point],
    "answer lost": [(point,) for point in POINTS if "«unknown»" in point],
    "history": [
        ("when the call is answered", "before the history is asked"),
        ("when the call is answered", "when the history has told"),
        ("while the call is on the wire", "before «accepted» is written", "when «accepted» is on the disk"),
        ("when «unknown» is on the disk", "when the history has told", "when «accepted» has its name"),
    ],
    "sent anew": [
        *((LEFT, point) for point in POINTS if "«void»" in point),
        (LEFT, "before the intention"),
        (LEFT, "when «intended» has its name"),
        (LEFT, "when the call is answered", "before the history is asked"),
    ],
    "waiting": [("before the first look",), ("after the first look",), ("when it is seen to be finished",)],
    "fetching": [
        ("before the take is fetched",),
        ("while the take is fetched",),
        ("when the take has arrived",),
        ("when the take is decoded",),
        ("before the take is in the store",),
        ("when the take is in the store",),
        ("while the take is fetched", "while the take is fetched", "when the take is in the store"),
    ],
    "take noted": [(point,) for point in POINTS if "«done»" in point],
    "afterwards": [
        ("before the result is put",),
        ("when the result is put",),
        ("before uploads are cleared away",),
        ("when the desk is closed",),
    ],
}
"""Where a call is killed; where several points stand, first at the first one, and the run after that at the next."""
WITHOUT_ANSWERS = ("«unknown»",)
"""Points that need the server that loses every answer to a submit."""


@dataclass
class Row:
    """What came of some kills."""

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
    told: list[str] = field(default_factory=list)
    """What is wrong, in words."""
    missed: list[str] = field(default_factory=list)
    """Points that were never come by."""

    def add(self, other: Row) -> None:
        """Add another row's figures."""
        for name in ("kills", "runs", "submits", "calls", "jobs", "doubles", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.told += other.told
        self.missed += other.missed


@dataclass
class Case:
    """Some calls in a home of their own, which are killed and then left alone."""

    home: Path
    temperatures: list[float]
    server: str
    storage: str
    ended: list[int] = field(default_factory=list)
    """The status of each process."""
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.home.name


class Counted(FaultInjector):
    """Faults that tell how many submits reached the server."""

    submits = 0

    def pick(self, route):
        self.submits += route == "submit"
        return super().pick(route)


class Payer:
    """A process whose children pay."""

    def __init__(self) -> None:
        environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # no threads where a process is forked
        argv = [sys.executable, str(Path(__file__).with_name("paying.py"))]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)

    def pay(self, order: Order) -> dict:
        """Have an order done, and give how that ended."""
        print(json.dumps(asdict(order)), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class Lab:
    """Servers, a clip, and hands that pay."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self._folder, self._chance, self._seed = folder, random.Random(seed), seed
        self._numbers, self._homes = itertools.count(1), itertools.count(1)
        self._stack = contextlib.ExitStack()
        self._payers: queue.SimpleQueue[Payer] = queue.SimpleQueue()
        self._faults: list[Counted] = []
        self._counted = 0

    def __enter__(self) -> Lab:
        """Open the servers, make the clip, and start the hands."""
        self.server = self._opened("server", MISHAPS)
        self.losing = self._opened("losing", ANSWERS_LOST)
        context = FolderContext(self._folder / "clip")
        clip = takes.film(context, frames=25, size=(160, 120), tracks=0)
        voice = takes.a_line(context, seconds=1)
        self.files = [str(context.path(one)) for one in (clip.file, voice)]
        self._clip = context.path(clip.file).read_bytes()
        placed = takes.segment(clip, 0, 25).model_copy(update={"voice": voice})
        self._upload = Upload(segment=placed, video_url="", audio_url="")
        for _ in range(HANDS):
            payer = Payer()
            self._stack.callback(payer.close)
            self._payers.put(payer)
        self._hands = self._stack.enter_context(ThreadPoolExecutor(HANDS))
        return self

    def __exit__(self, *_) -> None:
        """Close all."""
        self._stack.close()

    def stage(self, name: str) -> Row:
        """Kill at each point of a stage; again with other calls where a process did not come by."""
        ended = list(self._hands.map(self._until_reached, STAGES[name]))
        missed = [" · ".join(points) for points, (_, reached) in zip(STAGES[name], ended, strict=True) if not reached]
        return self.row(name, [case for cases, _ in ended for case in cases], missed)

    def at_random(self, count: int, length_s: float, most_kills: int = 3) -> Row:
        """Kill at random moments, of one run or of several; two calls under way at once in half of the cases."""
        draw = self._chance
        plans = [[draw.uniform(0, length_s) for _ in range(draw.randint(1, most_kills))] for _ in range(count)]
        calls = [draw.randint(1, 2) for _ in plans]
        return self.row("at random", list(self._hands.map(self._killed_at_times, plans, calls)))

    def two_at_once(self, count: int, length_s: float) -> Row:
        """Let two processes want the same call at the same time, and kill one of them at a random moment."""
        times_s = [self._chance.uniform(0, length_s) for _ in range(count)]
        return self.row("two at once", [self._rivals(after_s) for after_s in times_s])

    def case(self, *, calls: int = 1, losing: bool = False) -> Case:
        """Begin calls that nobody has made."""
        number = next(self._homes)
        temperatures = [next(self._numbers) / 10_000 for _ in range(calls)]
        server = self.losing if losing else self.server
        home = self._folder / "homes" / f"{number:03}"
        return Case(home, temperatures, server, "segmind" if number % 2 else "auto")

    def order(self, case: Case, point: str = "", after_s: float | None = None) -> Order:
        """Spell what a process is to do for a case."""
        upload = self._upload.model_copy(update={"storage": case.storage}).model_dump(mode="json")
        return Order(str(case.home), self.files, upload, case.server, case.temperatures, SETTLE_AFTER_S, point, after_s)

    def pay(self, case: Case, point: str = "", after_s: float | None = None) -> dict:
        """Run a process for a case."""
        payer = self._payers.get()
        try:
            ended = payer.pay(self.order(case, point, after_s))
        finally:
            self._payers.put(payer)
        case.ended.append(ended["status"])
        return ended

    def together(self, *works) -> list:
        """Do several things at once, each in a thread."""
        return [work.result() for work in [self._hands.submit(work) for work in works]]

    def left_alone(self, case: Case) -> None:
        """Run without a kill until the takes are there, and look at what is there then."""
        for _ in range(LEFT_ALONE):
            ended = self.pay(case)
            if ended["status"] == 0:
                break
        else:
            case.told.append(f"{case.name} cannot be finished: {ended}")
        expected = {str(one): self.digest(one) for one in case.temperatures}
        if ended.get("takes") != expected:
            case.told.append(f"{case.name} has other takes than were made: {ended}")
        if any((case.home / "scratch").glob("*/lock")):
            case.told.append(f"{case.name} has left scratch behind")

    def length_s(self) -> float:
        """Give how long a process takes that nobody kills, the median of some."""
        taken = sorted(self._hands.map(self._timed, range(3 * HANDS)))
        self._counted = self._submits()
        return taken[len(taken) // 2]

    def digest(self, temperature: float) -> str:
        """Give the digest of the take that a call must give."""
        return hashlib.sha256(self._clip + mark(temperature)).hexdigest()

    def jobs(self) -> Counter[float]:
        """Count the jobs of both servers by the call that made them."""
        return Counter(job.sent["temperature"] for job in self._all_jobs())

    def request_id(self, temperature: float) -> str:
        """Give the id of the one job of a call."""
        (found,) = [job.id for job in self._all_jobs() if job.sent["temperature"] == temperature]
        return found

    def _all_jobs(self) -> list[Job]:
        return [job for name in ("server", "losing") for job in JobStore(self._folder / name).jobs()]

    def _timed(self, _number: int) -> float:
        case, began = self.case(), time.monotonic()
        self.left_alone(case)
        assert not case.told, case.told
        return time.monotonic() - began

    def _until_reached(self, points: tuple[str, ...]) -> tuple[list[Case], bool]:
        losing = any(word in point for point in points for word in WITHOUT_ANSWERS)
        cases: list[Case] = []
        for _ in range(MOST_TRIES):
            case = self.case(losing=losing)
            cases.append(case)
            reached = all(self.pay(case, point)["status"] == KILLED for point in points)
            self.left_alone(case)
            if reached:
                return cases, True
        return cases, False

    def _killed_at_times(self, times_s: Sequence[float], calls: int) -> Case:
        case = self.case(calls=calls)
        for after_s in times_s:
            self.pay(case, after_s=after_s)
        self.left_alone(case)
        return case

    def _rivals(self, after_s: float) -> Case:
        case = self.case()
        _, other = self.together(lambda: self.pay(case, after_s=after_s), lambda: self.pay(case))
        if other["status"] != 0:
            case.told.append(f"{case.name}: the process that lived on ended with {other}")
        self.left_alone(case)
        return case

    def row(self, name: str, cases: Sequence[Case], missed: Sequence[str] = ()) -> Row:
        """Count what came of some calls."""
        row, jobs = Row(name, missed=list(missed)), self.jobs()
        for case in cases:
            row.runs += len(case.ended)
            row.kills += case.ended.count(KILLED)
            row.told += case.told
            for temperature in case.temperatures:
                row.calls += 1
                row.jobs += jobs[temperature]
                row.doubles += max(0, jobs[temperature] - 1)
                row.lost += self._is_lost(case, temperature)
        row.submits, self._counted = self._submits() - self._counted, self._submits()
        return row

    def _is_lost(self, case: Case, temperature: float) -> bool:
        """Tell whether a call has not exactly one attempt that is done, with the right take in the store."""
        file = File(digest=self.digest(temperature), suffix=".mp4", size_bytes=len(self._clip) + len(mark(temperature)))
        entries = [
            one
            for one in Ledger(case.home).all()
            if one.intended and one.intended.call.parameters["temperature"] == temperature
        ]
        done = [one for one in entries if one.state == "done" and one.done.file == file]
        rest = [one for one in entries if one.state not in ("done", "void")]
        store = Store(case.home, read_only=True)
        whole = store.has(file) and hashlib.sha256(store.path(file).read_bytes()).hexdigest() == file.digest
        return len(done) != 1 or bool(rest) or not whole

    def _submits(self) -> int:
        return sum(one.submits for one in self._faults)

    def _opened(self, name: str, faults: list[dict]) -> str:
        def counted(plan):
            self._faults.append(Counted(plan))
            return self._faults[-1]

        plan = {"seed": self._seed, "engine": "copy", "faults": faults}
        with mock.patch.object(serve, "FaultInjector", counted):
            client = self._stack.enter_context(open_server(self._folder / name, plan, renderer=marked, workers=2))
        return client.url


def marked(order, folder, check, most_s):
    """Give the sent video back, with a mark that tells the call."""
    told = copy_source(order, folder, check, most_s)
    if told.file:
        with (folder / told.file).open("ab") as stream:
            stream.write(mark(order.parameters.temperature))
    return told


def mark(temperature: float) -> bytes:
    """Spell a box that players pass over (ISO/IEC 14496-12, `free`)."""
    content = str(temperature).encode().ljust(TAKE_BYTES, b".")
    return struct.pack(">I4s", 8 + len(content), b"free") + content
