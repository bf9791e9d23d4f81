"""A checked job, as the runner gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.nodes.node import Params
from ..core.nodes.registry import NodeInfo
from ..located_yaml.located import Json

OnFailure = Literal["stop", "keep-original"]


@dataclass(frozen=True)
class Step:
    """One step, checked and connected."""

    id: str
    info: NodeInfo
    params: Params
    wires: Mapping[str, tuple[str, ...]]
    """Input name → IDs of the steps that feed it; empty for an unconnected optional input, and for a `Record`."""
    fanned: bool = False
    """Whether it runs once per segment."""


@dataclass(frozen=True)
class Job:
    """A preset with values for all its inputs."""

    name: str
    """The preset's name."""
    about: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Json]
    """The values of the preset's inputs; paths are absolute."""
    document: dict[str, Json]
    """Everything needed to rebuild this job without the files that it was read from; JSON."""
    on_failure: OnFailure = "stop"
    files: tuple[Path, ...] = field(default=())
    """The files from which it was read."""
    notes: tuple[str, ...] = ()
    """Messages for the user before the run, such as the entries of a list that are skipped."""
    until: str = ""
    """The step at which it was asked to end; empty if it is whole."""
    project: str = ""
    """The project that its paid calls count for; "" without one."""
