"""The crash trial of other providers: the same kills against the scripted hosts of fal and Replicate."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from crash import FAULTS, LOSING_FAULTS, Case, Lab, mark
from fal_host import FalHost
from paying_process import Order
from replicate_host import ReplicateHost

from react1.testing import Failure, ScriptedHost

HOSTS: dict[str, type[ScriptedHost]] = {"fal": FalHost, "replicate": ReplicateHost}
UPLOAD_ROUTES = ("initiate", "put", "upload")


class HostLab(Lab):
    """A lab whose servers are scripted hosts."""

    def __init__(self, folder: Path, provider: str, seed: int = 7) -> None:
        super().__init__(folder, seed)
        self._provider = provider
        self._hosts: list[ScriptedHost] = []

    def case(self, **options) -> Case:
        """Return new calls, which upload to the provider's own storage."""
        case = super().case(**options)
        case.storage = self._provider if case.storage == "segmind" else case.storage
        return case

    def order(self, case: Case, point: str = "", kill_after_s: float | None = None) -> Order:
        """Build the order of a process for a case."""
        order = super().order(case, point, kill_after_s)
        order.provider = self._provider
        return order

    def jobs(self) -> Counter[float]:
        """Count the jobs of both servers by call."""
        return Counter(job.sent["temperature"] for host in self._hosts for job in list(host.jobs.values()))

    def request_id(self, temperature: float) -> str:
        """Return the id of the only job of a call."""
        jobs = [job for host in self._hosts for job in host.jobs.values() if job.sent["temperature"] == temperature]
        (job,) = jobs
        return job.request_id

    def _submits(self) -> int:
        return sum(len(host.received("submit")) for host in self._hosts)

    def _start_server(self, name: str, faults: list[dict]) -> str:
        del name
        host = HOSTS[self._provider]()
        host.decorate = lambda job, content: content + mark(job.sent["temperature"])
        host.pick_failure = failures_by_chance(faults, random.Random(self._seed))
        self._hosts.append(host)
        return self._stack.enter_context(host.serve())


def failures_by_chance(plan: Sequence[dict], draw: random.Random) -> Callable[[str], Failure | None]:
    """Return a function that draws the failure of a request by its route, as a plan of the local server says."""

    def pick(route: str) -> Failure | None:
        name = "upload" if route in UPLOAD_ROUTES else route
        for row in plan:
            if row["route"] == name and row["do"] != "slow" and draw.random() < row.get("probability", 1.0):
                return Failure(route, row["do"], row.get("when", "after"), row.get("status", 500))
        return None

    return pick


assert {row["do"] for row in [*FAULTS, *LOSING_FAULTS]} <= {"status", "reset", "truncate", "slow"}
