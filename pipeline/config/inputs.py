"""Fill the inputs of a preset: from the command line, the job, or the default.

Names made of other names: `{source.stem}.react1{source.suffix}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..core.suggest import none_called, one_of
from ..located_yaml.explain import check
from ..located_yaml.located import Place, Problems, Tree, shown
from ..located_yaml.model_walk import absolute, is_address
from .edit_lists import Lists, edits_of, is_list
from .input_kinds import INPUT_KINDS
from .recipe import Input, Recipe
from .sidecar import look_beside
from .time_spans import check_edits

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


PARTS = ("stem", "suffix", "name", "parent")
_WORD = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+))?\}")
_UNSAFE = re.compile(r"[^\w.-]+")


def fill_template(tree: Tree, inputs: Mapping[str, Tree], base: Path, problems: Problems) -> str | None:
    """Fill in a text's `{input.part}`; other braces stay. None where it cannot be filled.

    Args:
        tree: the text.
        inputs: the values of the inputs that are known so far.
        base: what `parent` means for an address.
        problems: where complaints go.
    """
    whole = True

    def value(match: re.Match[str]) -> str:
        nonlocal whole
        name, part = match.groups()
        if part is None and name not in inputs:
            return match[0]
        if name not in inputs or part not in PARTS:
            wrong = one_of(name, inputs) if name not in inputs else one_of(part or "", PARTS)
            problems.at(tree, f"{match[0]}: {wrong}; write {{INPUT.PART}}")
            whole = False
            return ""
        source = inputs[name]
        if source.void or not isinstance(source.value, str):
            if not source.void:
                problems.at(tree, f"{match[0]}: the input {name!r} is no file")
            whole = False
            return ""
        return parts_of(source.value, base)[part]

    text = _WORD.sub(value, str(tree.value))
    return text if whole else None


def parts_of(source: str, base: Path) -> dict[str, str]:
    """Take a path or an address apart; an address without a usable name is called `video.mp4`."""
    if is_address(source):
        path = Path(base / (_UNSAFE.sub("_", Path(unquote(urlsplit(source).path)).name) or "video"))
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{1,4}", path.suffix) else ".mp4"
        stem = path.name.removesuffix(suffix).strip(".-") or "video"
    else:
        path = Path(source)
        stem, suffix = path.stem, path.suffix
    return {"stem": stem, "suffix": suffix, "name": stem + suffix, "parent": str(path.parent)}
