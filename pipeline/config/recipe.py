"""A preset as it is written: its inputs and its steps, before anything is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core.suggest import one_of
from ..located_yaml.located import Problems, Tree, shown
from .graph import Source
from .input_kinds import INPUT_KINDS

PRESET_KEYS = ("name", "about", "inputs", "steps")
INPUT_KEYS = ("kind", "about", "default", "choices")
RESERVED = ("preset", "on_failure", "name", "about", "inputs", "steps")


@dataclass(frozen=True)
class Input:
    """What a job fills in."""

    name: str
    kind: str
    about: str
    tree: Tree
    default: Tree | None = None
    """None where a value must be given; a default of `null` leaves it open."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawStep:
    """One step as it is written; `params` is always a mapping."""

    id: str
    node: str
    tree: Tree
    params: Tree
    sources: tuple[Source[Tree], ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A preset as it is written."""

    name: str
    about: str
    inputs: Mapping[str, Input]
    steps: tuple[RawStep, ...]


def read_recipe(tree: Tree, name: str, problems: Problems) -> Recipe:
    """Read a preset; `name` is what it is called where it does not say."""
    known_keys(tree, PRESET_KEYS, problems)
    return Recipe(
        name=_text(tree, "name", problems) or name,
        about=_text(tree, "about", problems),
        inputs=_inputs(tree, problems),
        steps=_steps(tree, problems),
    )


def known_keys(tree: Tree, allowed: tuple[str, ...], problems: Problems) -> None:
    """Complain about every key of a mapping that is not allowed."""
    for key in tree.members:
        if key not in allowed:
            problems.on(tree.key_place(key), (*tree.path, key), f"unknown key: {one_of(key, allowed)}")


def _text(tree: Tree, key: str, problems: Problems) -> str:
    child = tree.members.get(key)
    if child is None or child.value is None:
        return ""
    if not isinstance(child.value, str):
        problems.at(child, f"expected text, not {shown(child.plain)}")
        return ""
    return child.value


def _inputs(tree: Tree, problems: Problems) -> dict[str, Input]:
    inputs = tree.members.get("inputs")
    if inputs is None or inputs.value is None:
        return {}
    if not isinstance(inputs.value, Mapping):
        problems.at(inputs, f"expected a mapping of input names, not {shown(inputs.plain)}")
        return {}
    found = {}
    for name, spec in inputs.members.items():
        if name in RESERVED:
            problems.on(inputs.key_place(name), spec.path, f"an input cannot be called {name!r}; a job uses that word")
        elif not name.isidentifier() or not name.isascii():
            problems.on(inputs.key_place(name), spec.path, "an input's name is made of letters, digits and _")
        elif not isinstance(spec.value, Mapping):
            problems.at(spec, f"expected a mapping such as {{kind: media}}, not {shown(spec.plain)}")
        else:
            found[name] = _input(name, spec, inputs, problems)
    return found


def _input(name: str, spec: Tree, inputs: Tree, problems: Problems) -> Input:
    known_keys(spec, INPUT_KEYS, problems)
    kind = spec.members.get("kind")
    if kind is None:
        problems.on(inputs.key_place(name), (*spec.path, "kind"), f"is missing: one of {', '.join(INPUT_KINDS)}")
    elif kind.value not in INPUT_KINDS:
        problems.at(kind, one_of(str(kind.plain), INPUT_KINDS))
    choices = spec.members.get("choices")
    words = tuple(_word(choice) for choice in choices.entries) if choices else ()
    if kind is not None and kind.value == "choice" and not words:
        problems.at(choices or spec, "a choice needs `choices`, a list of what can be chosen")
    known = str(kind.value) if kind is not None and kind.value in INPUT_KINDS else ""
    return Input(name, known, _text(spec, "about", problems), spec, spec.members.get("default"), words)


def _word(tree: Tree) -> str:
    return shown(tree.value) if isinstance(tree.value, bool) else str(tree.plain)


def _steps(tree: Tree, problems: Problems) -> tuple[RawStep, ...]:
    steps = tree.members.get("steps")
    if steps is None:
        problems.on(tree.place, ("steps",), "is missing: the list of nodes to run, in order")
        return ()
    if not steps.entries:
        message = "there are no steps" if steps.value in ((), None) else f"expected a list, not {shown(steps.plain)}"
        problems.at(steps, message)
        return ()
    found = [step for entry in steps.entries if (step := _step(entry, problems)) is not None]
    _distinct(found, problems)
    return tuple(found)


def _step(entry: Tree, problems: Problems) -> RawStep | None:
    if isinstance(entry.value, str):
        return RawStep(entry.value, entry.value, entry, entry.with_value({}))
    if len(entry.members) != 1:
        problems.at(entry, _not_a_step(entry))
        return None
    ((node, body),) = entry.members.items()
    if body.value is not None and not isinstance(body.value, Mapping):
        problems.at(body, f"expected the parameters of {node} as a mapping, not {shown(body.plain)}")
        return None
    members = dict(body.members)
    named, sources = members.pop("id", None), members.pop("from", None)
    params = Tree(members, body.place if members else entry.key_place(node), body.path, body.keys, body.size)
    step_id = node
    if named is not None:
        if isinstance(named.value, str) and named.value:
            step_id = named.value
        else:
            problems.at(named, f"expected a name for the step, not {shown(named.plain)}")
    return RawStep(step_id, node, entry, params, _sources(sources, problems) if sources else ())


def _not_a_step(entry: Tree) -> str:
    if len(entry.members) > 1:
        first = next(iter(entry.members))
        if {"id", "from"} & set(entry.members):
            return f"`id` and `from` belong inside the node's mapping, such as {first}: {{id: …}}"
        return f"one step is one node, found {', '.join(entry.members)}; begin each with its own dash"
    return f"expected a node, such as `- trim: {{…}}`, not {shown(entry.plain)}"


def _sources(tree: Tree, problems: Problems) -> tuple[Source[Tree], ...]:
    """Read `from`: a step, a list of steps, or a mapping of inputs to either."""
    if isinstance(tree.value, Mapping):
        return tuple(one for port, child in tree.members.items() for one in _named(child, port, problems))
    return tuple(_named(tree, "", problems))


def _named(tree: Tree, port: str, problems: Problems) -> list[Source[Tree]]:
    found = []
    for entry in tree.entries if isinstance(tree.value, tuple) else (tree,):
        if isinstance(entry.value, str):
            found.append(Source(entry.value, entry, port))
        else:
            problems.at(entry, f"expected the id of a step above, not {shown(entry.plain)}")
    return found


def _distinct(steps: list[RawStep], problems: Problems) -> None:
    first: dict[str, RawStep] = {}
    for step in steps:
        if step.id in first:
            where = first[step.id].tree.place
            message = f"two steps are called {step.id!r}, the first in line {where.line}; give this one an `id:`"
            problems.at(step.tree, message)
        first.setdefault(step.id, step)
