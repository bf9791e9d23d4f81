"""The contract of a node. This module knows no node, and nodes know no runner.

A node is a class with a `name`, a `version`, a `kind` and one method:

    def run(self, context: NodeContext, params: TrimParams, source: Media) -> list[Segment]

Its wires are read off the annotations of `run` (`ports`): each parameter after `params` is an input of one kind
(`Segment`), a list of one kind (`list[Take]`: the node gathers), or optional (`Media | None`). The result is one
kind, or a list of one kind (the steps after it run once per item).
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from .file import File
from .values import Media, Record, Report, Segment, Take, Turnover, Upload, Value

Workload = Literal["cpu", "io", "paid"]
"""`cpu` computes, `io` waits for a disk or a network, `paid` talks to a host that takes money."""

VALUE_TYPES: dict[type[Value], str] = {
    Media: "media",
    Segment: "segment",
    Upload: "upload",
    Take: "take",
    Record: "record",
    Report: "report",
    Turnover: "turnover",
}


class Params(BaseModel):
    """The base of every node's parameters: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeContext(Protocol):
    """All that a node may touch."""

    def path(self, file: File) -> Path:
        """Give a path where this content can be read; it is never to be written to."""

    def temp_path(self, name: str) -> Path:
        """Give a path for a new file of this name, in a folder of this call alone that goes away after it."""

    def store(self, path: Path) -> File:
        """Move a finished file into the store; only what is kept may stand in the result."""

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Give a file that some call remembered under these parts; None where there is none. Never write to it.

        What is read from it must be checked: who remembered it may have run another version.
        """

    def cache_put(self, parts: Mapping[str, Any], made: Path) -> None:
        """Keep a finished file for other calls, under all that decides what is in it; JSON only.

        It is no result: a call gives the same with it and without it, only sooner.
        """

    def progress(self, share: float) -> None:
        """Say how much is done, 0 to 1; call it often.

        Raises:
            Interrupted: the run was stopped.
        """

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool to its end and give its standard error; ffmpeg's progress is read where a duration is given.

        Raises:
            ToolFailed: it ended with a failure or took longer than `timeout_s`.
            Interrupted: the run was stopped; the tool is dead by then.
        """


class Node(Protocol):
    """What the registry holds; `run` is described at the top of this module."""

    name: ClassVar[str]
    version: ClassVar[int]
    """In the cache key: raise it when the same inputs would give other bytes."""
    workload: ClassVar[Workload]
    tools: ClassVar[tuple[str, ...]]
    """Tools whose versions change the result, such as `ffmpeg`; they are in the cache key.

    Optional: `expression_blind = True` when the result does not depend on the expression that an edit asks for (the
    runner then does not run the node again for another one), and `cache_salt(cls, params) -> str` for anything else
    that decides the result.
    """


@dataclass(frozen=True)
class Port:
    """One input of a node."""

    name: str
    kind: type[Value]
    gathers: bool = False
    """Takes a list."""
    optional: bool = False

    def __str__(self) -> str:
        text = f"list[{self.kind.__name__}]" if self.gathers else self.kind.__name__
        return f"{text} | None" if self.optional else text


@dataclass(frozen=True)
class Ports:
    """The wires of a node, as its `run` declares them."""

    params: type[Params]
    inputs: tuple[Port, ...]
    gives: type[Value]
    fans_out: bool
    """Gives a list."""


def ports(node: type[Node]) -> Ports:
    """Read the wires of a node off the annotations of its `run`.

    Raises:
        TypeError: the method does not follow the contract; the message says where.
    """
    run = getattr(node, "run", None)
    if run is None:
        raise TypeError(f"{node.__name__} has no method run")
    hints = typing.get_type_hints(run)
    names = list(inspect.signature(run).parameters)
    if names[:3] != ["self", "context", "params"]:
        raise TypeError(f"{node.__name__}.run must begin with (self, context, params), not ({', '.join(names[:3])})")
    params = hints.get("params")
    if not (isinstance(params, type) and issubclass(params, Params)):
        raise TypeError(f"{node.__name__}.run: params must be annotated with a subclass of Params")
    inputs = tuple(_port(node, name, hints.get(name)) for name in names[3:])
    result = _port(node, "return", hints.get("return"))
    return Ports(params, inputs, result.kind, result.gathers)


def _port(node: type[Node], name: str, hint: Any) -> Port:
    kind, optional, gathers = hint, False, False
    if isinstance(kind, types.UnionType) and type(None) in typing.get_args(kind):
        optional = True
        kind = next(arg for arg in typing.get_args(kind) if arg is not type(None))
    if typing.get_origin(kind) is list:
        gathers = True
        (kind,) = typing.get_args(kind)
    if kind not in VALUE_TYPES:
        allowed = ", ".join(k.__name__ for k in VALUE_TYPES)
        raise TypeError(
            f"{node.__name__}.run: {name} is annotated {hint!r}; expected one of {allowed}, or a list of one"
        )
    return Port(name, kind, gathers, optional)
