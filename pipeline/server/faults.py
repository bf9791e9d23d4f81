"""Injected faults, to rehearse a pipeline against a provider that fails: the YAML file, and which request it hits.

The same seed and the same requests give the same faults. The format is described in docs/server.md.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Route = Literal["v1", "submit", "status", "result", "upload", "credits", "history", "output", "asset"]
Action = Literal["status", "slow", "reset", "truncate", "expired", "take", "fail", "hold"]
JOB_ROUTES = ("v1", "submit")
FILE_ROUTES = ("v1", "output", "asset")
RESULT_ROUTES = ("status", "result", "output")
_REQUIRED_FIELD: dict[Action, str] = {"status": "status", "slow": "seconds", "hold": "seconds", "take": "take"}
_ROUTES: dict[Action, tuple[str, ...]] = {
    "truncate": FILE_ROUTES,
    "expired": RESULT_ROUTES,
    "take": JOB_ROUTES,
    "fail": JOB_ROUTES,
    "hold": JOB_ROUTES,
}
CONTENT_BLOCKED = "The content was blocked by the safety filter of the model (RAI)."


class Perturbation(BaseModel):
    """How a take differs from what was rendered, as a provider's takes do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longer_frames: int = Field(default=0, ge=0, le=250, description="repeats of the last frame")
    shorter_frames: int = Field(default=0, ge=0, le=250, description="frames removed at the end")
    rate: str | None = Field(default=None, pattern=r"^[1-9]\d{0,4}(/[1-9]\d{0,3})?$", description="such as 30000/1001")
    width_px: int | None = Field(default=None, ge=16, le=4096, multiple_of=2)
    height_px: int | None = Field(default=None, ge=16, le=4096, multiple_of=2)
    round_lines_to: int | None = Field(
        default=None, ge=2, le=64, multiple_of=2, description="16 gives 1088 lines for 1080, the last one repeated"
    )
    colour_shift: int = Field(default=0, ge=-32, le=32, description="levels added to Cr and subtracted from Cb")


class FaultRule(BaseModel):
    """One fault; without `call` and `probability` it hits every request of the route."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: Route
    do: Action
    call: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | Annotated[int, Field(ge=1)] | None = None
    """The n-th request of the route since the server was started, from 1; or several of them."""
    probability: float | None = Field(default=None, ge=0, le=1)
    when: Literal["before", "after"] = "before"
    """For `status` and `reset`: before the request has done its work, or after."""
    status: int | None = Field(default=None, ge=400, le=599)
    body: Literal["json", "html", "empty"] = "json"
    error: str = ""
    seconds: float | None = Field(default=None, ge=0, le=3600)
    share: float = Field(default=0.5, ge=0, lt=1)
    """For `truncate`: the share of the file that arrives."""
    take: Perturbation | None = None

    @model_validator(mode="after")
    def _fields_fit_the_action(self) -> FaultRule:
        required = _REQUIRED_FIELD.get(self.do)
        if required and getattr(self, required) is None:
            raise ValueError(f"do: {self.do} needs {required}")
        routes = _ROUTES.get(self.do)
        if routes and self.route not in routes:
            raise ValueError(f"do: {self.do} is for the routes {', '.join(routes)}, not {self.route}")
        if self.call is not None and self.probability is not None:
            raise ValueError("give call or probability, not both")
        return self

    def hits(self, number: int, draw: float) -> bool:
        """Return whether the rule hits the n-th request of its route; `draw` is a random number in [0, 1)."""
        if self.call is not None:
            return number == self.call or (isinstance(self.call, list) and number in self.call)
        return draw < (1 if self.probability is None else self.probability)


class FaultPlan(BaseModel):
    """A fault file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    credits: float | None = Field(default=None, ge=0)
    """The initial balance in USD, so that it can run out."""
    engine: Literal["local", "mark", "copy"] = "local"
    """`mark` returns the source video with a square in its middle instead of rendering: for rehearsals of hundreds of
    jobs. `copy` returns the source video: a take that changes nothing, which a run refuses."""
    faults: tuple[FaultRule, ...] = ()


class FaultInjector:
    """Counts the requests of each route and selects their faults."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.plan = plan or FaultPlan()
        self._requests: Counter[str] = Counter()

    def pick(self, route: str | None) -> tuple[FaultRule, ...]:
        """Count one request and return its faults.

        The draw of the n-th request of a route depends on the seed only, not on requests to other routes.
        """
        if route is None or not self.plan.faults:
            return ()
        self._requests[route] += 1
        number, seed = self._requests[route], self.plan.seed
        return tuple(
            rule
            for index, rule in enumerate(self.plan.faults)
            if rule.route == route and rule.hits(number, random.Random(f"{seed}/{index}/{number}").random())
        )


def read_faults(path: Path) -> FaultPlan:
    """Read a fault file.

    Raises:
        PresetError: with the line of every mistake.
    """
    from ..located_yaml.explain import read_yaml

    return read_yaml(path, FaultPlan, "the faults")
