"""A checked job: what the run loop gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.json_value import Json
from ..core.node import Params
from ..core.registry import NodeInfo

OnFailure = Literal["stop", "keep-original"]


@dataclass(frozen=True)
class Step:
    """One step, checked and connected."""

    id: str
    info: NodeInfo
    params: Params
    wires: Mapping[str, tuple[str, ...]]
    """Port name → ids of the steps that feed it; empty for an open optional port, and for a `Record`."""
    fanned: bool = False
    """Whether it runs once per segment."""


@dataclass(frozen=True)
class Job:
    """A preset filled in."""

    name: str
    """The preset's."""
    about: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Json]
    """The values that the preset was filled with, paths absolute."""
    document: dict[str, Json]
    """All that it takes to make this job again, whatever became of the files it was read from."""
    on_failure: OnFailure = "stop"
    files: tuple[Path, ...] = field(default=())
    """The files that it was read from."""
    notes: tuple[str, ...] = ()
    """What the user should hear before it runs, such as the entries of a list that are left out."""
