"""The ledger's data: a call, and the states of each attempt at it.

intended   the POST may be sent from now on
accepted   the provider has the job, under a request id
unknown    the response was lost; only the provider knows
done       the take is in the store
failed     the provider reported a failure
void       it is proven, or a person has stated, that the job was never made: it may be submitted again

An intention without a later state (the process died) is unknown too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..core.file import File
from ..providers.contract import parse_request_id
from ..store.keys import digest

State = Literal["intended", "accepted", "unknown", "done", "failed", "void"]
JOB_METRICS = "react1"
"""The key of the job in the `metrics` of its take."""
ID_DIGITS = 12
"""Digits of the call's key in a job ID."""


class Call(BaseModel):
    """What identifies a call: provider, parameters and content, but not where the content was uploaded to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    host: str
    """The provider's base URL, so that a take of a local server is never taken for the model's."""
    parameters: dict[str, Any]
    """All six choices."""
    video: str
    """Digest of the video that is sent."""
    audio: str
    """Digest of the voice; empty if none is sent."""

    @classmethod
    def of_node(cls, node: str, result_key: str) -> Call:
        """Return the call of a node that bills by itself, whose result has this key in the store."""
        return cls(provider=node, host="", parameters={"call": result_key}, video="", audio="")

    @property
    def result_key(self) -> str:
        """The key of the result of a node that bills by itself; empty for a call of a provider."""
        return "" if self.host else str(self.parameters.get("call", ""))

    @property
    def key(self) -> str:
        """The call's name in the ledger."""
        return digest(self.model_dump(mode="json"))


class StateRecord(BaseModel):
    """One state as it is stored; fields of a newer version are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: str
    """When: ISO 8601, UTC."""


class Intended(StateRecord):
    """The request is about to be sent."""

    server_at: str = ""
    """The same moment by the provider's clock; empty if it has not stated its time yet."""

    call: Call
    nonce: str
    """The idempotency key, for a provider that supports it."""
    video_name: str
    """The upload's unique name, by which the provider's history identifies this call."""
    audio_name: str = ""
    video_url: str = Field(repr=False)
    """As it is sent, because a repeated create must be identical. May contain a temporary signature."""
    audio_url: str = Field(default="", repr=False)
    estimate_usd: float
    seconds: float = 0.0
    """Duration of the video that is sent."""
    run: str = ""
    segment: str = ""
    project: str = ""
    """The project that the job belongs to, for sums; empty if it names none."""


class Accepted(StateRecord):
    """The provider has the job."""

    request_id: str
    """An id that no provider can have given makes the record unreadable."""
    how: str = ""
    """Empty for an ordinary response; else `history`, or `by hand`."""

    @field_validator("request_id")
    @classmethod
    def _require_valid_id(cls, value: str) -> str:
        if not parse_request_id(value):
            raise ValueError("not a request id")
        return value


class Unknown(StateRecord):
    """The response was lost."""

    why: str
    server_at: str = ""
    """The same moment by the provider's clock; empty if it has not stated its time yet."""


class Done(StateRecord):
    """The take is in the store."""

    file: File
    cost_usd: float
    cost_known: bool
    """Whether the provider or a person reported the cost; else it is the estimate."""
    seconds: float = 0.0
    """From the intention to the result."""
    request_id: str = ""
    details: dict[str, Any] = {}
    """What else the provider reported."""
    how: str = ""
    """Empty for what the provider has said; else `by hand`."""


class Failed(StateRecord):
    """The provider reported a failure."""

    error: str
    billed: bool | None = None
    """None if it is unknown."""
    request_id: str = ""
    charged_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What was charged, as a person has stated it; None if nobody has."""
    how: str = ""
    """Empty for what the provider has said; else `by hand`."""


class NeverMade(StateRecord):
    """There is no job at the provider, or none that counts."""

    why: str
    proven: bool = False
    """Whether the response to the submit proves it; else the provider's history or a person does."""
    charged_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What was charged all the same, as a person has stated it; None if nobody has."""


RECORD_TYPES: dict[State, type[StateRecord]] = {
    "intended": Intended,
    "accepted": Accepted,
    "unknown": Unknown,
    "done": Done,
    "failed": Failed,
    "void": NeverMade,
}


_Record = TypeVar("_Record", bound=StateRecord)
_CHECK = "check"
"""The key of a record's checksum in its file; a record without one is read too."""


def format_record(record: StateRecord) -> str:
    """Return a record as JSON with a checksum, so that no damage passes for another URL, ID or amount."""
    body = json.loads(record.model_dump_json())
    return json.dumps({**body, _CHECK: digest(body)})


def parse_record(data: bytes, record_type: type[_Record]) -> _Record:
    """Parse a record.

    Raises:
        ValueError: it is truncated or damaged, or of another type.
    """
    body = json.loads(data)
    if isinstance(body, dict) and body.pop(_CHECK, None) not in (None, digest(body)):
        raise ValueError("the checksum of the record is wrong")
    return record_type.model_validate(body)


def job_id(key: str, attempt: int) -> str:
    """Return the job ID of an attempt at the call with a key."""
    return f"{key[:ID_DIGITS]}.{attempt}"


