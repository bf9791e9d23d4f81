"""The graph of steps: connect every input to the steps that feed it, and order steps by their wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from ..core.errors import PresetError, list_available
from ..core.nodes.node import VALUE_TYPES, Port, Ports
from ..core.values import Record

_RENAMED_INPUTS = {"given": "segment"}
"""Old name of an input → its present one."""

Mark = TypeVar("Mark")
"""The caller's reference to a place in the preset, for problems."""


@dataclass(frozen=True)
class Source(Generic[Mark]):
    """A step that `from` names, for one input or for the first that fits."""

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
    """The wires of a step: input name → IDs of the steps that feed it."""

    id: str
    wires: Mapping[str, tuple[str, ...]]
    fanned: bool
    """Whether it runs once per segment."""


@dataclass
class Wiring(Generic[Mark]):
    """The connected steps and all problems."""

    steps: list[Wired] = field(default_factory=list)
    problems: list[tuple[Mark, str]] = field(default_factory=list)


def wire(steps: Sequence[Unwired[Mark]]) -> Wiring[Mark]:
    """Connect each input to what `from` names, else to the nearest earlier step whose output has its type."""
    wiring: Wiring[Mark] = Wiring()
    list_of_step: dict[str, str] = {}
    for index, step in enumerate(steps):
        wires = _explicit_wires(step, steps, index, wiring.problems)
        _wire_nearest(step, steps[:index], wires, wiring.problems)
        fanned = _fans_out(step, wires, list_of_step, wiring.problems)
        wiring.steps.append(Wired(step.id, {port.name: wires.get(port.name, ()) for port in step.ports.inputs}, fanned))
    order({step.id: {source for wires in step.wires.values() for source in wires} for step in wiring.steps})
    return wiring


def current_input(name: str, ports: Ports) -> str:
    """Return the present name of an input that a preset or a stored job may still call by its old one."""
    current = _RENAMED_INPUTS.get(name, name)
    return current if any(port.name == current for port in ports.inputs) else name


def _explicit_wires(
    step: Unwired[Mark], steps: Sequence[Unwired[Mark]], index: int, problems: list[tuple[Mark, str]]
) -> dict[str, tuple[str, ...]]:
    wires: dict[str, tuple[str, ...]] = {}
    for source in step.sources:
        source = replace(source, port=current_input(source.port, step.ports))  # noqa: PLW2901 - the same, renamed
        message = _source_error(step, source, steps, index)
        if message:
            problems.append((source.mark, message))
            wires.setdefault(source.port, ())
            continue
        producer = next(candidate for candidate in steps[:index] if candidate.id == source.step)
        port = _free_port(step, producer, source.port, wires)
        if port is None:
            problems.append((source.mark, _no_port_message(step, producer, source.port)))
            wires.setdefault(source.port, ())
        else:
            wires[port.name] = (*wires.get(port.name, ()), producer.id)
    wires.pop("", None)
    return wires


def _source_error(step: Unwired[Mark], source: Source[Mark], steps: Sequence[Unwired[Mark]], index: int) -> str:
    inputs = [port.name for port in step.ports.inputs if port.value_type is not Record]
    if source.port and source.port not in inputs:
        return f"{step.node} has no input {source.port!r}; {list_available(source.port, inputs)}"
    if source.step == step.id:
        return f"step {step.id!r} cannot feed itself ({step.id} → {step.id})"
    if any(candidate.id == source.step for candidate in steps[index + 1 :]):
        return f"step {source.step!r} comes later; `from` can name only steps above"
    earlier = [candidate.id for candidate in steps[:index]]
    if source.step in earlier:
        return ""
    return f"no step {source.step!r} above; {list_available(source.step, earlier)}"


def _free_port(
    step: Unwired[Mark], producer: Unwired[Mark], port_name: str, wires: Mapping[str, tuple[str, ...]]
) -> Port | None:
    """Choose the input for a step that `from` names: the first free one of its type, or one that gathers."""
    output = producer.ports.output
    matching = [port for port in step.ports.inputs if port.value_type is output and port.value_type is not Record]
    if port_name:
        matching = [port for port in matching if port.name == port_name]
    return next((port for port in matching if port.gathers or not wires.get(port.name)), None)


