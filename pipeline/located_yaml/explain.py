"""Validate YAML against pydantic models, and report each error at its line, in the terms of the preset.

A value is also walked along the pydantic model that it will become: its fields, and which of them are paths.
"""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ..core.errors import PresetError, not_one_of, shorten
from ..core.file import Deliver, Ingest, LocalOnly
from ..core.settings import path_in
from .located import Located, Problems, describe, parse_yaml

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+://")


def is_url(text: str) -> bool:
    """Return whether a text is a URL (`https://…`), not a path; one letter before the colon is a drive."""
    return _SCHEME.match(text) is not None


def accepted_keys(model: Any) -> tuple[str, ...]:
    """Return the keys that a model accepts: each field's documented name, then all aliases."""
    fields: Mapping[str, FieldInfo] = getattr(model, "model_fields", {})
    preferred, alternatives = [], []
    for name, field in fields.items():
        names = _aliases(name, field)
        preferred.append(names[0])
        alternatives += names[1:]
    return (*preferred, *alternatives)


def type_at(hint: Any, loc: tuple[int | str, ...]) -> Any:
    """Return the type at a pydantic error location inside a type, or None."""
    for part in loc:
        inner_type, _ = _unwrap(hint)
        if isinstance(part, int):
            arguments = typing.get_args(inner_type)
            hint = arguments[0] if arguments else None
        elif (field := _field(inner_type, part)) is not None:
            hint = _annotation(field)
        elif typing.get_origin(inner_type) is dict:
            hint = typing.get_args(inner_type)[1]
        else:
            return None
    return _unwrap(hint)[0]


def make_paths_absolute(tree: Located, hint: Any, problems: Problems) -> Located:
    """Make absolute the paths that a type marks as files; each starts from the folder of the file it is written in."""
    inner_type, marks = _unwrap(hint)
    if any(isinstance(mark, (Ingest, Deliver, LocalOnly)) for mark in marks):
        return _absolute_path(tree, problems)
    if isinstance(tree.value, Mapping):
        return tree.with_value(
            {key: make_paths_absolute(child, _member(inner_type, key), problems) for key, child in tree.members.items()}
        )
    if isinstance(tree.value, tuple) and typing.get_args(inner_type):
        inner = typing.get_args(inner_type)[0]
        return tree.with_value(tuple(make_paths_absolute(child, inner, problems) for child in tree.entries))
    return tree


def _absolute_path(tree: Located, problems: Problems) -> Located:
    text = tree.value
    if text is None or tree.invalid:
        return tree
    if not isinstance(text, str):
        problems.add(tree, f"expected a file or a URL as text, not {describe(tree.plain)}")
    elif not text or "\0" in text:
        problems.add(tree, "a path cannot be empty" if not text else "a path cannot contain the character NUL")
    elif not _is_encodable(text):
        problems.add(tree, "a path cannot contain an unpaired surrogate")
    elif not is_url(text):
        return tree.with_value(str(path_in(tree.location.folder, text)))
    elif not _is_splittable(text):
        problems.add(tree, f"{shorten(repr(text))} is not a valid URL")
    else:
        return tree
    return replace(tree, invalid=True)


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _is_splittable(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _member(inner_type: Any, key: str) -> Any:
    field = _field(inner_type, key)
    if field is not None:
        return _annotation(field)
    arguments = typing.get_args(inner_type)
    return arguments[1] if typing.get_origin(inner_type) is dict and len(arguments) == 2 else None


def _field(model: Any, key: str) -> FieldInfo | None:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return next((field for name, field in model.model_fields.items() if key in (name, *_aliases(name, field))), None)


def _aliases(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [choice for choice in field.validation_alias.choices if isinstance(choice, str)]
    return [field.alias or name]


def _annotation(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Remove `Annotated` and `| None`; return the type and its annotations."""
    marks: tuple[Any, ...] = ()
    while True:
        if typing.get_origin(hint) is Annotated:
            hint, *more = typing.get_args(hint)
            marks = (*marks, *more)
            continue
        if typing.get_origin(hint) in (Union, types.UnionType):
            rest = [part for part in typing.get_args(hint) if part is not type(None)]
            if len(rest) == 1:
                hint = rest[0]
                continue
        return hint, marks


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
