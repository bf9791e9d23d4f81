"""What the ledger holds: a call, and the states that it went through.

intended   the POST may leave from now on
accepted   the host has it, under a request id
unknown    the answer was lost; only the host knows
done       the take is in the store
failed     the host says that it failed
void       it is proven, or somebody has said, that the host never had it: it may be made again

An intention that nobody follows up (the process died) is unknown as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..core.file import File
from ..store.keys import digest

State = Literal["intended", "accepted", "unknown", "done", "failed", "void"]
_SHOWN_DIGITS = 12


class Call(BaseModel):
    """What makes two calls the same one: host, parameters and content, and not where the content was uploaded to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    host: str
    """The host's base address: what a rehearsal server gave is never taken for the model's."""
    parameters: dict[str, Any]
    """The six choices, all of them."""
    video: str
    """The digest of the picture that is sent."""
    audio: str
    """The digest of the voice; empty where none is sent."""

    @property
    def key(self) -> str:
        """The name of the call in the ledger."""
        return digest(self.model_dump(mode="json"))


class Note(BaseModel):
    """One state, as it is written down; what a newer version adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: str
    """When, ISO 8601, UTC."""


class Intended(Note):
    """The request is about to leave."""

    call: Call
    nonce: str
    """The idempotency key, for a host that knows such a thing."""
    video_name: str
    """The uploaded file's own name, a nonce: by its address the host's history tells what became of this call."""
    audio_name: str = ""
    video_url: str = Field(repr=False)
    """As it is sent: the same create must be spelled the same. May carry a signature that lasts for a while."""
    audio_url: str = Field(default="", repr=False)
    estimate_usd: float
    seconds: float = 0.0
    """Of picture that is sent."""
    run: str = ""
    segment: str = ""


class Accepted(Note):
    """The host has the job."""

    request_id: str
    how: str = ""
    """Empty for an ordinary answer; else `history`, or `by hand`."""


class Unknown(Note):
    """The answer was lost."""

    why: str


class Done(Note):
    """The take is here."""

    file: File
    cost_usd: float
    cost_known: bool
    """Whether the host said what it cost; else it is our estimate."""
    seconds: float = 0.0
    """How long the host took, from the intention to the result."""
    request_id: str = ""
    details: dict[str, Any] = {}
    """What the host told beside it."""


class Failed(Note):
    """The host failed it."""

    error: str
    billed: bool | None = None
    """None where nobody knows."""
    request_id: str = ""


class Void(Note):
    """There is no job at the host, or none that counts."""

    why: str
    proven: bool = False
    """Whether the host's own answer to the call says so; else its history does, or a person."""


NOTES: dict[State, type[Note]] = {
    "intended": Intended,
    "accepted": Accepted,
    "unknown": Unknown,
    "done": Done,
    "failed": Failed,
    "void": Void,
}


_Kind = TypeVar("_Kind", bound=Note)


@dataclass(frozen=True)
class Entry:
    """One attempt at a call, as far as it has come."""

    key: str
    attempt: int
    folder: Path
    notes: tuple[tuple[State, Note], ...]
    """In the order in which they were written; those that cannot be read are left out."""

    @property
    def id(self) -> str:
        """Its name for users."""
        return f"{self.key[:_SHOWN_DIGITS]}.{self.attempt}"

    @property
    def state(self) -> State:
        """The latest state; an entry of which nothing can be read is unknown."""
        return self.notes[-1][0] if self.notes else "unknown"

    @property
    def open(self) -> bool:
        """Whether the host may have it, and it has not ended."""
        return self.state in ("intended", "accepted", "unknown")

    @property
    def proven_void(self) -> bool:
        """Whether the host's own answer says that there is no job."""
        last = self.notes[-1][1] if self.notes else None
        return isinstance(last, Void) and last.proven

    @property
    def intended(self) -> Intended | None:
        """What was about to be sent; None where it cannot be read."""
        return self._last(Intended)

    @property
    def request_id(self) -> str:
        """The host's name for it; empty where it is not known."""
        for _, note in reversed(self.notes):
            found: str = getattr(note, "request_id", "")
            if found:
                return found
        return ""

    @property
    def accepted(self) -> Accepted | None:
        """When and how the host took it."""
        return self._last(Accepted)

    @property
    def done(self) -> Done | None:
        """What came of it."""
        return self._last(Done)

    @property
    def failed(self) -> Failed | None:
        """Why it failed."""
        return self._last(Failed)

    def _last(self, kind: type[_Kind]) -> _Kind | None:
        return next((note for _, note in reversed(self.notes) if isinstance(note, kind)), None)
