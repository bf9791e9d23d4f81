"""Raw steps → checked and connected ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..edit import Edit
from ..errors import PresetError
from ..graph.wire import Unwired, wire
from ..node import Params
from ..registry import NodeInfo, Registry
from .command import with_provider
from .explain import check
from .model import Json, Step
from .recipe import RawStep, Recipe
from .shape import absolute, at
from .spans import check_edits
from .substitute import substitute
from .tree import Problems, Tree


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
