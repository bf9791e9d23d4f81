"""The ledger on disk: one folder per call and attempt, one file per state, each created exclusively.

    ledger/ab/<key>/lock                       held by the process that works on the call
    ledger/ab/<key>/001/00-intended.json
    ledger/ab/<key>/001/01-accepted.json
    ledger/ab/<key>/001/02-done.json
    ledger/ab/<key>/001/reserve                disk space for the states to come
    ledger/segments/                           finished calls, many in a file (ledger_segments.py)

A file that is truncated or unreadable counts as not written, but an attempt that left any file behind exists: it holds
the call until its outcome is known. Only `.part` files, which never got their name, are removed. No state is ever
changed, and none is removed before a segment has it, so the design also works on an object store with conditional puts;
there the lock, which only spares a second process from asking the provider, would be a lease.

Folders are read before segments: what a compaction removes from a folder while it is read is in a segment by then.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ..core.errors import PresetError, StorageFailed
from ..store.atomic import FileLock, acquire, storage_errors, temporary_path, try_acquire, write_new
from .ledger_entry import (
    ID_DIGITS,
    Call,
    Entry,
    Intended,
    State,
    StateRecord,
    Summary,
    build_entry,
    format_record,
    summarize,
)
from .ledger_entry import job_id as make_job_id
from .ledger_folders import (
    INTENTION,
    attempt_folders,
    attempts_on_disk,
    call_folders,
    calls_with_parts,
    has_trace,
    read_files,
    remove_parts,
    state_names,
)
from .ledger_segments import Row, Segment, SegmentGone, Segments, Sums

RESERVE = "reserve"
"""The file that keeps disk space for the states to come."""
_RESERVE_BYTES = 64 << 10
_MAX_RECORDS = 99


class AttemptExists(Exception):
    """Another process has started this attempt."""


class Ledger:
    """All calls of one home folder."""

    def __init__(self, home: Path) -> None:
        self.root = home / "ledger"
        self.segments = Segments(self.root / "segments")
        self._read_before: dict[str, tuple[list[str], Entry]] = {}
        """By the folder of an attempt: the names of its files when it was read, and the attempt."""

    def lock(self, key: str) -> FileLock | None:
        """Lock a call for this process; return None while another process holds it."""
        folder = self.call_folder(key)
        with storage_errors(folder):
            while True:
                folder.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # a compaction has just removed the folder
                    return try_acquire(folder / "lock")

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no other process or thread in, such as between reading what is spent and recording what will be."""
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = acquire(self.root / "lock")
        with contextlib.closing(lock):
            yield

    def sweep(self) -> None:
        """Remove the unfinished files of processes that are gone; calls that a process works on are left alone."""
        for call_folder in calls_with_parts(self.root):
            with suppress(OSError, StorageFailed):
                lock = try_acquire(call_folder / "lock")
                if lock is None:
                    continue
                with contextlib.closing(lock):
                    remove_parts(call_folder)

    def latest(self, call: Call) -> Entry | None:
        """Return the newest attempt at a call.

        Raises:
            StorageFailed: the ledger is damaged, and may have had this call.
        """
        number = max(self._attempt_numbers(call.key), default=None)
        if number is None:
            self._require_complete()
            return None
        return self.read(call.key, number)

    def attempts(self, key: str) -> list[Entry]:
        """Return every attempt at the call with this key, in order."""
        return [self.read(key, number) for number in sorted(self._attempt_numbers(key))]

    def read(self, key: str, attempt: int) -> Entry:
        """Read an attempt: the states in its folder, and those in a segment."""
        folder = self.call_folder(key) / f"{attempt:03}"
        files, damaged = read_files(folder)
        return self._with_segment(key, attempt, folder, files, damaged)

    def entries(self) -> Iterator[Entry]:
        """Yield every attempt at every call, in no order; that takes long for thousands of calls."""
        for summary in self.summaries():
            yield self.read(summary.key, summary.attempt)

    def open_entries(self) -> list[Entry]:
        """Return every attempt whose job the provider may not have finished; none of them is in a segment."""
        return [entry for entry in self._entries_in_folders() if entry.open]

    def summaries(self, needle: str = "", newest: int | None = None) -> Iterator[Summary]:
        """Yield the summary of every attempt, newest first.

        Args:
            needle: a value as JSON; attempts whose summary does not contain it may be left out.
            newest: stop after this many.
        """
        loose = {(entry.key, entry.attempt): summarize(entry) for entry in self._entries_in_folders()}

        def in_segment(segment: Segment) -> Iterator[Summary]:
            limit = None if newest is None else newest + len(loose)
            rows = segment.rows(needle, limit)
            return (row.summary for row in rows if (row.summary.key, row.summary.attempt) not in loose)

        sources: list[Iterable[Summary]] = [in_segment(segment) for segment in self.segments.live()]
        sources.append(sorted(loose.values(), key=_age, reverse=True))
        seen: set[tuple[str, int]] = set()
        for summary in heapq.merge(*sources, key=_age, reverse=True):
            if (summary.key, summary.attempt) in seen:
                continue
            if len(seen) == newest:
                return
            seen.add((summary.key, summary.attempt))
            yield summary

    def sums(self, month: str = "") -> Sums:
        """Return what all calls have cost, or those of a month, such as "2026-11"."""
        loose = self._entries_in_folders()
        segments = self.segments.live()
        total = Sums()
        for segment in segments:
            for each in [each for name, each in segment.sums.items() if not month or name == month]:
                total += each
        for entry in loose:
            summary = summarize(entry)
            for _, row in self._find_rows(segments, entry.key, entry.attempt):
                if row.summary.at.startswith(month):
                    total = total.plus(row.summary, -1)
            if summary.at.startswith(month):
                total = total.plus(summary)
        return total

    def of_run(self, run: str) -> list[Summary]:
        """Return the attempts of a run."""
        return [summary for summary in self.summaries(json.dumps(run)) if summary.run == run]

    def damage(self) -> list[str]:
        """Return the paths of segments of which neither file says which calls it held."""
        return [str(segment.path) for segment in self.segments.live() if not segment.complete]

    def record_intent(self, intended: Intended) -> Entry:
        """Start an attempt. The POST may be sent once this has returned.

        Raises:
            AttemptExists: another process has started this attempt.
            StorageFailed: it cannot be written, or the ledger is damaged, so nothing may be sent.
        """
        self._require_complete()
        call_folder = self.call_folder(intended.call.key)
        attempt = max(self._attempt_numbers(intended.call.key), default=0) + 1
        folder = call_folder / f"{attempt:03}"
        reserve = temporary_path(call_folder / RESERVE)  # beside the folder, in which any file means an attempt
        try:
            with storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                _reserve_disk_space(reserve)
            write_new(folder / INTENTION, format_record(intended), private=True)
            with suppress(OSError):
                reserve.replace(folder / RESERVE)
        except FileExistsError:
            raise AttemptExists(f"{folder.parent.name[:12]}.{attempt}") from None
        finally:
            with suppress(OSError):
                reserve.unlink(missing_ok=True)
        return self.read(intended.call.key, attempt)

    def record(self, entry: Entry, state: State, record: StateRecord) -> Entry:
        """Write the next state of an entry, and return the entry as it is now.

        Raises:
            StorageFailed: it cannot be written.
        """
        with suppress(OSError):
            (entry.folder / RESERVE).unlink(missing_ok=True)
        for number in range(self._last_number(entry) + 1, _MAX_RECORDS):  # 00 is the intention, also if it is lost
            try:
                write_new(entry.folder / f"{number:02}-{state}.json", format_record(record), private=True)
            except FileExistsError:
                continue
            written = self.read(entry.key, entry.attempt)
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
        head = job_id.partition(".")[0][:ID_DIGITS]
        ids = {make_job_id(key, attempt): (key, attempt) for key, attempt in self._numbered(head)}
        matches = [job_id] if job_id in ids else sorted(name for name in ids if name.startswith(job_id))
        if len(matches) == 1:
            return self.read(*ids[matches[0]])
        if matches:
            raise PresetError(f"job {job_id!r} is ambiguous: {', '.join(matches[:5])}; write more of the id")
        raise PresetError(f"there is no job {job_id!r}; `react1 jobs` lists all")

    def owner(self, request_id: str, entry: Entry) -> str:
        """Return the id of a job of another call at the same provider that has a request id; "" if there is none."""
        host = entry.intended.call.host if entry.intended else ""
        loose = {(other.key, other.attempt): other for other in self._entries_in_folders()}
        others = [summarize(other) for other in loose.values() if other.request_id == request_id]
        for segment in self.segments.live():
            rows = segment.rows(json.dumps(request_id))
            others += [row.summary for row in rows if (row.summary.key, row.summary.attempt) not in loose]
        for other in sorted(others, key=_age, reverse=True):
            if other.key != entry.key and other.request_id == request_id and (not host or other.host in ("", host)):
                return other.id
        return ""

    def request_ids(self) -> set[str]:
        """Return the request ids of all calls."""
        return {summary.request_id for summary in self.summaries() if summary.request_id}

    def is_never_made(self, job_id: str, request_id: str) -> bool:
        """Return whether a job counts as never made; False if it is not in this ledger.

        Each home folder that pays for a call has an attempt of the same id, so the provider's request id decides.
        """
        key, _, attempt = job_id.partition(".")
        if not (key.isalnum() and attempt.isdecimal()):
            return False
        numbered = [(full, number) for full, number in self._numbered(key) if number == int(attempt)]
        entries = [self.read(full, number) for full, number in numbered]
        return any(entry.state == "void" and entry.request_id == request_id for entry in entries)

    def call_folder(self, key: str) -> Path:
        """Return the folder of the call with a key."""
        return self.root / key[:2] / key

    def _attempt_numbers(self, key: str) -> set[int]:
        """Return the numbers of the attempts at a call."""
        numbers = {int(folder.name) for folder in attempt_folders(self.call_folder(key))}
        for segment in self.segments.live():
            numbers |= {row.summary.attempt for row in segment.find(key)}
        return numbers

    def _require_complete(self) -> None:
        """Stop if calls may be missing from the ledger.

        Raises:
            StorageFailed: a segment and its index are damaged.
        """
        for path in self.damage():
            raise StorageFailed(
                f"{path} and its index are damaged and may have had this call, so it is not paid for; "
                "restore them from a backup, or move them away to go on without them"
            )

    def _numbered(self, head: str) -> set[tuple[str, int]]:
        """Return key and number of the attempts at all calls whose key begins with `head`."""
        if head and not head.isalnum():  # keys have letters and digits only; the rest would be a path or a pattern
            return set()
        folders = call_folders(self.root, head)
        attempts = {(folder.name, int(each.name)) for folder in folders for each in attempt_folders(folder)}
        for segment in self.segments.live():
            attempts |= {(row.summary.key, row.summary.attempt) for row in segment.find(head)}
        return attempts

    def _entries_in_folders(self) -> list[Entry]:
        """Return the attempts that have a folder: the open ones, those finished lately, and what a person settled.

        No state ever changes, so an attempt with the same files as before is not read again: with hundreds of calls in
        flight each of them asks for all.
        """
        segments = self.segments.live()
        entries, read = [], {}
        for path, names in attempts_on_disk(self.root):
            known_names, entry = self._read_before.get(path, ([], None))
            if entry is None or names != known_names or self._find_rows(segments, entry.key, entry.attempt):
                folder = Path(path)
                files, damaged = read_files(folder)
                entry = self._with_segment(folder.parent.name, int(folder.name), folder, files, damaged)
            if entry.records or entry.unreadable or has_trace(entry.folder):
                entries.append(entry)
            if not entry.unreadable:
                read[path] = (names, entry)
        self._read_before = read
        return entries

    def _with_segment(self, key: str, attempt: int, folder: Path, files: dict[str, bytes], damaged: list[str]) -> Entry:
        """Build an attempt from the files of its folder, which are read already, and those in a segment."""
        while True:
            stored: dict[str, bytes] = {}
            try:
                for segment, row in self._find_rows(self.segments.live(), key, attempt):
                    content = segment.files(row)
                    damaged = damaged if content is not None else [*damaged, segment.path.name]
                    stored |= content or {}
            except SegmentGone:
                continue
            return build_entry(key, attempt, folder, files | stored, damaged)

    def _find_rows(self, segments: Iterable[Segment], key: str, attempt: int) -> list[tuple[Segment, Row]]:
        """Return the rows of an attempt: none, or one; more only if a segment could not be removed."""
        return [(segment, row) for segment in segments for row in segment.find(key) if row.summary.attempt == attempt]

    def _last_number(self, entry: Entry) -> int:
        """Return the highest number of a state of an entry; 0 without any."""
        names = state_names(entry.folder)
        for segment, row in self._find_rows(self.segments.live(), entry.key, entry.attempt):
            stored = segment.files(row)
            names += [f"{_MAX_RECORDS // 2}-damaged"] if stored is None else stored
        return max((int(name[:2]) for name in names), default=0)


def _age(summary: Summary) -> tuple[str, str, int]:
    return summary.at, summary.key, summary.attempt


def _reserve_disk_space(path: Path) -> None:
    """Reserve a little disk space, so that the provider's response can be recorded even if the disk fills up."""
    with path.open("wb") as stream:
        stream.write(b"\0" * _RESERVE_BYTES)
        stream.flush()
        os.fsync(stream.fileno())
