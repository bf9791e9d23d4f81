"""Walk a value along the pydantic model that it will become: its fields, and which of them are paths."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Union

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from ..core.file import Deliver, Ingest, LocalOnly
from .located import Located, Problems, describe

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
    elif not is_url(text):
        return tree.with_value(str(tree.location.folder / Path(text)))
    return tree


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
