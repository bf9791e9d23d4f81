"""What all answers have in common, and those that are not about one film."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..page_words import PageText


class Answer(BaseModel):
    """Base class: a field that is not declared is an error."""

    model_config = ConfigDict(extra="forbid")


class ErrorAnswer(Answer):
    """Why a request failed, in the words of the page."""

    error: PageText


class Range(Answer):
    """What a control offers; a field that does not fit its kind is left out."""

    kind: Literal["choice", "slider", "switch"]
    choices: list[Any] = []
    least: float = 0
    most: float = 0


class Control(Range):
    """A control of an edit."""

    name: str
    label: str
    about: str
    default: Any
    axis: bool
    """Whether takes can differ in it."""


class LibraryItem(Answer):
    """A film or a job that can be opened."""

    path: str
    name: str
    kind: Literal["film", "job"]


class Provider(Answer):
    """Who makes takes."""

    name: str
    label: str
    problem: PageText
    """Why it cannot be used here; empty if it can."""
    price: str


class LibraryAnswer(Answer):
    """What can be opened and chosen here."""

    folders: list[str]
    files: list[LibraryItem]
    first: str | None
    """The film or job that the page opens by itself."""
    controls: list[Control]
    gain: Range | None
    providers: list[Provider]


class BillItem(Answer):
    """One call that costs money."""

    segment: str
    take: str
    usd: float


class Bill(Answer):
    """What takes would cost."""

    usd: float
    items: list[BillItem]
    notes: list[PageText]


class FilmBill(Bill):
    """What a film would cost."""

    waiting: list[str]
    """The edits that wait for a choice."""


class PaidCall(Answer):
    """A call that was paid, or may have to be."""

    at: str
    provider: str
    segment: str
    prompt: Any
    temperature: Any
    state: str
    usd: float
    request_id: str


class LedgerAnswer(Answer):
    """The newest paid calls, newest first, and what all calls cost."""

    calls: list[PaidCall]
    usd: float


class MadeFile(Answer):
    """Where uploaded content lies now."""

    path: str


class MediaProgress(Answer):
    """How far the making of a proxy or a waveform is, 0 to 1, and what went wrong."""

    share: float
    problem: PageText


class ServerEvent(Answer):
    """A change, as a server-sent event; what does not belong to its kind is left out."""

    kind: Literal["alive", "project", "progress", "faces", "proxy", "wave"]
    project: str = ""
    version: str = ""
    item: str = ""
    share: float = 0
    doing: str = ""
    first: int = 0
    """The first frame of the part that is searched for faces."""
