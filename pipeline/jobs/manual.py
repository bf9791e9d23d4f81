"""Settle a call by hand: a person states what became of it, and the ledger records that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from ..core.errors import PresetError
from ..providers.parameters import parse_request_id
from .ledger import Ledger
from .ledger_entry import Accepted, Entry, NeverMade

MANUAL = "by hand"
"""How a state was settled by a person, as the ledger stores it."""


def settle_accepted(ledger: Ledger, job_id: str, request_id: str) -> Entry:
    """Record a person's statement that the provider has a job, and under which request id.

    Raises:
        PresetError: there is nothing to settle, or a process works on the call.
    """
    with _locked_latest(ledger, job_id) as entry:
        failed = entry.failed if entry.state == "failed" else None
        if not entry.open and (failed is None or failed.billed is False):
            raise PresetError(f"job {entry.id} is {entry.state}; there is nothing to settle")
        if not parse_request_id(request_id):
            raise PresetError(f"--accepted: {request_id[:40]!r} is not a request id")
        owner = ledger.owner(request_id, entry)
        if owner:
            raise PresetError(f"--accepted: {request_id} is the request id of job {owner}")
        if entry.intended is None:
            raise PresetError(
                f"job {entry.id}: its intention is unreadable, so its take cannot be used; use --resubmit"
            )
        return ledger.record(entry, "accepted", Accepted(at=_now(), request_id=request_id, how=MANUAL))


def settle_resubmit(ledger: Ledger, job_id: str) -> Entry:
    """Record a person's statement that a job counts as never made, so that the next run submits and pays for it again.

    Raises:
        PresetError: there is nothing to settle, or a process works on the call.
    """
    with _locked_latest(ledger, job_id) as entry:
        if entry.state == "void":
            raise PresetError(f"job {entry.id} already counts as never made; the next run submits it")
        return ledger.record(entry, "void", NeverMade(at=_now(), why=MANUAL))


@contextlib.contextmanager
def _locked_latest(ledger: Ledger, job_id: str) -> Iterator[Entry]:
    entry = ledger.find(job_id)
    lock = ledger.lock(entry.key)
    if lock is None:
        raise PresetError(f"job {entry.id} is in use by a running process; wait for it, or stop it first")
    with contextlib.closing(lock):
        entry = ledger.read(entry.key, entry.attempt)
        if entry.attempt != max(attempt.attempt for attempt in ledger.attempts(entry.key)):
            raise PresetError(f"job {entry.id} has a later attempt; settle that one")
        yield entry


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
