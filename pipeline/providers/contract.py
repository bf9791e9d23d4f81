"""The one small contract of all hosts of React-1.

A `Provider` says of itself what it takes and costs, before anything is sent. One that takes money gives a `Client`,
which knows nothing of the ledger and retries nothing that costs: the coordinator (pipeline/jobs) decides.

    quote  → what a call would cost, where the host tells
    submit → Ticket or Done     raises NoJob (proven: there is none) or AnswerLost (only the host knows)
    poll   → Waiting | Done | Failed
    recover → what the host's own history knows of an intention: Ticket | Done | Failed | None
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import ProviderError
from .parameters import React1Request

UNPROVEN = frozenset({408, 409, 425, 499})
"""4xx that a gateway gives for requests that may have been passed on."""


@dataclass(frozen=True)
class Limits:
    """What a host takes in one call; None means no limit."""

    video_s: Fraction | None = None
    audio_s: Fraction | None = None
    size_px: tuple[int, int] | None = None
    """(long side, short side)."""
    at_once: int | None = None
    """Jobs that may be under way at the same time."""


class NoJob(ProviderError):
    """The host's answer to a submit proves that it made no job; nothing is billed."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message, retryable=wait_s is not None, billed=False)
        self.wait_s = wait_s
        """When the same call may be sent again; None where that would not help."""


class AnswerLost(ProviderError):
    """A submit left, and what the host made of it is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False, billed=None)


class NotNow(ProviderError):
    """A question that costs nothing was not answered; it may be asked again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


@dataclass(frozen=True)
class Order:
    """One call, ready to be sent; its addresses may carry signatures."""

    request: React1Request = field(repr=False)
    nonce: str
    """The idempotency key, where the host knows such a thing."""
    intended_at: datetime


@dataclass(frozen=True)
class Ticket:
    """A job that the host has."""

    request_id: str


@dataclass(frozen=True)
class Waiting:
    """Not finished yet."""

    state: str


@dataclass(frozen=True)
class Done:
    """Finished: the take is at an address, or, where the answer brought it along, in a file."""

    request_id: str
    output: str = field(default="", repr=False)
    file: Path | None = None
    cost_usd: float | None = None
    """None where the host does not say."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """Ended without a take."""

    request_id: str
    error: str
    billed: bool | None = False


Found = Ticket | Done | Failed


@dataclass(frozen=True)
class Latency:
    """How long a job usually takes, and how often it is looked at, in seconds."""

    first_s: float
    """When the first look is worth while."""
    usual_s: float
    every_s: float


class Provider(Protocol):
    """A host of the model."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    @property
    def paid(self) -> bool:
        """Whether a call costs money."""

    @property
    def limits(self) -> Limits:
        """What it takes in one call."""

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Estimate what a call costs for so much output."""

    def require(self) -> None:
        """Find out, before anything runs, whether it can be used.

        Raises:
            PresetError: it cannot; the message says what to install or set.
        """


class Client(Protocol):
    """A host that takes money, connected."""

    async def quote(self, order: Order) -> float | None:
        """Ask what a call would cost, in USD, without making it; None where the host does not tell."""

    async def submit(self, order: Order, into: Path) -> Ticket | Done:
        """Send a call, once; `into` is a file for a take that the answer brings along.

        Raises:
            NoJob: the host has made none.
            AnswerLost: it may have.
        """

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Look at a job.

        Raises:
            NotNow: the host did not answer; ask again.
            HostFailed: it will not tell, whatever is asked; the job may still be there.
        """

    async def recover(self, order: Order, known: Collection[str]) -> Found | None:
        """Find a call in the host's own history; `known` are request ids that belong to other calls.

        None says that the history does not list it, which proves something once the intention is old enough.

        Raises:
            NotNow: the history did not answer.
            HostFailed: it cannot be read.
        """
