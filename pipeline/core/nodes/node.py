"""The contract between nodes and the runner. This module imports no node, and nodes import no runner.

A node is a class with a `name`, a `version`, a `workload`, `tools` and one method:

    def run(self, context: NodeContext, params: TrimParams, source: Media) -> list[Segment]

The annotations of `run` define its inputs and its output (`ports`). Each parameter after `params` is an input: a value
type (`Segment`), a list of one (`list[Take]`: the node gathers), or optional (`Media | None`). The output is a value
type, or a list of one (the steps after it run once per item).
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ..file import File
from ..values import Media, Record, Report, Segment, Take, Turnover, Upload, Value

Cached = TypeVar("Cached")
Workload = Literal["cpu", "io", "paid"]
"""`cpu` computes, `io` waits for a disk or a network, `paid` calls a provider that charges money."""

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
    """Base class of node parameters: frozen; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeContext(Protocol):
    """Everything that a node may use: files, tools, a cache and progress."""

    def path(self, file: File) -> Path:
        """Return a path from which this content can be read; never write to it."""

    def temp_path(self, name: str) -> Path:
        """Return a path for a new file of this name, in a folder that is deleted after the call."""

    def store(self, path: Path) -> File:
        """Move a finished file into the store; a result may refer to stored files only."""

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return the file cached under this key, or None; never write to it.

        Validate what you read: another version of the program may have cached it.
        """

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache a finished file for other calls; `parts` is JSON that contains everything that decides its content.

        The cache may not change a result, only the time that it takes.
        """

    def progress(self, share: float) -> None:
        """Report the completed share, 0 to 1; call this often.

        Raises:
            Interrupted: the run was stopped.
        """

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Run a tool until it exits and return its standard error; with `duration_s`, report ffmpeg's progress.

        Raises:
            ToolFailed: it exited with an error or ran longer than `timeout_s`.
            Interrupted: the run was stopped; the tool is already killed.
        """

    def open_clip(self, media: Media) -> Any:
        """Return a `moviepy.VideoClip` of media; `Media.clip`, `Segment.clip` and `Take.clip` call it."""

    def store_clip(self, clip: Any, like: Media | None = None) -> Media:
        """Store a `moviepy.VideoClip` as media, in place of the pictures of `like` or as a film of its own."""


def cached_value(
    context: NodeContext,
    parts: Mapping[str, Any],
    file_name: str,
    read: Callable[[Path], Cached | None],
    make: Callable[[], Cached],
    write: Callable[[Path, Cached], object],
) -> Cached:
    """Return what is cached under these parts; if nothing readable is, make it and cache it in a file of this name."""
    path = context.cache_get(parts)
    value = None if path is None else read(path)
    if value is None:
        value = make()
        new_path = context.temp_path(file_name)
        write(new_path, value)
        context.cache_put(parts, new_path)
    return value


class Node(Protocol):
    """A node class, as the registry holds it; `run` is described at the top of this module."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Part of the cache key: increase it when the same inputs give different bytes."""
    workload: ClassVar[Workload]
    tools: ClassVar[tuple[str, ...]]
    """Tools whose versions change the result, such as `ffmpeg`; part of the cache key.

    Optional members are described at `OptionalMembers`.
    """


@dataclass(frozen=True)
class Need:
    """Resources that one call of a node takes on the machine where it runs."""

    cores: int = 1
    """0 for a call that only waits."""
    memory_mb: int = 0
    """0: not known, so it is not reserved."""
    scratch_mb: int = 0
    """Free disk space for temporary files."""
    gpus: int = 0
    labels: tuple[str, ...] = ()
    """What else the machine must have; workers declare such resources by name."""


Delivery = Literal["film", "file", "package", "page", "folder"]
"""How a result goes to the step's `out`:

`film`: one file, in the container of the source; it is the result of the run.
`file`: one file, in a container that the node chooses.
`folder`: the files of the result, in a folder.
`package`: new files in a folder, beside those of earlier runs; a companion of the film.
`page`: files in a folder, also while takes wait for a choice; a companion of the film.
"""


