"""The ledger on disk: one folder per call and attempt, one file per state, each created exclusively.

    ledger/ab/<key>/lock                       held by the process that works on the call
    ledger/ab/<key>/001/00-intended.json
    ledger/ab/<key>/001/01-accepted.json
    ledger/ab/<key>/001/02-done.json
    ledger/ab/<key>/001/reserve                disk space for the states to come

A file that is truncated or unreadable counts as not written, but an attempt that left any file behind exists: it holds
the call until its outcome is known. Only `.part` files, which never got their name, are removed. No state is ever
changed or removed, so the design also
works on an object store with conditional puts; there the lock, which only spares a second process from asking the
provider, would be a lease.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import PresetError, StorageFailed
from ..providers.response_values import parse_request_id
from ..store.atomic import FileLock, storage_errors, temporary_path, try_acquire, write_new
from .ledger_entry import (
    RECORD_TYPES,
    Accepted,
    Call,
    Entry,
    Intended,
    NeverMade,
    State,
    StateRecord,
    format_record,
    parse_record,
)

MANUAL = "by hand"
"""How a state was settled by a person, as the ledger stores it."""
_INTENTION = "00-intended.json"
_RESERVE_BYTES = 64 << 10
_MAX_RECORDS = 99


class AttemptExists(Exception):
    """Another process has started this attempt."""


class Ledger:
    """All calls of one home folder."""

    def __init__(self, home: Path) -> None:
        self.root = home / "ledger"

    def lock(self, key: str) -> FileLock | None:
        """Lock a call for this process; return None while another process holds it."""
        folder = self._call_folder(key)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return try_acquire(folder / "lock")

    def sweep(self) -> None:
        """Remove the unfinished files of processes that are gone; calls that a process works on are left alone."""
        for call_folder in {_call_folder_of(part) for part in [*self.root.glob("??/*/.*.part"), *self._parts()]}:
            with suppress(OSError, StorageFailed):
                lock = try_acquire(call_folder / "lock")
                if lock is None:
                    continue
                with contextlib.closing(lock):
                    _remove_parts(call_folder)

    def latest(self, call: Call) -> Entry | None:
        """Return the newest attempt at a call."""
        folders = self._attempt_folders(self._call_folder(call.key))
        return read_entry(folders[-1]) if folders else None

    def attempts(self, key: str) -> list[Entry]:
        """Return every attempt at the call with this key, in order."""
        return [read_entry(folder) for folder in self._attempt_folders(self._call_folder(key))]

    def entries(self) -> Iterator[Entry]:
        """Yield every attempt at every call, in no order."""
        for call_folder in self.root.glob("??/*"):
            for folder in self._attempt_folders(call_folder):
                yield read_entry(folder)

    def record_intent(self, intended: Intended) -> Entry:
        """Start an attempt. The POST may be sent once this has returned.

        Raises:
            AttemptExists: another process has started this attempt.
            StorageFailed: it cannot be written, so nothing may be sent.
        """
        call_folder = self._call_folder(intended.call.key)
        attempt = max((int(folder.name) for folder in self._attempt_folders(call_folder)), default=0) + 1
        folder = call_folder / f"{attempt:03}"
        reserve = temporary_path(call_folder / "reserve")  # beside the folder, in which any file means an attempt
        try:
            with storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                _reserve_disk_space(reserve)
            write_new(folder / _INTENTION, format_record(intended), private=True)
            with suppress(OSError):
                reserve.replace(folder / "reserve")
        except FileExistsError:
            raise AttemptExists(f"{folder.parent.name[:12]}.{attempt}") from None
        finally:
            with suppress(OSError):
                reserve.unlink(missing_ok=True)
        return read_entry(folder)

    def record(self, entry: Entry, state: State, record: StateRecord) -> Entry:
        """Write the next state of an entry, and return the entry as it is now.

        Raises:
            StorageFailed: it cannot be written.
        """
        with suppress(OSError):
            (entry.folder / "reserve").unlink(missing_ok=True)
        taken = [int(path.name[:2]) for path in entry.folder.glob("[0-9][0-9]-*.json")]
        for number in range(max(taken, default=0) + 1, _MAX_RECORDS):  # 00 is the intention, also if it is lost
            try:
                write_new(entry.folder / f"{number:02}-{state}.json", format_record(record), private=True)
            except FileExistsError:
                continue
            written = read_entry(entry.folder)
            if not written.records or written.records[-1] != (state, record):
                raise StorageFailed(f"job {entry.id}: its state {state!r} cannot be read back from {entry.folder}")
            return written
        raise PresetError(
            f"job {entry.id} has {_MAX_RECORDS} states, more than any job should have; check {entry.folder}"
        )

    def find(self, job_id: str) -> Entry:
        """Return the attempt with this id, or with the only id that begins with it.

        Raises:
            PresetError: there is none, or more than one.
        """
        entries = list(self.entries())
        matches = [entry for entry in entries if entry.id == job_id]
        matches = matches or [entry for entry in entries if entry.id.startswith(job_id)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = ", ".join(entry.id for entry in matches[:5])
            raise PresetError(f"job {job_id!r} is ambiguous: {ids}; write more of the id")
        raise PresetError(f"there is no job {job_id!r}; `react1 jobs` lists all")

    def owner(self, request_id: str, entry: Entry) -> str:
        """Return the id of a job of another call at the same provider that has a request id; "" if there is none."""
        host = entry.intended.call.host if entry.intended else None
        for other in self.entries():
            other_host = other.intended.call.host if other.intended else host
            if other.key != entry.key and other.request_id == request_id and host in (None, other_host):
                return other.id
        return ""

    def is_never_made(self, job_id: str) -> bool:
        """Return whether the attempt with this id counts as never made; False if it is not in this ledger."""
        key, _, attempt = job_id.partition(".")
        if not (key.isalnum() and attempt.isdecimal()):
            return False
        folders = self.root.glob(f"{key[:2]}/{key}*/{int(attempt):03}")
        return any(read_entry(folder).state == "void" for folder in folders)

    def _call_folder(self, key: str) -> Path:
        return self.root / key[:2] / key

    def _attempt_folders(self, call_folder: Path) -> list[Path]:
        return sorted(folder for folder in call_folder.glob("[0-9][0-9][0-9]") if _has_trace(folder))

    def _parts(self) -> Iterator[Path]:
        return self.root.glob("??/*/[0-9][0-9][0-9]/.*.part")


def _has_trace(folder: Path) -> bool:
    """Return whether an attempt left any file behind, besides an intention that never got its name."""
    return folder.is_dir() and any(not _is_unnamed_intention(path) for path in folder.iterdir())


def _is_unnamed_intention(path: Path) -> bool:
    return path.suffix == ".part" and path.name.startswith(f".{_INTENTION}.")


def _call_folder_of(part: Path) -> Path:
    return part.parent.parent if part.parent.name.isdecimal() and len(part.parent.name) == 3 else part.parent


def _remove_parts(call_folder: Path) -> None:
    """Remove `.part` files, but not the only trace of an attempt."""
    for part in [*call_folder.glob(".*.part"), *call_folder.glob("[0-9][0-9][0-9]/.*.part")]:
        others = any(path.suffix != ".part" for path in part.parent.iterdir())
        if others or _is_unnamed_intention(part):
            part.unlink(missing_ok=True)


def read_entry(folder: Path) -> Entry:
    """Read an attempt from the disk."""
    records: list[tuple[State, StateRecord]] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob("[0-9][0-9]-*.json")):
        state: State = path.stem[3:]  # type: ignore[assignment]  # RECORD_TYPES has the valid ones
        record_type = RECORD_TYPES.get(state)
        if record_type is None:
            continue
        try:
            records.append((state, parse_record(path.read_bytes(), record_type)))
        except (OSError, ValueError, RecursionError):  # a ValidationError is a ValueError
            unreadable.append(path.name)
    return Entry(folder.parent.name, int(folder.name), folder, tuple(records), tuple(unreadable))


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
        entry = read_entry(entry.folder)
        if entry.attempt != max(attempt.attempt for attempt in ledger.attempts(entry.key)):
            raise PresetError(f"job {entry.id} has a later attempt; settle that one")
        yield entry


def _reserve_disk_space(path: Path) -> None:
    """Reserve a little disk space, so that the provider's response can be recorded even if the disk fills up."""
    with path.open("wb") as stream:
        stream.write(b"\0" * _RESERVE_BYTES)
        stream.flush()
        os.fsync(stream.fileno())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
