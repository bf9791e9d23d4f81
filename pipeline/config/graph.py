"""Connect every input of every step to the steps that feed it.

Takes   steps in the order of the preset: an id, the node's ports, and what `from` says.
Gives   for each step its wires, and whether it runs once per segment; and all that is wrong, at once.

An order in which every step comes after the steps that feed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from ..core.errors import PresetError
from ..core.node import VALUE_TYPES, Port, Ports
from ..core.suggest import none_called
from ..core.values import Record

Mark = TypeVar("Mark")
"""Whatever lets the caller point at a word of the preset."""


@dataclass(frozen=True)
class Source(Generic[Mark]):
    """A step that `from` names, for one port or for whichever fits."""

    step: str
    mark: Mark
    port: str = ""


@dataclass(frozen=True)
class Unwired(Generic[Mark]):
    """A step before it is connected."""

    id: str
    node: str
    ports: Ports
    mark: Mark
    sources: tuple[Source[Mark], ...] = ()


@dataclass(frozen=True)
class Wired:
    """The wires of a step: port name → ids of the steps that feed it."""

    id: str
    wires: Mapping[str, tuple[str, ...]]
    fanned: bool
    """Whether it runs once per segment."""


@dataclass
class Wiring(Generic[Mark]):
    """What `wire` found: one entry per step, and what is wrong."""

    steps: list[Wired] = field(default_factory=list)
    problems: list[tuple[Mark, str]] = field(default_factory=list)


def wire(steps: Sequence[Unwired[Mark]]) -> Wiring[Mark]:
    """Connect all steps: each input to the nearest earlier step that gives its kind, or to what `from` names."""
    found: Wiring[Mark] = Wiring()
    streams: dict[str, str] = {}
    for place, step in enumerate(steps):
        wires = _named(step, steps, place, found.problems)
        _nearest(step, steps[:place], wires, found.problems)
        fanned = _fan(step, wires, streams, found.problems)
        found.steps.append(Wired(step.id, {port.name: wires.get(port.name, ()) for port in step.ports.inputs}, fanned))
    order({step.id: {source for wires in step.wires.values() for source in wires} for step in found.steps})
    return found


def _named(
    step: Unwired[Mark], steps: Sequence[Unwired[Mark]], place: int, problems: list[tuple[Mark, str]]
) -> dict[str, tuple[str, ...]]:
    wires: dict[str, tuple[str, ...]] = {}
    for source in step.sources:
        wrong = _misnamed(step, source, steps, place)
        if wrong:
            problems.append((source.mark, wrong))
            wires.setdefault(source.port, ())
            continue
        giver = next(one for one in steps[:place] if one.id == source.step)
        port = _fitting(step, giver, source.port, wires)
        if port is None:
            problems.append((source.mark, _unfit(step, giver, source.port)))
            wires.setdefault(source.port, ())
        else:
            wires[port.name] = (*wires.get(port.name, ()), giver.id)
    wires.pop("", None)
    return wires


def _misnamed(step: Unwired[Mark], source: Source[Mark], steps: Sequence[Unwired[Mark]], place: int) -> str:
    inputs = [port.name for port in step.ports.inputs if port.kind is not Record]
    if source.port and source.port not in inputs:
        return f"{step.node} has no input {source.port!r}; {none_called(source.port, inputs)}"
    if source.step == step.id:
        return f"step {step.id!r} cannot feed itself ({step.id} → {step.id})"
    if any(one.id == source.step for one in steps[place + 1 :]):
        return f"step {source.step!r} comes later; a step can only take from the steps above it"
    earlier = [one.id for one in steps[:place]]
    return (
        ""
        if source.step in earlier
        else f"no step above is called {source.step!r}; {none_called(source.step, earlier)}"
    )


def _fitting(
    step: Unwired[Mark], giver: Unwired[Mark], port_name: str, wires: Mapping[str, tuple[str, ...]]
) -> Port | None:
    """Choose the port for a step that `from` names: the first of its kind that is free, or one that gathers."""
    of_kind = [port for port in step.ports.inputs if port.kind is giver.ports.gives and port.kind is not Record]
    if port_name:
        of_kind = [port for port in of_kind if port.name == port_name]
    return next((port for port in of_kind if port.gathers or not wires.get(port.name)), None)


def _unfit(step: Unwired[Mark], giver: Unwired[Mark], port_name: str) -> str:
    gives = VALUE_TYPES[giver.ports.gives]
    wants = [f"{port.name}: {port}" for port in step.ports.inputs if port.name == port_name or not port_name]
    inputs = ", ".join(wants) or "no inputs"
    return f"step {giver.id!r} gives {gives}, but {step.node} has no free input for it ({inputs})"


def _nearest(
    step: Unwired[Mark],
    earlier: Sequence[Unwired[Mark]],
    wires: dict[str, tuple[str, ...]],
    problems: list[tuple[Mark, str]],
) -> None:
    """Fill the inputs that `from` left open, required ones first; several of one kind take the nearest, in order."""
    taken = {giver for givers in wires.values() for giver in givers}
    for kind in {port.kind: None for port in step.ports.inputs if port.kind is not Record}:
        open_ports = [port for port in step.ports.inputs if port.kind is kind and port.name not in wires]
        givers = [one.id for one in earlier if one.ports.gives is kind and one.id not in taken]
        ports = [port for port in open_ports if not port.optional]
        ports += [port for port in open_ports if port.optional][: max(0, len(givers) - len(ports))]
        if len(ports) > len(givers):
            problems.append((step.mark, _lacking(step, ports, len(givers), earlier)))
            continue
        ports.sort(key=step.ports.inputs.index)
        chosen = givers[len(givers) - len(ports) :]
        wires.update({port.name: (giver,) for port, giver in zip(ports, chosen, strict=True)})


def _lacking(step: Unwired[Mark], ports: Sequence[Port], there: int, earlier: Sequence[Unwired[Mark]]) -> str:
    kind = VALUE_TYPES[ports[0].kind]
    many = f"{len(ports)} steps that give {kind} ({', '.join(port.name for port in ports)})"
    needs = many if len(ports) > 1 else f"an earlier step that gives {kind} ({ports[0].name}: {ports[0]})"
    given = ", ".join(f"{one.id} gives {VALUE_TYPES[one.ports.gives]}" for one in earlier)
    only = f"only {there} is there; " if there else ""
    return f"step {step.id!r} needs {needs}; {only}{given or 'it is the first step'}"


def _fan(
    step: Unwired[Mark],
    wires: Mapping[str, tuple[str, ...]],
    streams: dict[str, str],
    problems: list[tuple[Mark, str]],
) -> bool:
    """Tell whether a step runs per segment, and note which list of segments its results belong to."""
    feeding = [wires.get(port.name, ()) for port in step.ports.inputs if not port.gathers]
    lists = {streams[giver]: None for givers in feeding for giver in givers if giver in streams}
    if len(lists) > 1:
        problems.append((step.mark, f"step {step.id!r} mixes segments of different steps: {', '.join(lists)}"))
    if lists and step.ports.fans_out:
        problems.append((step.mark, f"step {step.id!r} makes a list of each item of a list, which cannot run"))
    if lists:
        streams[step.id] = next(iter(lists))
    elif step.ports.fans_out:
        streams[step.id] = step.id
    return bool(lists)


def order(feeds: Mapping[str, AbstractSet[str]]) -> tuple[str, ...]:
    """Order step ids; `feeds` names for each step the steps that feed it.

    Raises:
        PresetError: they form a circle, which is named.
    """
    try:
        return tuple(TopologicalSorter(feeds).static_order())
    except CycleError as circle:
        names = " → ".join(circle.args[1])
        raise PresetError(f"the steps feed each other in a circle: {names}") from None
