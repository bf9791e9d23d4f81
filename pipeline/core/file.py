"""A file by its content."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class File(BaseModel):
    """Content in the store; a `NodeContext` (node.py) turns it into a path where the work is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the content, in hex."""
    suffix: str
    """With its dot, lower case, such as `.mp4`; tools look at it."""
    size_bytes: int = Field(ge=0)


class Ingest:
    """Marks a parameter that a user writes as a path or an address, and a node gets as a `File`.

    The runner puts a local path into the store before the step's key is made, so that the key tells content,
    never a name. An address stays a string for nodes that fetch, and is fetched first for all others.
    """


class Deliver:
    """Marks a parameter that names where a result is wanted; it is no part of the step's key."""


Address = Annotated[File | str, Ingest(), WithJsonSchema({"type": "string", "description": "a file or an address"})]
OutPath = Annotated[str, Deliver(), WithJsonSchema({"type": "string", "description": "where the result is wanted"})]


def is_marked(field: Any, mark: type) -> bool:
    """Tell whether a model's field carries a mark, inside `Address | None` too."""
    marks = list(field.metadata)
    for part in getattr(field.annotation, "__args__", ()):
        marks += getattr(part, "__metadata__", ())
    return any(isinstance(found, mark) for found in marks)
