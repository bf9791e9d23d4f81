"""The contract of all providers of React-1: the parameters of a call, what a provider accepts, and what it answers.

The eight parameters are as the API documents them. A `Provider` states its limits and prices before anything is sent. A
paid one returns a `ProviderClient`, which knows nothing of the ledger and retries nothing that costs money: the job
manager (pipeline/jobs) decides.

    quote   → what a call would cost, if the provider says
    submit  → Ticket or Done; raises NoJob (proven: there is none) or ResponseLost (only the provider knows)
    poll    → Waiting, Done or Failed
    recover → what the provider's own history knows of a submission: Ticket, Done, Failed or None

An invalid value of a response becomes "" or None. Source: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from ..core.edits.choices import React1Choices
from ..core.errors import ProviderError

MAX_ID_LENGTH = 200


def parse_request_id(value: Any) -> str:
    """Return a request id that can be stored and used in a URL, or "" if the value is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= MAX_ID_LENGTH or text in (".", ".."):
        return ""
    return text if text.isprintable() and text == text.strip() and text.isascii() else ""


def parse_amount(value: Any) -> float | None:
    """Return a finite number >= 0, such as USD or seconds, or None if the value is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def same_value(listed: Any, sent: Any) -> bool:
    """Compare a parameter as it was sent with the same one in a provider's list, where it may have become text."""
    if isinstance(sent, bool):
        return str(listed).lower() == str(sent).lower()
    if isinstance(sent, (int, float)):
        number = parse_amount(listed)
        return number is not None and abs(number - sent) < 1e-9
    return bool(listed == sent)


MAX_CALL_S = Fraction(15)
"""The longest video or audio of one call, as the providers document it."""
SEGMIND_MODEL = "sync.so-react-1"


class MediaUrls(BaseModel):
    """The two URLs of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    video_url: str = Field(min_length=1, description="high-resolution video")
    audio_url: str = Field(min_length=1, description="clear audio")


class React1Request(React1Choices, MediaUrls):
    """One call of the model: its URLs and its choices."""

    @classmethod
    def build(cls, choices: React1Choices, *, video_url: str, audio_url: str) -> Self:
        """Return a request of these choices for these URLs."""
        return cls(video_url=video_url, audio_url=audio_url, **choices.model_dump())


FACE_POINT = "face_point"
"""The key of a `SentFacePoint` among the parameters by which a call is known; absent if no face is told."""


class SentFacePoint(BaseModel):
    """A point of one frame of the clip that is sent: the face there is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(ge=0)
    at_px: tuple[float, float]
    """Right and down from the top left corner."""


@dataclass(frozen=True)
class Limits:
    """What a provider accepts in one call; None means no limit."""

    video_s: Fraction | None = None
    size_px: tuple[int, int] | None = None
    """(long side, short side)."""
    max_jobs: int | None = None
    """Concurrent jobs."""
    face_point: bool = False
    """Whether a call can say which face is meant, by a point of one frame."""


class NoJob(ProviderError):
    """The response to a submit proves that no job was created; nothing is billed."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message, retryable=retry_after_s is not None, billed=False)
        self.retry_after_s = retry_after_s
        """When the same call may be sent again; None if that would not help."""


class ResponseLost(ProviderError):
    """A submit was sent, and it is unknown whether it created a job."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False, billed=None)


class TemporarilyUnavailable(ProviderError):
    """A free request failed; it may be repeated."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class UnknownJob(TemporarilyUnavailable):
    """The provider has no job of this request id at the moment."""


@dataclass(frozen=True)
class Submission:
    """One call, ready to be sent; its URLs may contain signatures."""

    request: React1Request = field(repr=False)
    idempotency_key: str
    """Sent if the provider supports it."""
    intended_at: datetime
    """By this machine's clock, which may be wrong."""
    server_at: datetime | None = None
    """The same moment by the provider's clock; None if it was not known."""
    face: SentFacePoint | None = None
    """The face that is meant, for a provider whose limits have a `face_point`."""


@dataclass(frozen=True)
class Ticket:
    """A job that the provider has accepted."""

    request_id: str


@dataclass(frozen=True)
class Waiting:
    """A job that has not finished."""

    state: str


@dataclass(frozen=True)
class Done:
    """A finished job; its take is at a URL, or in a file if the response contained it."""

    request_id: str
    output: str = field(default="", repr=False)
    """The take's URL."""
    file: Path | None = None
    cost_usd: float | None = None
    """None if the provider does not say."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A job that ended without a take."""

    request_id: str
    error: str
    billed: bool | None = False


JobOutcome = Ticket | Done | Failed


@dataclass(frozen=True)
class Latency:
    """How long a job takes and how often it is polled, in seconds."""

    first_s: float
    """When the first poll is worth while."""
    typical_s: float
    interval_s: float


class Provider(Protocol):
    """A provider of the model."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def paid(self) -> bool:
        """Whether a call costs money."""

    @property
    def limits(self) -> Limits:
        """What it accepts in one call."""

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Estimate the cost of a call with this much output."""

    def require(self) -> None:
        """Check, before anything runs, that the provider can be used.

        Raises:
            PresetError: it cannot; the message says what to install or set.
        """


class ProviderClient(Protocol):
    """A connected paid provider."""

    async def quote(self, submission: Submission) -> float | None:
        """Return what a call would cost in USD, without making it; None if the provider does not say."""

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        """Send a call, once; a take in the response is written to `to_file`.

        Raises:
            NoJob: no job was created.
            ResponseLost: a job may have been created.
        """

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Return the state of a job.

        Raises:
            TemporarilyUnavailable: the provider did not answer; poll again.
            UnknownJob: it has no such job at the moment; poll again, but not for ever.
            ProviderError: polling again does not help; the job may still exist.
        """

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        """Look a submission up in the provider's own history; `known` are request ids of other calls.

        None means that the history does not list it, which proves something once the submission is old enough.

        Raises:
            TemporarilyUnavailable: the history did not answer.
            ProviderError: it cannot be read.
        """
