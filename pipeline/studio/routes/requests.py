"""The bodies of the page's requests."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...core.edits.choices import ModelMode, Prompt, SyncMode
from ...providers.choose_provider import ProviderName


class Body(BaseModel):
    """Base class: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")


class OpenBody(Body):
    """Open a film or a job."""

    path: str


class EditRef(Body):
    """An edit as the page shows it."""

    index: int = Field(ge=0)
    digest: str


class AddEdit(Body):
    """Add an edit of the frames [start, end)."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    fields: dict[str, Any] = {}


class ChangeEdit(EditRef):
    """Set fields of an edit; None removes a field."""

    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=1)
    fields: dict[str, Any] = {}


class TakeChoices(Body):
    """The values to try; every combination is a take."""

    prompt: list[Prompt] = []
    temperature: list[float] = []
    model_mode: list[ModelMode] = []
    sync_mode: list[SyncMode] = []


class TakesBody(EditRef):
    """Make takes of an edit, or say what they would cost."""

    choices: TakeChoices
    provider: str = "auto"
    agreed_usd: float | None = None


class PickBody(EditRef):
    """Choose a take."""

    take: str


class FilmBody(Body):
    """Make the film, or say what it would cost."""

    kind: Literal["film", "turnover"] = "film"
    provider: str = "auto"
    agreed_usd: float | None = None
    replace: bool = False


class ItemBody(Body):
    """A take or a film, by its ID."""

    item: str


class ProviderBody(Body):
    """The provider of a project."""

    provider: ProviderName


class MadeFileAnswer(BaseModel):
    """Where uploaded content lies now."""

    path: str
