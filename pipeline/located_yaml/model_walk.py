"""Walk a tree along the type that it is to become: which fields there are, and which of them name files."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Union

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from ..core.file import Deliver, Ingest
from .located import Problems, Tree, shown

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+://")


def is_address(text: str) -> bool:
    """Tell an address (`https://…`) from a path; one letter before the colon is a drive, not a scheme."""
    return _SCHEME.match(text) is not None


def accepted(model: Any) -> tuple[str, ...]:
    """Name the keys that a model takes, each in the spelling of its documentation, then the other spellings."""
    fields: Mapping[str, FieldInfo] = getattr(model, "model_fields", {})
    first, others = [], []
    for name, field in fields.items():
        names = _spellings(name, field)
        first.append(names[0])
        others += names[1:]
    return (*first, *others)


def at(hint: Any, loc: tuple[int | str, ...]) -> Any:
    """Give the type that stands at a place of another type, or None."""
    for part in loc:
        bare, _ = _unwrapped(hint)
        if isinstance(part, int):
            arguments = typing.get_args(bare)
            hint = arguments[0] if arguments else None
        elif (field := _field(bare, part)) is not None:
            hint = _hint(field)
        elif typing.get_origin(bare) is dict:
            hint = typing.get_args(bare)[1]
        else:
            return None
    return _unwrapped(hint)[0]


def absolute(tree: Tree, hint: Any, problems: Problems) -> Tree:
    """Make the paths absolute that a type marks as files; each starts from the folder of where it was written."""
    bare, marks = _unwrapped(hint)
    if any(isinstance(mark, (Ingest, Deliver)) for mark in marks):
        return _absolute_path(tree, problems)
    if isinstance(tree.value, Mapping):
        return tree.with_value(
            {key: absolute(child, _member(bare, key), problems) for key, child in tree.members.items()}
        )
    if isinstance(tree.value, tuple) and typing.get_args(bare):
        inner = typing.get_args(bare)[0]
        return tree.with_value(tuple(absolute(child, inner, problems) for child in tree.entries))
    return tree


def _absolute_path(tree: Tree, problems: Problems) -> Tree:
    text = tree.value
    if text is None or tree.void:
        return tree
    if not isinstance(text, str):
        problems.at(tree, f"expected a file or an address as text, not {shown(tree.plain)}")
    elif not text or "\0" in text:
        problems.at(tree, "a path cannot be empty" if not text else "a path cannot hold the character NUL")
    elif not is_address(text):
        return tree.with_value(str(tree.place.folder / Path(text)))
    return tree


def _member(bare: Any, key: str) -> Any:
    field = _field(bare, key)
    if field is not None:
        return _hint(field)
    arguments = typing.get_args(bare)
    return arguments[1] if typing.get_origin(bare) is dict and len(arguments) == 2 else None


def _field(model: Any, key: str) -> FieldInfo | None:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return next((field for name, field in model.model_fields.items() if key in (name, *_spellings(name, field))), None)


def _spellings(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [choice for choice in field.validation_alias.choices if isinstance(choice, str)]
    return [field.alias or name]


def _hint(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take `Annotated` and `| None` off; give the type and the marks that were on it."""
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
