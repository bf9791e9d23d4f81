"""Look at a source before a run, with nothing written, so that a plan tells of media that cannot be used.

Takes   a step that ships with the pipeline, takes no inputs, and whose address is a local file.
Gives   what the step would give; None where it cannot tell without writing.
Raises  BadInput, as the step would.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import BadInput
from ..file import File
from ..kinds import Media
from ..preset.model import Step
from ..registry import SHIPPED
from ..store.store import Store


class _Writes(Exception):
    """The step wants more than to look."""


class _Window:
    """A room in which a node can look at files, and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, file: File) -> Path:
        """Give a path where this content can be read."""
        return self._store.path(file)

    def new(self, name: str) -> Path:
        """Refuse a new file."""
        raise _Writes(name)

    def keep(self, path: Path) -> File:
        """Refuse to keep a file."""
        raise _Writes(path)

    def progress(self, share: float) -> None:
        """Go on."""

    def call(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 3600) -> str:
        """Refuse to start a tool."""
        raise _Writes(argv[0])


def look_at_source(step: Step, store: Store) -> Media | None:
    """Give the media that a local source is, or None where this step is no such source.

    Raises:
        BadInput: the media cannot be used.
    """
    info = step.info
    local = any(isinstance(getattr(step.params, name), File) for name in type(step.params).model_fields)
    if info.origin != SHIPPED or info.cls.kind != "io" or info.ports.inputs or not local:
        return None
    try:
        made = info.cls().run(_Window(store), step.params)  # type: ignore[attr-defined]
    except _Writes:
        return None
    except BadInput as error:
        error.where = error.where or step.id
        raise
    return made if isinstance(made, Media) else None
