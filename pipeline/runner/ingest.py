"""Parameters that name files become content before anything is keyed by them.

Takes   a step whose parameters hold paths or addresses where a node wants a `File`.
Gives   the same step with the content's digest in their place; addresses stay for the nodes that fetch.
Raises  BadInput where a file is not there or cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..config.document_model import Step
from ..core.file import File, Ingest, is_marked
from ..store.store import Store

Adopt = Callable[[str], File | str]


def is_address(text: str) -> bool:
    """Tell an address (`https://…`) from a path; one letter before the colon is a drive, not a scheme."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").isalnum()


def ingest(step: Step, store: Store, progress: Callable[[float], None] = lambda _: None) -> Step:
    """Put every local file that a step's parameters name into the store; `progress` may raise to stop it."""

    def adopt(text: str) -> File | str:
        return text if is_address(text) else store.adopt(Path(text), progress)

    params = _walk(step.params, adopt)
    return step if params is step.params else replace(step, params=params)


def local_files(step: Step) -> list[Path]:
    """Find the local files that a step's parameters name."""
    found: list[Path] = []

    def note(text: str) -> str:
        if not is_address(text):
            found.append(Path(text))
        return text

    _walk(step.params, note)
    return found


def _walk(value: Any, adopt: Adopt) -> Any:
    if isinstance(value, BaseModel) and not isinstance(value, File):
        changed = {}
        for name, field in type(value).model_fields.items():
            old = getattr(value, name)
            marked = is_marked(field, Ingest)
            new = adopt(old) if marked and isinstance(old, str) else _walk(old, adopt)
            if new is not old:
                changed[name] = new
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, (list, tuple)):
        items = [_walk(item, adopt) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
