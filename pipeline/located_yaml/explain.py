"""What pydantic found, said in the words of the preset, at the place where it was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..core.errors import PresetError
from ..core.suggest import one_of
from .located import Problems, Tree, shown
from .model_walk import accepted, at
from .parse import read_tree

Model = TypeVar("Model", bound=BaseModel)

EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "none_required": "nothing",
}
BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
    "multiple_of": ("multiple_of", "a multiple of"),
}


def check(hint: Any, tree: Tree, problems: Problems) -> Any:
    """Validate a tree as a type, and give the value, or None where something is wrong.

    Args:
        hint: a pydantic model or an annotation.
        tree: the value, its places, and, for members of the value that are void, silence.
        problems: where complaints go.
    """
    try:
        if hasattr(hint, "model_validate"):
            return hint.model_validate(tree.plain)
        return TypeAdapter(hint).validate_python(tree.plain)
    except ValidationError as found:
        _tell(found, hint, tree, problems)
    except (ValueError, TypeError, RecursionError, OverflowError) as wrong:
        problems.at(tree, f"{shown(tree.plain)} cannot be used: {wrong}")
    return None


def read_yaml(path: Path, model: type[Model], called: str) -> Model:
    """Read a small YAML file of the user's as one model; `called` is how messages name it.

    Raises:
        PresetError: it cannot be read; every mistake with its line.
    """
    problems = Problems()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PresetError(f"{called} {path} cannot be read: {error.strerror or error}") from error
    tree = read_tree(data, str(path), path.parent.absolute(), problems)
    found = check(model, tree, problems) if tree is not None else None
    problems.stop()
    if not isinstance(found, model):
        raise PresetError(f"{called} {path} holds nothing; it needs {', '.join(model.model_fields)}")
    return found


def _tell(found: ValidationError, hint: Any, tree: Tree, problems: Problems) -> None:
    wrong_types: dict[int, tuple[Tree, dict[str, None]]] = {}
    for error in found.errors(include_url=False):
        spot, rest = locate(tree, error["loc"])
        if error["type"] == "extra_forbidden" and not rest:
            _unknown_key(error["loc"], hint, tree, problems)
        elif error["type"] == "missing" and len(rest) == 1:
            key = _spelt(at(hint, error["loc"][:-1]), str(rest[0]))
            problems.on(spot.place, (*spot.path, key), _missing(at(hint, error["loc"][:-1]), key))
        elif not problems.told(spot):
            wrong_types.setdefault(id(spot), (spot, {}))[1][_expected(error, spot)] = None
    for spot, wanted in wrong_types.values():
        problems.at(spot, _joined(list(wanted), spot))


def locate(tree: Tree, loc: tuple[int | str, ...]) -> tuple[Tree, tuple[int | str, ...]]:
    """Walk down as far as the location goes in the tree; give where it ends and what is left of it."""
    for depth, part in enumerate(loc):
        if isinstance(part, str) and part in tree.members:
            tree = tree.members[part]
        elif isinstance(part, int) and part < len(tree.entries):
            tree = tree.entries[part]
        else:
            return tree, loc[depth:]
    return tree, ()


def _unknown_key(loc: tuple[int | str, ...], hint: Any, tree: Tree, problems: Problems) -> None:
    parent, _ = locate(tree, loc[:-1])
    key = str(loc[-1])
    allowed = accepted(at(hint, loc[:-1]))
    message = f"unknown key: {one_of(key, allowed)}"
    if key in allowed:
        message = "says the same as another key of this mapping; keep one of them"
    problems.on(parent.key_place(key), (*parent.path, key), message)


def _spelt(model: Any, name: str) -> str:
    """Give the key by which a field is written."""
    field = getattr(model, "model_fields", {}).get(name)
    return str(field.alias) if field is not None and field.alias else name


def _missing(model: Any, key: str) -> str:
    fields: Mapping[str, Any] = getattr(model, "model_fields", {})
    for name, field in fields.items():
        if key in (name, field.alias) and field.description:
            return f"is missing ({field.description})"
    return "is missing"


def _expected(error: Any, spot: Tree) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in EXPECTED:
        return f"expected {EXPECTED[kind]}"
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        bound = context[name]
        return f"expected {words} {bound:g}" if isinstance(bound, float) else f"expected {words} {bound}"
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
        value = spot.value
        return one_of(value, choices) if isinstance(value, str) else f"expected {', '.join(choices)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"expected text of the form {context['pattern']}"
    return str(error["msg"])


def _joined(wanted: list[str], spot: Tree) -> str:
    """Make one sentence of what several branches of a type expected."""
    expected = [text.removeprefix("expected ") for text in wanted if text.startswith("expected ")]
    if len(expected) < len(wanted):
        return "; ".join(text for text in wanted if not text.startswith("expected "))
    return f"expected {' or '.join(expected)}, not {shown(spot.plain)}"
