"""Compact the ledger: move finished calls from their folders to a segment, so that thousands cost no more than a few.

1. The calls are written to the segment's data file, which is read back and compared.
2. Its index is created: from now on the segment counts, and the segments that it replaces do not.
3. The folders of the calls, and the files of the replaced segments, are removed.

Every file is created exclusively and complete, so a process may be killed at any point: before 2, the folders are there
and the data file is removed by the next compaction; after 2, both say the same, and the next compaction goes on with 3.
An attempt is in one segment only: one that got another state since is moved to the new segment, with its old one.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import StorageFailed
from ..store.atomic import is_locked, storage_errors, sync_folder, try_acquire, write_new, write_new_lines
from .ledger import RESERVE, Ledger
from .ledger_entry import RECORD_TYPES, Summary, summarize
from .ledger_folders import attempt_folders, call_folders, state_names
from .ledger_segments import DATA, INDEX, Row, Segment, data_end, data_header, data_line, index_lines

COMPACT_FROM = 64
"""Folders of finished calls from which on a compaction is worth it."""
_ABSORB = 4
"""A segment is replaced by a new one of at least this fraction of its size."""


@dataclass(frozen=True)
class _Attempt:
    """An attempt to be written."""

    summary: Summary
    files: dict[str, bytes]


def compact(ledger: Ledger, at_least: int = COMPACT_FROM) -> int:
    """Compact the finished calls if there are enough folders; return how many attempts were written to a segment.

    Nothing happens while another process compacts.

    Raises:
        StorageFailed: the ledger cannot be written; nothing is lost.
    """
    folders = [folder for folder in call_folders(ledger.root) if _may_be_finished(folder)]
    if len(folders) < at_least:
        return 0
    root = ledger.segments.folder
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        sync_folder(root.parent)
        lock = try_acquire(root / "lock")
    if lock is None:
        return 0
    with contextlib.closing(lock):
        _remove_leftovers(ledger)
        attempts = [attempt for folder in folders for attempt in _finished(ledger, folder)]
        written = _write_segment(ledger, attempts)
        for folder in folders:
            _remove_folder(ledger, folder)
        _remove_leftovers(ledger)
    return written


def _may_be_finished(folder: Path) -> bool:
    """Return whether every attempt of a call seems finished, by the names of its files."""
    last = [max(state_names(each), default="") for each in attempt_folders(folder)]
    return all(name[3:].removesuffix(".json") in ("done", "failed", "void") for name in last)


def _finished(ledger: Ledger, folder: Path) -> list[_Attempt]:
    """Return the attempts of a call's folder if all are finished and readable and no process works on the call."""
    if is_locked(folder / "lock"):
        return []
    attempts = []
    for each in attempt_folders(folder):
        entry = ledger.read(folder.name, int(each.name))
        files = _files_in(each) | _stored_files(ledger, entry.key, entry.attempt)
        others = {path.name for path in each.iterdir()} - {RESERVE, *files}
        if others or entry.open or entry.unreadable or entry.intended is None or not all(map(_can_move, files.items())):
            return []
        attempts.append(_Attempt(summarize(entry), files))
    return attempts


def _can_move(item: tuple[str, bytes]) -> bool:
    """Return whether a file is of a state that this version knows, and is text."""
    with suppress(ValueError):
        item[1].decode()
        return item[0][3:].removesuffix(".json") in RECORD_TYPES
    return False


def _files_in(folder: Path) -> dict[str, bytes]:
    """Return the files of states in an attempt's folder."""
    return {name: (folder / name).read_bytes() for name in state_names(folder)}


def _stored_files(ledger: Ledger, key: str, attempt: int) -> dict[str, bytes]:
    """Return the files of an attempt in the segments; none if no segment has it, or its line is damaged."""
    files: dict[str, bytes] = {}
    for segment in ledger.segments.live():
        for row in segment.find(key):
            files |= (segment.files(row) or {}) if row.summary.attempt == attempt else {}
    return files