@dataclass(frozen=True)
class Forecast:
    """What a step will do and cost; empty fields mean that this is not known before it runs."""

    lines: tuple[str, ...] = ()
    """Notes for `react1 plan`."""
    cost_usd: float = 0.0
    """Estimated cost of this call in USD. Set it in nodes whose `workload` is `paid`."""
    segments: tuple[Segment, ...] = ()
    """The segments that the step will make; `media` is the film that they are cut from. They let the plan estimate the
    steps that follow. A step that runs once per segment gives that segment, if it changes its place or its source."""
    result: Value | None = None
    """The exact result, where it can be told without work, such as the probe of a local file."""
    splice: Mapping[str, Any] = field(default_factory=dict)
    """How takes will be put back into a film, as JSON: the key `splice` of the plan's row."""


class OptionalMembers(Protocol):
    """Members that a node class may define; the runner looks them up and works without them.

    The class methods get a context that can read files and run tools but not store anything, and inputs by port name.
    The inputs are what is known so far: for a segment whose upload or take does not exist yet, the segment itself; None
    where nothing is known. A port that gathers always gets a list.
    """

    expression_blind: ClassVar[bool] = False
    """Whether the result does not depend on the expression that an edit asks for; the runner then reuses it for other
    expressions."""
    reads_face: ClassVar[bool] = False
    """Whether a node that is `expression_blind` does depend on the face that an edit names."""
    reproducible: ClassVar[bool] = False
    """Whether the files of a result are made again in seconds, byte for byte, from the inputs; they are then removed
    once a film was made with them, and made again for whoever reads them."""
    makes_takes: ClassVar[bool]
    """Whether the node renders takes of a segment, so that it runs once per combination of a `takes:` matrix.

    Default: it returns a `Take`, has an input of one `Segment` or `Upload`, and none of `Take`.
    """
    need: ClassVar[Need]
    """What a call takes. Default: one core, and none for a node whose `workload` is `io`."""
    delivers: ClassVar[Delivery]
    """Default: `film` for a `Media` that is made from takes, `file` for another `Media`, `package` for a `Turnover`,
    `page` for a `Report`, else `folder`."""

    @classmethod
    def cache_salt(cls, params: Any) -> str:
        """Return anything else that decides the result; it becomes part of the cache key."""

    @classmethod
    def forecast(cls, context: NodeContext, params: Any, inputs: Mapping[str, Any]) -> Forecast:
        """Return what the step will do for these inputs; `react1 plan` and the budget use it.

        It is called once per segment, and may not depend on the expression that the edit asks for.

        Raises:
            React1Error: `run` would fail.
        """

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: Any, inputs: Mapping[str, Any]) -> None:
        """Raise what would make this step fail after takes were made or paid for.

        It is called before the first upload for a paid step, with its own inputs, and before a step that makes takes,
        paid or not, for the steps that use its results.

        Raises:
            React1Error: `run` would fail.
        """


_CLASS_METHODS = {
    "cache_salt": ("params",),
    "forecast": ("context", "params", "inputs"),
    "check_before_paying": ("context", "params", "inputs"),
}
"""What the class methods of `OptionalMembers` are called with, in this order."""


def makes_takes(node: type[Node], wires: Ports) -> bool:
    """Return whether a node renders takes of a segment (`OptionalMembers.makes_takes`)."""
    of_a_segment = any(port.value_type in (Segment, Upload) and not port.gathers for port in wires.inputs)
    by_ports = wires.output is Take and of_a_segment and not any(port.value_type is Take for port in wires.inputs)
    return bool(getattr(node, "makes_takes", by_ports))


def need_of(node: type[Node]) -> Need:
    """Return what a call of a node takes (`OptionalMembers.need`)."""
    need: Need = getattr(node, "need", Need(cores=0 if node.workload == "io" else 1))
    return need