@dataclass(frozen=True)
class Entry:
    """One attempt at a call, with its states so far."""

    key: str
    attempt: int
    folder: Path
    """Where its next state is written; those of a finished call may be in a segment instead."""
    records: tuple[tuple[State, StateRecord], ...]
    """In the order in which they were written; unreadable ones are left out."""
    unreadable: tuple[str, ...] = ()
    """Names of the files of unreadable states."""

    @property
    def id(self) -> str:
        """The job ID."""
        return job_id(self.key, self.attempt)

    @property
    def state(self) -> State:
        """The latest state; unknown if no record is readable."""
        return self.records[-1][0] if self.records else "unknown"

    @property
    def open(self) -> bool:
        """Whether the provider may have an unfinished job."""
        return self.state in ("intended", "accepted", "unknown")

    @property
    def proven_never_made(self) -> bool:
        """Whether the response to the submit proves that there is no job."""
        last = self.records[-1][1] if self.records else None
        return isinstance(last, NeverMade) and last.proven

    @property
    def intended(self) -> Intended | None:
        """What was about to be sent; None if it is unreadable."""
        return self._last(Intended)

    @property
    def request_id(self) -> str:
        """The provider's id of the job; empty if it is unknown."""
        for _, record in reversed(self.records):
            request_id: str = getattr(record, "request_id", "")
            if request_id:
                return request_id
        return ""

    @property
    def accepted(self) -> Accepted | None:
        """When and how the provider accepted it."""
        return self._last(Accepted)

    @property
    def done(self) -> Done | None:
        """The result."""
        return self._last(Done)

    @property
    def failed(self) -> Failed | None:
        """The failure."""
        return self._last(Failed)

    @property
    def charged_failure(self) -> Failed | None:
        """The failure of a job that was or may have been billed, so that only a person can free the call."""
        failed = self.failed if self.state == "failed" else None
        return failed if failed is not None and failed.billed is not False else None

    @property
    def charged_usd(self) -> float | None:
        """What a person has stated that it was charged, other than for its take; None if nobody has."""
        for _, record in reversed(self.records):
            if isinstance(record, Done):
                return None
            usd: float | None = getattr(record, "charged_usd", None)
            if usd is not None:
                return usd
        return None

    @property
    def cost_usd(self) -> float:
        """What it has or may have cost: as the provider or a person said, else by the estimate; 0 if not billed."""
        if self.charged_usd is not None:
            return 0.0 if self.open else self.charged_usd
        if self.done:
            return self.done.cost_usd
        return self.intended.estimate_usd if self.may_be_billed and self.intended else 0.0

    @property
    def cost_known(self) -> bool | None:
        """Whether the provider or a person has said what it has cost; None for a job that has not ended."""
        if self.done and self.charged_usd is None:
            return self.done.cost_known
        return None if self.open else not self.may_be_billed or self.charged_usd is not None

    @property
    def may_be_billed(self) -> bool:
        """Whether it has failed and was or may have been billed, also if a person has voided it since.

        What is unknown counts, as an open call does: no budget may be exceeded.
        """
        return not self.open and self.failed is not None and self.failed.billed is not False

    def _last(self, record_type: type[_Record]) -> _Record | None:
        return next((record for _, record in reversed(self.records) if isinstance(record, record_type)), None)


@dataclass(frozen=True)
class Summary:
    """What lists and sums need of an attempt."""

    at: str
    """When it was intended: ISO 8601, UTC; empty if that is unreadable."""
    key: str
    attempt: int
    state: State
    request_id: str
    run: str
    provider: str
    host: str
    project: str
    cost_usd: float
    file: tuple[str, str, int] | None
    """Digest, suffix and size of the stored take."""

    @property
    def id(self) -> str:
        """The job ID."""
        return job_id(self.key, self.attempt)

    @property
    def rehearsal(self) -> bool:
        """Whether it was answered by a server on this machine, which charges nothing."""
        from ..storage.upload_storage import is_loopback_url

        return bool(self.host) and is_loopback_url(self.host)

    @property
    def take(self) -> File | None:
        """The stored take."""
        return File(digest=self.file[0], suffix=self.file[1], size_bytes=self.file[2]) if self.file else None


def summarize(entry: Entry) -> Summary:
    """Return the summary of an attempt."""
    intended, done = entry.intended, entry.done
    return Summary(
        at=intended.at if intended else "",
        key=entry.key,
        attempt=entry.attempt,
        state=entry.state,
        request_id=entry.request_id,
        run=intended.run if intended else "",
        provider=intended.call.provider if intended else "",
        host=intended.call.host if intended else "",
        project=intended.project if intended else "",
        cost_usd=entry.cost_usd,
        file=(done.file.digest, done.file.suffix, done.file.size_bytes) if done else None,
    )


def build_entry(key: str, attempt: int, folder: Path, files: Mapping[str, bytes], damaged: Sequence[str] = ()) -> Entry:
    """Build an attempt from its files, by name; `damaged` are names of files that could not be read."""
    records: list[tuple[State, StateRecord]] = []
    unreadable = [*damaged]
    for name in sorted(files):
        state: State = name[3:].removesuffix(".json")  # type: ignore[assignment]  # RECORD_TYPES has the valid ones
        record_type = RECORD_TYPES.get(state)
        if record_type is None:
            continue
        try:
            records.append((state, parse_record(files[name], record_type)))
        except (ValueError, RecursionError):  # a ValidationError is a ValueError
            unreadable.append(name)
    return Entry(key, attempt, folder, tuple(records), tuple(sorted(unreadable)))
