"""What a person says of a call that nothing else can settle.

Raises  PresetError where there is nothing to settle, or where a process follows the call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import PresetError
from ..providers.values import request_id_of
from .book import Ledger, read_entry
from .entry import Accepted, Entry, Void

BY_HAND = "by hand"


def settle_accepted(ledger: Ledger, name: str, request_id: str) -> Entry:
    """Note that the host has a call, and under which id."""
    with _held(ledger, name) as entry:
        failed = entry.failed if entry.state == "failed" else None
        if not entry.open and (failed is None or failed.billed is False):
            raise PresetError(f"job {entry.id} is {entry.state}; there is nothing to settle")
        if not request_id_of(request_id):
            raise PresetError(f"--accepted: {request_id[:40]!r} is not a request id")
        if entry.intended is None:
            raise PresetError(f"job {entry.id}: its intention cannot be read, so its take has no place; use --resubmit")
        return ledger.add(entry, "accepted", Accepted(at=_now(), request_id=request_id, how=BY_HAND))


def settle_anew(ledger: Ledger, name: str) -> Entry:
    """Note that a call counts as never made, so that the next run makes it anew and pays for it."""
    with _held(ledger, name) as entry:
        if entry.state == "void":
            raise PresetError(f"job {entry.id} counts as never made already; the next run makes it")
        return ledger.add(entry, "void", Void(at=_now(), why=BY_HAND))


@contextlib.contextmanager
def _held(ledger: Ledger, name: str) -> Iterator[Entry]:
    entry = ledger.find(name)
    held = ledger.hold(entry.key)
    if held is None:
        raise PresetError(f"a process that is running follows job {entry.id}; wait for it, or stop it first")
    with contextlib.closing(held):
        entry = read_entry(entry.folder)
        if entry.attempt != max(one.attempt for one in ledger.attempts(entry.key)):
            raise PresetError(f"job {entry.id} was made anew since; settle the latest attempt")
        yield entry


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