def delivery(node: type[Node], wires: Ports) -> Delivery:
    """Return how a result of a node is delivered (`OptionalMembers.delivers`)."""
    by_type: Delivery = "folder"
    if wires.output is Media and not wires.fans_out:
        by_type = "film" if any(port.value_type is Take for port in wires.inputs) else "file"
    elif wires.output in (Turnover, Report):
        by_type = "package" if wires.output is Turnover else "page"
    declared: Delivery = getattr(node, "delivers", by_type)
    return declared


def forecast(node: type[Node], context: NodeContext, params: Params, inputs: Mapping[str, Any]) -> Forecast:
    """Return the forecast of a node, or an empty one if it makes none."""
    method = getattr(node, "forecast", None)
    prediction = Forecast() if method is None else method(context, params, inputs)
    if not isinstance(prediction, Forecast):
        raise TypeError(f"{node.__name__}.forecast must return a Forecast, not {type(prediction).__name__}")
    return prediction


def check_before_paying(node: type[Node], context: NodeContext, params: Params, inputs: Mapping[str, Any]) -> None:
    """Call the check of a node, if it has one."""
    method = getattr(node, "check_before_paying", None)
    if method is not None:
        method(context, params, inputs)


def check_optional_members(node: type[Node], wires: Ports) -> None:
    """Check the types of a node's optional members, and that a paid node says what it costs.

    Raises:
        TypeError: one does not follow the contract; the message names it.
    """
    if node.workload == "paid" and "provider" not in wires.params.model_fields and not hasattr(node, "forecast"):
        raise TypeError(f"{node.__qualname__} is paid, so it needs a classmethod `forecast` that estimates its cost")
    for name, arguments in _CLASS_METHODS.items():
        method = getattr(node, name, None)
        if method is None:
            continue
        if not inspect.ismethod(method):
            raise TypeError(f"{node.__qualname__}.{name} must be a classmethod")
        try:
            inspect.signature(method).bind(*arguments)
        except TypeError:
            raise TypeError(f"{node.__qualname__}.{name} must take ({', '.join(arguments)})") from None
    for name in ("expression_blind", "makes_takes", "reads_face", "reproducible"):
        if not isinstance(getattr(node, name, False), bool):
            raise TypeError(f"{node.__qualname__}.{name} must be True or False")
    if not isinstance(getattr(node, "need", Need()), Need):
        raise TypeError(f"{node.__qualname__}.need must be a Need")
    delivers = getattr(node, "delivers", "film")
    if delivers not in typing.get_args(Delivery):
        allowed = ", ".join(typing.get_args(Delivery))
        raise TypeError(f"{node.__qualname__}.delivers is {delivers!r}; expected one of {allowed}")


@dataclass(frozen=True)
class Port:
    """One input of a node."""

    name: str
    value_type: type[Value]
    gathers: bool = False
    """Whether it takes a list."""
    optional: bool = False

    def __str__(self) -> str:
        text = f"list[{self.value_type.__name__}]" if self.gathers else self.value_type.__name__
        return f"{text} | None" if self.optional else text


@dataclass(frozen=True)
class Ports:
    """The parameters, inputs and output of a node, as its `run` declares them."""

    params: type[Params]
    inputs: tuple[Port, ...]
    output: type[Value]
    fans_out: bool
    """Whether the output is a list."""


def ports(node: type[Node]) -> Ports:
    """Read the inputs and the output of a node from the annotations of its `run`.

    Raises:
        TypeError: the method breaks the contract; the message says where.
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
    return Ports(params, inputs, result.value_type, result.gathers)


def _port(node: type[Node], name: str, hint: Any) -> Port:
    value_type, optional, gathers = hint, False, False
    if isinstance(value_type, types.UnionType) and type(None) in typing.get_args(value_type):
        optional = True
        value_type = next(arg for arg in typing.get_args(value_type) if arg is not type(None))
    if typing.get_origin(value_type) is list:
        gathers = True
        (value_type,) = typing.get_args(value_type)
    if value_type not in VALUE_TYPES:
        allowed = ", ".join(each.__name__ for each in VALUE_TYPES)
        raise TypeError(
            f"{node.__name__}.run: {name} is annotated {hint!r}; expected one of {allowed}, or a list of one"
        )
    return Port(name, value_type, gathers, optional)