def _write_segment(ledger: Ledger, attempts: list[_Attempt]) -> int:
    """Write the attempts that are not in a segment as they are now; return how many."""
    new = [each for each in attempts if _stored_files(ledger, each.summary.key, each.summary.attempt) != each.files]
    new, replaced = _segments_to_replace(ledger.segments.live(), new)
    if not new:
        return 0
    path = ledger.segments.folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}{DATA}"
    names, rows = [segment.name for segment in replaced], []

    def lines() -> Iterator[str]:
        header = data_header(names)
        offset = len(header)
        yield header
        for attempt in (*new, *_attempts_of(replaced, new)):
            line = data_line(attempt.summary, {name: data.decode() for name, data in attempt.files.items()})
            rows.append(Row(attempt.summary, offset, len(line)))
            offset += len(line)
            yield line
        yield data_end(len(rows))

    write_new_lines(path, lines(), private=True)
    index = "".join(index_lines(rows, names))
    written = Segment(path, b"")  # without an index it is read completely
    if not written.complete or "".join(index_lines(written.rows(), written.replaces)) != index:
        raise StorageFailed(f"{path} cannot be read back as it was written; the ledger was not compacted")
    write_new(path.with_suffix(INDEX), index, private=True)
    return len(new)


def _segments_to_replace(segments: list[Segment], new: list[_Attempt]) -> tuple[list[_Attempt], list[Segment]]:
    """Return the attempts that can be written, and the segments that a new one with them replaces.

    Those are the ones that have an older version of an attempt, and small ones, so that there are few segments however
    many calls there are. A damaged segment stays, and so do the folders of its calls.
    """
    stuck, replaced = set(), []
    for segment in segments:
        older = {each.summary.key for each in new if any(segment.find(each.summary.key))}
        if older and _is_intact(segment):
            replaced.append(segment)
        elif older:
            stuck |= older
    new = [each for each in new if each.summary.key not in stuck]
    total = len(new) + sum(segment.count for segment in replaced)
    for segment in sorted(segments, key=lambda each: each.count):
        if segment not in replaced and segment.count <= _ABSORB * total and _is_intact(segment):
            replaced.append(segment)
            total += segment.count
    return new, replaced


def _is_intact(segment: Segment) -> bool:
    return segment.complete and all(segment.files(row) is not None for row in segment.rows())


def _attempts_of(segments: list[Segment], new: list[_Attempt]) -> Iterator[_Attempt]:
    """Yield the attempts of some segments, without those that are written as they are now."""
    moved = {(each.summary.key, each.summary.attempt) for each in new}
    for segment in segments:
        for row in segment.rows():
            files = segment.files(row)
            if (row.summary.key, row.summary.attempt) not in moved and files is not None:
                yield _Attempt(row.summary, files)


def _remove_folder(ledger: Ledger, folder: Path) -> None:
    """Remove the folder of a call if a segment has everything in it, and no process works on the call."""
    with suppress(OSError, StorageFailed), contextlib.ExitStack() as stack:
        lock = try_acquire(folder / "lock")
        if lock is None:
            return
        stack.callback(lock.close)
        attempts = attempt_folders(folder)
        for attempt in attempts:
            stored = _stored_files(ledger, folder.name, int(attempt.name))
            files = {path.name: path.read_bytes() for path in attempt.iterdir() if path.name != RESERVE}
            if any(stored.get(name) != data for name, data in files.items()):
                return
        for attempt in attempts:
            for path in sorted(attempt.iterdir()):
                path.unlink()
        for attempt in [path for path in folder.iterdir() if path.is_dir()]:
            attempt.rmdir()
        (folder / "lock").unlink()
        folder.rmdir()
        folder.parent.rmdir()


def _remove_leftovers(ledger: Ledger) -> None:
    """Remove replaced segments, and data files that got no index.

    Raises:
        StorageFailed: one cannot be removed; a new segment must not be written then, since old ones could count again.
    """
    with storage_errors(ledger.segments.folder):
        for path in ledger.segments.leftovers():
            path.unlink(missing_ok=True)
