"""Content that can be made again: how, written beside the store, so that the content itself need not be kept.

    recipes/ab/ab12….mov.json   the call that makes this content, and the key of its result

A recipe is written with the content. Only a home folder has recipes; a store that machines share keeps its content.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.file import File
from .atomic import write_text

Json = dict[str, Any]
FOLDER = "recipes"


class Recipes:
    """The recipes of a home folder; if they are not enabled, there are none."""

    def __init__(self, root: Path, *, enabled: bool = True) -> None:
        self._root, self._enabled = root, enabled

    def put(self, file: File, recipe: Json) -> None:
        """Write how content is made: `{"key", "fn", "args"}` of a call."""
        if self._enabled:
            write_text(self._path(file), json.dumps(recipe))

    def get(self, file: File) -> Json | None:
        """Return the recipe of content; None if there is none, or it is not readable."""
        return _read(self._path(file)) if self._enabled else None

    def drop(self, file: File) -> None:
        """Forget how content is made."""
        self._path(file).unlink(missing_ok=True)

    def with_keys(self) -> Iterator[tuple[Path, str]]:
        """Yield the file of every recipe and the key of the result that it belongs to; "" if it is not readable."""
        for path in self._root.glob(f"{FOLDER}/??/*.json"):
            yield path, str((_read(path) or {}).get("key", ""))

    def _path(self, file: File) -> Path:
        return self._root / FOLDER / file.digest[:2] / f"{file.digest}{file.suffix}.json"


def _read(path: Path) -> Json | None:
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(recipe, dict) and {"key", "fn", "args"} <= recipe.keys() and isinstance(recipe["args"], dict)
    return recipe if fits else None
