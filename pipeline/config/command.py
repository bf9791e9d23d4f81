"""What the command line says about a job, as values whose place is the option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.edit import Edit
from ..core.times import FORMS
from ..located_yaml.located import Place, Problems, Tree, grown
from ..located_yaml.parse import read_tree
from .input_kinds import VERBATIM
from .recipe import Recipe

_TIME = r"\d{1,2}:\d\d:\d\d[:;]\d{2,3}|\d{1,3}:\d\d:\d\d(?:\.\d+)?|\d+f|\d+(?:\.\d+)?"
_EDIT = re.compile(rf"({_TIME})-({_TIME}):([A-Za-z_]+)(?::([^:]+))?")
EDIT_FORM = "IN-OUT:PROMPT[:TEMPERATURE], such as 12.4-15.8:happy:0.7"


def given(
    sets: Mapping[str, str],
    edits: Sequence[str | Edit],
    edits_file: str | None,
    out: str | None,
    recipe: Recipe,
    base: Path,
    problems: Problems,
) -> dict[str, Tree]:
    """Give the values that the command line sets, by input name."""
    values = {name: _set(name, text, recipe, base, problems) for name, text in sets.items()}
    if edits:
        values[_edits_input(recipe)] = _edits(edits, base, problems)
    if edits_file is not None:
        place = Place("--edits", base)
        if edits:
            problems.on(place, (), "there are edits by --edit, too; give one of the two")
        values[_edits_input(recipe)] = Tree(edits_file, place)
    if out is not None:
        values["out"] = Tree(out, Place("--out", base))
    return values


def _edits_input(recipe: Recipe) -> str:
    return next((one.name for one in recipe.inputs.values() if one.kind == "edits"), "edits")


def _set(name: str, text: str, recipe: Recipe, base: Path, problems: Problems) -> Tree:
    place = Place(f"--set {name}", base)
    known = recipe.inputs.get(name)
    if known is None or known.kind in VERBATIM:
        return Tree(text, place)
    found = Problems()
    tree = read_tree(text.encode("utf-8", "surrogateescape"), place.file, base, found)
    for problem in found:
        problems.on(place, (problem.path,) if problem.path else (), problem.message)
    return grown(tree.plain, place) if tree and not found else Tree(None, place, void=True)


def _edits(edits: Sequence[str | Edit], base: Path, problems: Problems) -> Tree:
    entries = []
    for edit in edits:
        told = edit if isinstance(edit, str) else ""
        place = Place(f"--edit {told}".rstrip(), base)
        entry = (
            read_edit(edit) if isinstance(edit, str) else edit.model_dump(mode="json", by_alias=True, exclude_none=True)
        )
        if entry is None:
            problems.on(place, (), f"expected {EDIT_FORM}; a time is {FORMS}")
        else:
            entries.append(grown(entry, place))
    return Tree(tuple(entries), Place("--edit", base), void=not entries)


def read_edit(text: str) -> dict[str, str] | None:
    """Read `IN-OUT:PROMPT[:TEMPERATURE]`; None where it is not of that form."""
    match = _EDIT.fullmatch(text.strip())
    if match is None:
        return None
    start, end, prompt, temperature = match.groups()
    found = {"in": start, "out": end, "prompt": prompt}
    return found if temperature is None else {**found, "temperature": temperature}


def with_provider(tree: Tree, provider: str, base: Path, step: str, problems: Problems) -> Tree:
    """Set a step's `provider` to what the command line says; a preset that names its host keeps it.

    A preset that is always local must not send anything because of an option.
    """
    place, pinned = Place("--provider", base), tree.members.get("provider")
    if pinned is not None and pinned.plain not in ("auto", provider):
        if provider != "auto":
            problems.on(
                place, (), f"step {step} always uses {pinned.plain!r}; leave the option out, or use another preset"
            )
        return tree
    put = Tree(provider, place)
    return replace(tree, value={**tree.members, "provider": put})