def _no_port_message(step: Unwired[Mark], producer: Unwired[Mark], port_name: str) -> str:
    output = VALUE_TYPES[producer.ports.output]
    candidates = [f"{port.name}: {port}" for port in step.ports.inputs if port.name == port_name or not port_name]
    inputs = ", ".join(candidates) or "no inputs"
    return f"step {producer.id!r} outputs {output}, but {step.node} has no free input for it ({inputs})"


def _wire_nearest(
    step: Unwired[Mark],
    earlier: Sequence[Unwired[Mark]],
    wires: dict[str, tuple[str, ...]],
    problems: list[tuple[Mark, str]],
) -> None:
    """Connect inputs that `from` does not set, required ones first; several of a type take the nearest, in order."""
    used = {producer for producers in wires.values() for producer in producers}
    for value_type in {port.value_type: None for port in step.ports.inputs if port.value_type is not Record}:
        open_ports = [port for port in step.ports.inputs if port.value_type is value_type and port.name not in wires]
        producers = [
            candidate.id for candidate in earlier if candidate.ports.output is value_type and candidate.id not in used
        ]
        ports = [port for port in open_ports if not port.optional]
        ports += [port for port in open_ports if port.optional][: max(0, len(producers) - len(ports))]
        if len(ports) > len(producers):
            problems.append((step.mark, _missing_producer_message(step, ports, len(producers), earlier)))
            continue
        ports.sort(key=step.ports.inputs.index)
        chosen = producers[len(producers) - len(ports) :]
        wires.update({port.name: (producer,) for port, producer in zip(ports, chosen, strict=True)})


def _missing_producer_message(
    step: Unwired[Mark], ports: Sequence[Port], available: int, earlier: Sequence[Unwired[Mark]]
) -> str:
    value_type = VALUE_TYPES[ports[0].value_type]
    needs = f"an earlier step that outputs {value_type} ({ports[0].name}: {ports[0]})"
    if len(ports) > 1:
        needs = f"{len(ports)} earlier steps that output {value_type} ({', '.join(port.name for port in ports)})"
    outputs = ", ".join(f"{candidate.id} outputs {VALUE_TYPES[candidate.ports.output]}" for candidate in earlier)
    count = f"only {available} available; " if available else ""
    return f"step {step.id!r} needs {needs}; {count}{outputs or 'it is the first step'}"


def _fans_out(
    step: Unwired[Mark],
    wires: Mapping[str, tuple[str, ...]],
    list_of_step: dict[str, str],
    problems: list[tuple[Mark, str]],
) -> bool:
    """Return whether a step runs once per segment, and record the list to which its results belong."""
    feeding = [producer for port in step.ports.inputs if not port.gathers for producer in wires.get(port.name, ())]
    lists = {list_of_step[producer]: None for producer in feeding if producer in list_of_step}
    if len(lists) > 1:
        problems.append((step.mark, f"step {step.id!r} mixes the segments of different steps: {', '.join(lists)}"))
    if lists and step.ports.fans_out:
        problems.append((step.mark, f"step {step.id!r} makes a list of lists, which is not supported"))
    if lists:
        list_of_step[step.id] = next(iter(lists))
    elif step.ports.fans_out:
        list_of_step[step.id] = step.id
    return bool(lists)


def order(feeds: Mapping[str, AbstractSet[str]]) -> tuple[str, ...]:
    """Order step IDs so that each comes after the steps that feed it; `feeds` maps a step to those.

    Raises:
        PresetError: the steps form a cycle.
    """
    try:
        return tuple(TopologicalSorter(feeds).static_order())
    except CycleError as error:
        names = " → ".join(error.args[1])
        raise PresetError(f"the steps form a cycle: {names}") from None
