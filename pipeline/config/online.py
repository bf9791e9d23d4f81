"""`--online FOLDER`: the same job on the camera originals, with the takes that were made from the proxies.

After the step that makes takes come two more: `relink` gives the original instead of the proxy, and `online` places
each take on it. What was made and paid for is keyed by the proxy, so it is found again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from ..core.errors import InputMediaError
from ..located_yaml.located import Place, Problems, Tree, grown
from ..located_yaml.model_walk import is_address
from .recipe import RawStep, Recipe

MAKES_TAKES = "react1"


def on_originals(
    recipe: Recipe, inputs: Mapping[str, Tree], given: Collection[str], folder: Path, problems: Problems
) -> tuple[Recipe, Mapping[str, Tree]]:
    """Give the recipe with the two steps, for the original that is found for the input `source`.

    A film that the user has not named (`given`) is called after the original, whose container it gets.
    """
    place = Place("--online", folder.parent)
    source = inputs.get("source")
    at = next((number for number, step in enumerate(recipe.steps) if step.node == MAKES_TAKES), None)
    if at is None:
        problems.on(place, (), f"{recipe.name} has no step {MAKES_TAKES}, whose takes would go onto the originals")
        return recipe, inputs
    if source is None or not isinstance(source.value, str) or is_address(source.value):
        problems.on(place, (), "the proxy is not a file here, so that its original cannot be told; fetch it first")
        return recipe, inputs
    from ..interchange.turnover.originals import find_original
    from ..interchange.turnover.same_pictures import check_pair

    try:
        original = find_original(Path(source.value), folder)
        check_pair(Path(source.value), original)
    except InputMediaError as error:
        problems.on(place, (), str(error))
        return recipe, inputs
    if "out" in inputs and "out" not in given:
        named = Path(source.value).with_name(f"{original.stem}.react1{original.suffix}")
        inputs = {**inputs, "out": inputs["out"].with_value(str(named))}
    return replace(recipe, steps=_with_steps(recipe.steps, at, original, place)), inputs


def _with_steps(steps: tuple[RawStep, ...], at: int, original: Path, place: Place) -> tuple[RawStep, ...]:
    params, nothing = grown({"original": str(original)}, place), grown({}, place)
    added = (RawStep("relink", "relink", params, params), RawStep("online", "online", nothing, nothing))
    after = []
    for step in steps[at + 1 :]:
        if step.node == "timeline":
            members = {**step.params.members, "source": grown(str(original), place)}
            step = replace(step, params=replace(step.params, value=members))  # noqa: PLW2901
        after.append(step)
    return (*steps[: at + 1], *added, *after)
