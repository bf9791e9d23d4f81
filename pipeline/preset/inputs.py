"""Fill the inputs of a preset: from the command line, the job, or the default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..suggest import none_called, one_of
from .beside import look_beside
from .explain import check
from .kinds import INPUT_KINDS
from .lists import Lists, edits_of, is_list
from .recipe import Input, Recipe
from .shape import absolute, is_address
from .spans import check_edits
from .template import fill_template
from .tree import Place, Problems, Tree, shown

_TURNS = {"edits": 1, "path": 2}
"""A list of edits is read for the film, and a path may be made of other inputs, so that these come first."""


def fill(
    recipe: Recipe, given: Mapping[str, Tree], base: Path, asks: Place, lists: Lists, problems: Problems
) -> dict[str, Tree]:
    """Give every input its value, with absolute paths; what has no usable one is void.

    Args:
        recipe: the preset.
        given: the values by input name; each remembers where it was written.
        base: where a run starts from, for results of sources that have no folder.
        asks: where an input that is missing would be given.
        lists: gets what was read beside the job.
        problems: where complaints go.
    """
    for name, tree in given.items():
        if name not in recipe.inputs:
            message = f"{recipe.name} has no input {name!r}; {none_called(name, recipe.inputs)}"
            problems.on(tree.place, tree.path, message)
    filled: dict[str, Tree] = {}
    for turn in range(3):
        for one in recipe.inputs.values():
            if _TURNS.get(one.kind, 0) != turn:
                continue
            value = given.get(one.name) or one.default
            if value is None:
                problems.on(asks, (one.name,), _missing(one))
                value = _void(one)
            elif one.kind == "path":
                value = _out_path(value, filled, base, problems, default=one.name not in given)
            filled[one.name] = _value(one, _read(one, value, filled, lists, problems), problems)
            if one.kind == "edits":
                filled |= look_beside(filled, given, one.name, lists, problems)
    return {name: filled[name] for name in recipe.inputs}


def _read(one: Input, tree: Tree, filled: Mapping[str, Tree], lists: Lists, problems: Problems) -> Tree:
    """Read the file that stands for edits, and spell a timeline that is a mere path."""
    if one.kind == "edits" and is_list(tree):
        return edits_of(tree, filled, lists, problems)
    if one.kind == "timeline" and isinstance(tree.value, str):
        return tree.with_value({"file": tree})
    return tree


def _value(one: Input, tree: Tree, problems: Problems) -> Tree:
    if not one.kind or tree.void:
        return _void(one)
    if tree.value is None and one.default is not None and one.default.value is None:
        return tree
    before = len(problems)
    tree = absolute(tree, INPUT_KINDS[one.kind], problems)
    _check(one, tree, problems)
    return tree if len(problems) == before else _void(one)


def _void(one: Input) -> Tree:
    return Tree(None, one.tree.place, (one.name,), void=True)


def _missing(one: Input) -> str:
    about = f" ({one.about})" if one.about else ""
    return f"this input{about} is missing: give it in a job as `{one.name}: …`, or with {_option(one)}"


def _option(one: Input) -> str:
    if one.kind == "edits":
        return "--edit IN-OUT:PROMPT"
    return "--out FILE" if one.name == "out" else f"--set {one.name}=…"


def _check(one: Input, tree: Tree, problems: Problems) -> None:
    if one.kind == "choice":
        word = shown(tree.value) if isinstance(tree.value, bool) else str(tree.plain)
        if word not in one.choices:
            problems.at(tree, one_of(word, one.choices))
        return
    check(INPUT_KINDS[one.kind], tree, problems)
    if one.kind == "edits":
        if tree.value == () and not problems.told(tree):
            problems.at(tree, "there are no edits; an edit looks like {in: 12.4, out: 15.8, prompt: happy}")
        check_edits(tree, problems)


def _out_path(tree: Tree, filled: Mapping[str, Tree], base: Path, problems: Problems, *, default: bool) -> Tree:
    """Fill in a path's template; a default lies beside the source, or in the current folder for an address."""
    if not isinstance(tree.value, str):
        return tree
    text = fill_template(tree, filled, base, problems)
    if text is None:
        return Tree(None, tree.place, tree.path, void=True)
    folder = _source_folder(filled, base) if default else tree.place.folder
    return tree.with_value(str(folder / text)) if text else tree.with_value(text)


def _source_folder(filled: Mapping[str, Tree], base: Path) -> Path:
    source = filled.get("source")
    if source is None or not isinstance(source.value, str) or is_address(source.value):
        return base
    return Path(source.value).parent
