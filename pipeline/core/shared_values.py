"""Keep equal parts of values once in memory.

Every result repeats the film, its streams and its edit, and each model has a set of its own for the names of the fields
that were given. A batch holds the results of hundreds of films while they wait for their provider.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from pydantic import BaseModel

T = TypeVar("T")
_field_sets: dict[frozenset[str], set[str]] = {}
_models: WeakValueDictionary[bytes, BaseModel] = WeakValueDictionary()


def share_parts(value: T) -> T:
    """Return an equal value whose frozen models are those of earlier values where they are equal.

    Models are changed in place: their parts are replaced by equal ones, and their sets of field names, which nothing
    writes to once a model is frozen. What has lists or dictionaries of its own is not shared, since these could be
    written to.
    """
    if isinstance(value, list):
        return [share_parts(item) for item in value]  # type: ignore[return-value]
    return _shared_model(value) if isinstance(value, BaseModel) else value  # type: ignore[return-value]


def _shared_model(model: BaseModel) -> BaseModel:
    kind, fields = type(model), vars(model)
    tokens, can_share = [f"{kind.__module__}.{kind.__qualname__}"], _is_frozen(model)
    for name in kind.model_fields:
        part = fields[name]
        shared = _shared_part(part)
        if shared is not part:
            fields[name] = shared
        token = _token(shared)
        can_share = can_share and token is not None
        tokens.append(f"{name}={token}")
    names = model.model_fields_set
    if _is_frozen(model):
        object.__setattr__(model, "__pydantic_fields_set__", _field_sets.setdefault(frozenset(names), names))
    if not can_share:
        return model
    key = hashlib.sha256("\n".join((*tokens, *sorted(names))).encode()).digest()
    return _models.setdefault(key, model)


def _shared_part(part: Any) -> Any:
    if isinstance(part, BaseModel):
        return _shared_model(part)
    if isinstance(part, tuple) and any(isinstance(item, BaseModel) for item in part):
        return tuple(_shared_part(item) for item in part)
    return part


def _token(part: Any) -> str | None:
    """Return what tells a part from all others that live now; None if it can be written to.

    A model is told by its identity: whatever has it for a part keeps it alive.
    """
    if isinstance(part, BaseModel):
        return f"{type(part).__qualname__} {id(part)}" if _is_frozen(part) else None
    if isinstance(part, tuple):
        if any(isinstance(item, (list, dict, set)) for item in part):
            return None
        if any(isinstance(item, BaseModel) for item in part):
            tokens = [_token(item) for item in part]
            return None if None in tokens else f"({','.join(map(str, tokens))})"
    return None if isinstance(part, (list, dict, set)) else f"{type(part).__name__} {part!r}"


def _is_frozen(model: BaseModel) -> bool:
    return bool(model.model_config.get("frozen"))
