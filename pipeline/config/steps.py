"""Raw steps → checked and connected ones.

Put the values of inputs where a step says `$name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..core.edit import Edit
from ..core.errors import PresetError
from ..core.json_value import Json
from ..core.node import Params
from ..core.registry import NodeInfo, Registry
from ..core.suggest import none_called
from ..located_yaml.explain import check
from ..located_yaml.located import Problems, Tree
from ..located_yaml.model_walk import absolute, at
from .command import with_provider
from .document_model import Step
from .graph import Unwired, wire
from .recipe import RawStep, Recipe
from .time_spans import check_edits


def build_steps(
    recipe: Recipe,
    inputs: Mapping[str, Tree],
    registry: Registry,
    provider: str | None,
    base: Path,
    problems: Problems,
) -> tuple[tuple[Step, ...], dict[str, Json]]:
    """Check and connect all steps; give them, and the parameters of each as they were written out, by step id."""
    known = [(raw, info) for raw in recipe.steps if (info := _info(raw, registry, problems)) is not None]
    checked: dict[str, tuple[NodeInfo, Params]] = {}
    plain: dict[str, Json] = {}
    for raw, info in known:
        tree = _params_tree(raw, info, inputs, provider, base, problems)
        params = check(info.ports.params, tree, problems)
        if isinstance(params, Params):
            checked[raw.id], plain[raw.id] = (info, params), tree.plain
    if len(known) < len(recipe.steps):
        return (), plain
    wiring = wire([Unwired(raw.id, info.name, info.ports, raw.tree, raw.sources) for raw, info in known])
    for tree, message in wiring.problems:
        problems.at(tree, message)
    wired = {one.id: one for one in wiring.steps}
    steps = tuple(
        Step(step_id, info, params, wired[step_id].wires, wired[step_id].fanned)
        for step_id, (info, params) in checked.items()
    )
    return steps, plain


def _info(raw: RawStep, registry: Registry, problems: Problems) -> NodeInfo | None:
    try:
        return registry.get(raw.node)
    except PresetError as unknown:
        place = raw.tree.key_place(raw.node)
        problems.on(place, raw.tree.path, unknown.problems[0].message)
        return None


def _params_tree(
    raw: RawStep, info: NodeInfo, inputs: Mapping[str, Tree], provider: str | None, base: Path, problems: Problems
) -> Tree:
    model = info.ports.params
    tree = substitute(raw.params, inputs, problems)
    if provider is not None and "provider" in model.model_fields:
        tree = with_provider(tree, provider, base, raw.id, problems)
    tree = absolute(tree, model, problems)
    for key, child in tree.members.items():
        if at(model, (key, 0)) is Edit:
            check_edits(child, problems)
    return tree


_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)")


def substitute(tree: Tree, inputs: Mapping[str, Tree], problems: Problems) -> Tree:
    """Replace every whole value `$name`; `$$` begins a text with one dollar. Values are never looked into again.

    A key whose input is left open goes away, so that the node's own default holds.
    """
    if isinstance(tree.value, Mapping):
        members = {}
        for key, child in tree.members.items():
            put = substitute(child, inputs, problems)
            if not (put is not child and put.value is None and not put.void):
                members[key] = put
        return tree.with_value(members)
    if isinstance(tree.value, tuple):
        return tree.with_value(tuple(substitute(child, inputs, problems) for child in tree.entries))
    if not isinstance(tree.value, str) or not tree.value.startswith("$"):
        return tree
    return _reference(tree, tree.value, inputs, problems)


def _reference(tree: Tree, text: str, inputs: Mapping[str, Tree], problems: Problems) -> Tree:
    if text.startswith("$$"):
        return tree.with_value(text[1:])
    match = _REFERENCE.fullmatch(text)
    if match is None:
        problems.at(tree, f"{text!r} mixes an input with text; only a whole value can be $name ($$ is a plain dollar)")
        return Tree(None, tree.place, tree.path, void=True)
    if match[1] not in inputs:
        problems.at(tree, f"no input ${match[1]}; {none_called(match[1], inputs)}")
        return Tree(None, tree.place, tree.path, void=True)
    return inputs[match[1]]
