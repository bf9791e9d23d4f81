"""Validate YAML against pydantic models, and report each error at its line, in the terms of the preset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..core.errors import PresetError
from ..core.suggest import not_one_of
from .located import Located, Problems, describe
from .model_walk import accepted_keys, type_at
from .parse import parse_yaml

Model = TypeVar("Model", bound=BaseModel)

TYPE_NAMES = {
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


def validate(hint: Any, tree: Located, problems: Problems) -> Any:
    """Validate a value as a type; return the result, or None if it is invalid.

    Args:
        hint: a pydantic model or an annotation.
        tree: the value; problems with members that are already marked invalid are dropped.
        problems: gets the errors.
    """
    try:
        if hasattr(hint, "model_validate"):
            return hint.model_validate(tree.plain)
        return TypeAdapter(hint).validate_python(tree.plain)
    except ValidationError as failure:
        _report_errors(failure, hint, tree, problems)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        problems.add(tree, f"{describe(tree.plain)} cannot be used: {error}")
    return None


def read_yaml(path: Path, model: type[Model], label: str) -> Model:
    """Read a small YAML file as one model; `label` is its name in messages, such as `the price list`.

    Raises:
        PresetError: the file cannot be read or is invalid; every problem has its line.
    """
    problems = Problems()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PresetError(f"{label} {path} cannot be read: {error.strerror or error}") from error
    tree = parse_yaml(data, str(path), path.parent.absolute(), problems)
    content = validate(model, tree, problems) if tree is not None else None
    problems.raise_if_any()
    if not isinstance(content, model):
        raise PresetError(f"{label} {path} is empty; it needs {', '.join(model.model_fields)}")
    return content


def _report_errors(failure: ValidationError, hint: Any, tree: Located, problems: Problems) -> None:
    mismatches: dict[int, tuple[Located, dict[str, None]]] = {}
    for error in failure.errors(include_url=False):
        value, rest = resolve(tree, error["loc"])
        if error["type"] == "extra_forbidden" and not rest:
            _unknown_key(error["loc"], hint, tree, problems)
        elif error["type"] == "missing" and len(rest) == 1:
            key = _written_key(type_at(hint, error["loc"][:-1]), str(rest[0]))
            problems.add_at(value.location, (*value.path, key), _missing(type_at(hint, error["loc"][:-1]), key))
        elif not problems.covers(value):
            mismatches.setdefault(id(value), (value, {}))[1][_expected(error, value)] = None
    for value, expectations in mismatches.values():
        problems.add(value, _join(list(expectations), value))


def resolve(tree: Located, loc: tuple[int | str, ...]) -> tuple[Located, tuple[int | str, ...]]:
    """Follow a pydantic error location as far as it exists; return the value there and the rest of the location."""
    for depth, part in enumerate(loc):
        if isinstance(part, str) and part in tree.members:
            tree = tree.members[part]
        elif isinstance(part, int) and part < len(tree.entries):
            tree = tree.entries[part]
        else:
            return tree, loc[depth:]
    return tree, ()


def _unknown_key(loc: tuple[int | str, ...], hint: Any, tree: Located, problems: Problems) -> None:
    parent, _ = resolve(tree, loc[:-1])
    key = str(loc[-1])
    allowed = accepted_keys(type_at(hint, loc[:-1]))
    message = f"unknown key: {not_one_of(key, allowed)}"
    if key in allowed:
        message = "another key of this mapping sets the same value; keep one of them"
    problems.add_at(parent.key_location(key), (*parent.path, key), message)


def _written_key(model: Any, name: str) -> str:
    """Return the key under which a field is written."""
    field = getattr(model, "model_fields", {}).get(name)
    return str(field.alias) if field is not None and field.alias else name


def _missing(model: Any, key: str) -> str:
    fields: Mapping[str, Any] = getattr(model, "model_fields", {})
    for name, field in fields.items():
        if key in (name, field.alias) and field.description:
            return f"is missing ({field.description})"
    return "is missing"


def _expected(error: Any, value: Located) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in TYPE_NAMES:
        return f"expected {TYPE_NAMES[kind]}"
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        bound = context[name]
        return f"expected {words} {bound:g}" if isinstance(bound, float) else f"expected {words} {bound}"
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
        word = value.value
        return not_one_of(word, choices) if isinstance(word, str) else f"expected {', '.join(choices)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"expected text of the form {context['pattern']}"
    return str(error["msg"])


def _join(expectations: list[str], value: Located) -> str:
    """Join what the branches of a union expected into one sentence."""
    expected = [text.removeprefix("expected ") for text in expectations if text.startswith("expected ")]
    if len(expected) < len(expectations):
        return "; ".join(text for text in expectations if not text.startswith("expected "))
    return f"expected {' or '.join(expected)}, not {describe(value.plain)}"
