"""Answers about the job: its edits with their takes, its films, its options, and how it is signed."""

from __future__ import annotations

from typing import Any, Literal

from ...core.edits.choices import React1Choices
from ..page_words import PageText
from .film_answers import Clock, FilmFacts
from .general_answers import Answer

State = Literal["waiting", "working", "done", "failed", "stopped"]


class TakeState(Answer):
    """A take of an edit."""

    id: str
    name: str
    provider: str
    state: State
    error: PageText
    share: float
    doing: str
    cost_usd: float
    seconds: float
    current: bool
    """Whether it was made for the edit, and the film, as they are now."""
    of_film: bool
    """Whether it was made of the film as it is now."""
    differs: str
    """The settings, besides the expression, that it was made with and the edit has not now."""
    picked: bool
    choices: dict[str, Any]
    notes: list[PageText]
    frames: tuple[int, int] | None
    """The frames [start, end) of its clip, with handles; None before it is made."""


class EditState(Answer):
    """An edit as it is in the job file."""

    index: int
    digest: str
    name: str
    fields: dict[str, Any]
    frames: tuple[int, int] | None
    problem: PageText
    choices: React1Choices | None
    matrix: list[str]
    picked: dict[str, Any]
    """What the take has that was picked of those that it compares."""
    waits: bool
    """Whether it waits for the choice of a take."""
    takes: list[TakeState]
    sound: str


class FilmState(Answer):
    """A finished film, or a package for an editing system."""

    id: str
    kind: Literal["film", "turnover"]
    state: State
    error: PageText
    run: str
    output: str
    notes: list[PageText]
    status: str
    cost_usd: float
    created: str
    job_version: str
    signer: str
    timelines: list[str]
    name: str
    exists: bool
    has_report: bool
    share: float
    doing: str
    is_current: bool


class Certificate(Answer):
    """A certificate that can sign the film."""

    value: dict[str, Any]
    signer: str
    about: str
    problem: PageText
    current: bool
    test: bool


class Signing(Answer):
    """How the film is signed."""

    missing: PageText
    """What has to be installed; empty if films can be signed."""
    wanted: Any
    """The job's `provenance`."""
    certificates: list[Certificate]


class Option(Answer):
    """An input of the job; values are texts as the command line takes them."""

    name: str
    label: str
    kind: str
    choices: list[str]
    about: str
    default: str
    value: str
    differs: bool
    elsewhere: bool
    """Whether it has a control of its own elsewhere on the page."""


class JobPlace(Answer):
    """Where the job is saved."""

    path: str
    name: str
    exists: bool


class JobState(Answer):
    """The state of a job."""

    id: str
    version: str
    lists: str
    """What changes whenever a list of spoken lines or markers is written, added or removed."""
    job: JobPlace
    problem: PageText
    clock: Clock
    defaults: dict[str, Any]
    """What a setting is that an edit does not have, by its field."""
    can_undo: bool
    can_redo: bool
    provider: str
    edits: list[EditState]
    signing: Signing
    options: list[Option]
    films: list[FilmState]


class Changed(Answer):
    """The job after a change."""

    state: JobState


class Added(Changed):
    """The job after an edit was added."""

    added: str
    """The name of the edit."""


class Opened(Changed):
    """A film and its job."""

    film: FilmFacts
