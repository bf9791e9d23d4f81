"""Files by content, and the field types for files and output paths in node parameters."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class File(BaseModel):
    """Content in the store; `NodeContext.path` (node.py) returns a path to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the content, in hex."""
    suffix: str
    """Lower case with the dot, such as `.mp4`; tools detect the format by it."""
    size_bytes: int = Field(ge=0)


class Ingest:
    """Marks a parameter that a user writes as a path or a URL and a node gets as a `File`.

    The runner adds a local file to the store before it computes the step's key, so that the key depends on content,
    not on a name. A URL stays text for nodes that fetch; for all others it is fetched first.
    """


class Deliver:
    """Marks a parameter that says where to write a result; it is not part of the step's key."""


class NamesSource:
    """Marks a parameter that holds the path of the source, so that `--online` can put the original's path there."""


class LocalOnly:
    """Marks a parameter that holds the path of a file which is never copied, hashed or sent, such as a private key."""


FileOrUrl = Annotated[File | str, Ingest(), WithJsonSchema({"type": "string", "description": "a file or a URL"})]
KeyPath = Annotated[str, LocalOnly(), WithJsonSchema({"type": "string", "description": "a file on this machine"})]
OutPath = Annotated[str, Deliver(), WithJsonSchema({"type": "string", "description": "where to write the result"})]


def is_marked(field: Any, mark: type) -> bool:
    """Return whether a model's field has a mark, also inside `FileOrUrl | None`."""
    annotations = list(field.metadata)
    for part in getattr(field.annotation, "__args__", ()):
        annotations += getattr(part, "__metadata__", ())
    return any(isinstance(annotation, mark) for annotation in annotations)


def advice_for_missing(path: Path) -> str:
    """Return what to do about a file that does not exist; its name may be the pattern of a sequence of pictures."""
    if re.search(r"%0?\d*d|[*#]", path.name) is None:
        return "check the path"
    return f"make a film of the sequence of pictures first (ffmpeg -framerate 24 -i '{path.name}' -c copy film.mov)"


def expand_user(path: str) -> Path:
    """Return a path with `~` replaced; unlike `Path.expanduser`, not an error for a user who does not exist."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def real_path(path: Path) -> Path:
    """Return a path without links; unlike `Path.resolve` of Python 3.11, not an error for a link to itself."""
    return Path(os.path.realpath(path))
