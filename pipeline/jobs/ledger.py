"""The ledger on disk: one folder per call and attempt, one file per state, each created exclusively.

    ledger/ab/<key>/lock                       held by the process that follows the call
    ledger/ab/<key>/001/00-intended.json
    ledger/ab/<key>/001/01-accepted.json
    ledger/ab/<key>/001/02-done.json
    ledger/ab/<key>/001/reserve                room on the disk for the states to come

Takes   the home folder.
Gives   entries; a file that is torn or unreadable counts as not written.
Raises  StorageFailed when the disk will not have it, before anything is sent.

No state is ever changed or removed, so the design works on an object store with conditional puts as well; there
the lock, which only spares a second process from asking the host, would be a lease.

What a person says of a call that nothing else can settle.

Raises  PresetError where there is nothing to settle, or where a process follows the call.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import PresetError, StorageFailed
from ..providers.response_values import request_id_of
from ..store.atomic import storage_errors, write_new
from ..store.locks import Held, hold
from .ledger_entry import NOTES, Accepted, Call, Entry, Intended, Note, State, Void

_RESERVE_BYTES = 64 << 10
_MOST_NOTES = 99


class Taken(Exception):
    """Somebody else has begun this attempt."""


class Ledger:
    """All calls of one home."""

    def __init__(self, home: Path) -> None:
        self.root = home / "ledger"

    def hold(self, key: str) -> Held | None:
        """Take a call for this process; None while another one follows it."""
        place = self._folder(key)
        with storage_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            return hold(place / "lock")

    def latest(self, call: Call) -> Entry | None:
        """Give the newest attempt at a call."""
        attempts = self._attempts(self._folder(call.key))
        return read_entry(attempts[-1]) if attempts else None

    def attempts(self, key: str) -> list[Entry]:
        """Give every attempt at the call with this key, in order."""
        return [read_entry(folder) for folder in self._attempts(self._folder(key))]

    def all(self) -> Iterator[Entry]:
        """Give every attempt at every call, in no order."""
        for place in self.root.glob("??/*"):
            for folder in self._attempts(place):
                yield read_entry(folder)

    def intend(self, note: Intended) -> Entry:
        """Write down that a call is about to be made; its POST may leave when this has come back.

        Raises:
            Taken: another process has begun this attempt.
            StorageFailed: it cannot be written, so nothing may be sent.
        """
        place = self._folder(note.call.key)
        attempt = max((int(folder.name) for folder in self._attempts(place)), default=0) + 1
        folder = place / f"{attempt:03}"
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _reserve(folder / "reserve")
        try:
            write_new(folder / "00-intended.json", note.model_dump_json(), private=True)
        except FileExistsError:
            raise Taken(f"{folder.parent.name[:12]}.{attempt}") from None
        return read_entry(folder)

    def add(self, entry: Entry, state: State, note: Note) -> Entry:
        """Write down the next state of an entry, and give the entry as it is now.

        Raises:
            StorageFailed: it cannot be written.
        """
        with suppress(OSError):
            (entry.folder / "reserve").unlink(missing_ok=True)
        for number in range(_MOST_NOTES):
            if any(entry.folder.glob(f"{number:02}-*.json")):
                continue
            try:
                write_new(entry.folder / f"{number:02}-{state}.json", note.model_dump_json(), private=True)
            except FileExistsError:
                continue
            now = read_entry(entry.folder)
            if not now.notes or now.notes[-1] != (state, note):
                raise StorageFailed(f"job {entry.id}: its state {state!r} cannot be read back from {entry.folder}")
            return now
        raise PresetError(f"job {entry.id} has {_MOST_NOTES} states, which no job has; look into {entry.folder}")

    def find(self, name: str) -> Entry:
        """Give the attempt with this id, or with the only id that begins so.

        Raises:
            PresetError: there is none, or more than one.
        """
        entries = list(self.all())
        found = [one for one in entries if one.id == name] or [one for one in entries if one.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise PresetError(
                f"job {name!r} is not one job: {', '.join(one.id for one in found[:5])}; write more of it"
            )
        raise PresetError(f"there is no job {name!r}; `react1 jobs` lists all")

    def is_void(self, name: str) -> bool:
        """Tell whether the attempt with this id counts as never made; one that is not here does not."""
        key, _, attempt = name.partition(".")
        if not (key.isalnum() and attempt.isdecimal()):
            return False
        folders = self.root.glob(f"{key[:2]}/{key}*/{int(attempt):03}")
        return any(read_entry(folder).state == "void" for folder in folders)

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key

    def _attempts(self, place: Path) -> list[Path]:
        return sorted(folder for folder in place.glob("[0-9][0-9][0-9]") if any(folder.glob("00-*.json")))


def read_entry(folder: Path) -> Entry:
    """Read an attempt as it stands on the disk."""
    notes: list[tuple[State, Note]] = []
    for path in sorted(folder.glob("[0-9][0-9]-*.json")):
        state: State = path.stem[3:]  # type: ignore[assignment]  # NOTES knows what it may be
        kind = NOTES.get(state)
        if kind is None:
            continue
        try:
            notes.append((state, kind.model_validate_json(path.read_bytes())))
        except (OSError, ValidationError):
            continue
    return Entry(folder.parent.name, int(folder.name), folder, tuple(notes))


def _reserve(place: Path) -> None:
    """Take a little of the disk, so that what the host answers can be written down when the disk has filled up."""
    with place.open("wb") as stream:
        stream.write(b"\0" * _RESERVE_BYTES)
        stream.flush()
        os.fsync(stream.fileno())


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
