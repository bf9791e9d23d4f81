"""Faults on request, to rehearse a pipeline against a host that fails: which call, and what goes wrong.

Takes   a YAML file; see docs/server.md.
Gives   `Faults`, which tells for each call what is to go wrong; the same seed and calls give the same faults.
Raises  PresetError with the line of every mistake.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .perturb import Twist

Route = Literal["v1", "submit", "status", "result", "upload", "credits", "history", "output", "asset"]
Action = Literal["status", "slow", "reset", "truncate", "expired", "take", "fail", "hold"]
MAKES_A_JOB = ("v1", "submit")
GIVES_A_FILE = ("v1", "output", "asset")
KNOWS_A_RESULT = ("status", "result", "output")
_NEEDS: dict[Action, str] = {"status": "status", "slow": "seconds", "hold": "seconds", "take": "take"}
_ROUTES: dict[Action, tuple[str, ...]] = {
    "truncate": GIVES_A_FILE,
    "expired": KNOWS_A_RESULT,
    "take": MAKES_A_JOB,
    "fail": MAKES_A_JOB,
    "hold": MAKES_A_JOB,
}
BLOCKED = "The content was blocked by the safety filter of the model (RAI)."


class Fault(BaseModel):
    """One thing that goes wrong; without `call` and `probability` at every call of the route."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: Route
    do: Action
    call: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | Annotated[int, Field(ge=1)] | None = None
    """The n-th call of the route since the server was started, from 1; or several of them."""
    probability: float | None = Field(default=None, ge=0, le=1)
    when: Literal["before", "after"] = "before"
    """For `status` and `reset`: before the call has done anything, or when it has done its work."""
    status: int | None = Field(default=None, ge=400, le=599)
    body: Literal["json", "html", "empty"] = "json"
    error: str = ""
    seconds: float | None = Field(default=None, ge=0, le=3600)
    share: float = Field(default=0.5, ge=0, lt=1)
    """For `truncate`: how much of the file arrives."""
    take: Twist | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Fault:
        needed = _NEEDS.get(self.do)
        if needed and getattr(self, needed) is None:
            raise ValueError(f"do: {self.do} needs {needed}")
        routes = _ROUTES.get(self.do)
        if routes and self.route not in routes:
            raise ValueError(f"do: {self.do} is for the routes {', '.join(routes)}, not {self.route}")
        if self.call is not None and self.probability is not None:
            raise ValueError("give call or probability, not both")
        return self

    def hits(self, number: int, chance: float) -> bool:
        """Tell whether it goes wrong at the n-th call of its route; `chance` is in [0, 1)."""
        if self.call is not None:
            return number == self.call or (isinstance(self.call, list) and number in self.call)
        return chance < (1 if self.probability is None else self.probability)


class FaultPlan(BaseModel):
    """A file of faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    credits: float | None = Field(default=None, ge=0)
    """The balance to begin with, in USD, so that it can run out."""
    engine: Literal["local", "copy"] = "local"
    """`copy` gives the sent video back instead of rendering: for rehearsals of hundreds of jobs."""
    faults: tuple[Fault, ...] = ()


class Faults:
    """Counts the calls of each route, and tells what goes wrong."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.plan = plan or FaultPlan()
        self._calls: Counter[str] = Counter()

    def pick(self, route: str | None) -> tuple[Fault, ...]:
        """Count one call, and give its faults; the n-th call of a route has its own chance, whatever came between."""
        if route is None or not self.plan.faults:
            return ()
        self._calls[route] += 1
        number, seed = self._calls[route], self.plan.seed
        return tuple(
            fault
            for index, fault in enumerate(self.plan.faults)
            if fault.route == route and fault.hits(number, random.Random(f"{seed}/{index}/{number}").random())
        )


def read_faults(path: Path) -> FaultPlan:
    """Read a file of faults."""
    from ..located_yaml.explain import read_yaml

    return read_yaml(path, FaultPlan, "the faults")
