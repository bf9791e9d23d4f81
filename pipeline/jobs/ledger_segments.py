"""Segments of the ledger: many finished calls in two files that are created exclusively and never changed.

    ledger/segments/20261128-213000-a1b2c3d4.jsonl   a line per attempt: the files of its states, each as it was
    ledger/segments/20261128-213000-a1b2c3d4.index   a line per attempt: its summary, and where its line begins

A segment counts from the moment its index has its name; a `.jsonl` without one is an unfinished compaction, and the
calls in it still have their folders. Both files name every call: if one is damaged, the other says which calls are
held. The first line names the segments that this one replaces; those no longer count.

An index has two tables: its calls by time, and by key with fixed columns. Both are searched as bytes, so a lookup costs
about the same for a hundred calls and for ten thousand.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..core.errors import StorageFailed
from ..store.keys import digest
from .ledger_entry import Summary

DATA, INDEX = ".jsonl", ".index"
_CHECK = "check"
_END = "end"
_KEY_LINE = 80
"""Bytes of a line in the table of keys: key, the last three digits of the attempt, and the place of its row."""


@dataclass(frozen=True)
class Row:
    """A line of an index."""

    summary: Summary
    offset: int
    """Where its line begins in the data file, in bytes."""
    size: int


@dataclass(frozen=True)
class Sums:
    """What some attempts have cost."""

    jobs: int = 0
    cost_usd: float = 0.0
    rehearsals: int = 0
    rehearsal_cost_usd: float = 0.0

    def plus(self, summary: Summary, sign: int = 1) -> Sums:
        """Return the sums with an attempt added, or taken away if `sign` is -1."""
        usd = sign * summary.cost_usd
        if summary.rehearsal:
            return Sums(self.jobs, self.cost_usd, self.rehearsals + sign, self.rehearsal_cost_usd + usd)
        return Sums(self.jobs + sign, self.cost_usd + usd, self.rehearsals, self.rehearsal_cost_usd)

    def __add__(self, other: Sums) -> Sums:
        """Return both together."""
        return Sums(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class SegmentGone(Exception):
    """The segment was replaced while it was read; list the segments again."""


class Segment:
    """A segment that counts."""

    def __init__(self, path: Path, index: bytes) -> None:
        """Take the index as it was read; if it is damaged, build it from the data.

        Args:
            path: the data file.
            index: the content of the index file.
        """
        self.path, self.name = path, path.stem
        self.complete = True
        """False if calls may be missing: neither file says which ones it held."""
        header, _, tables = index.partition(b"\n")
        values = _checked(header)
        self.intact = values is not None and values.get("tables") == hashlib.sha256(tables).hexdigest()
        """Whether the index is as it was written."""
        if values is None or not self.intact:
            values, tables = self._rebuild()
        self._by_key, self._by_time = _split(tables, values["attempts"])
        self.replaces: tuple[str, ...] = tuple(values["replaces"]) if self.complete else ()
        self.count: int = values["attempts"]
        self.sums: dict[str, Sums] = {month: Sums(*sums) for month, sums in values["sums"].items()}
        """By month, such as "2026-11"."""

    def _rebuild(self) -> tuple[dict[str, Any], bytes]:
        """Read all lines of the data; return the header's values, and the tables."""
        rows: list[Row] = []
        ended, offset = False, 0
        replaces: list[str] = []
        with suppress(OSError), self.path.open("rb") as stream:
            for line in stream:
                values = _checked(line)
                if values is not None and "files" in values:
                    summary = _summary(values["summary"])
                    rows.append(Row(summary, offset, len(line)))
                elif values is not None and _END in values:
                    ended = values[_END] == len(rows)
                elif values is not None:
                    replaces = values["replaces"]
                offset += len(line)
        self.complete = ended
        return {"replaces": replaces, **_totals(rows)}, "".join(_table_lines(rows)).encode()

    def find(self, head: str) -> Iterator[Row]:
        """Yield the rows of all calls whose key begins with `head`."""
        wanted = head.encode()
        number = bisect_left(range(self.count), wanted, key=lambda each: self._key_line(each)[: len(wanted)])
        while number < self.count and (line := self._key_line(number)).startswith(wanted):
            begin = int(line[_KEY_LINE - 11 :])
            yield _row(self._by_time[begin : self._by_time.index(b"\n", begin)])
            number += 1

    def _key_line(self, number: int) -> bytes:
        return self._by_key[number * _KEY_LINE : (number + 1) * _KEY_LINE]

    def rows(self, needle: str = "", newest: int | None = None) -> Iterator[Row]:
        """Yield the rows whose text contains `needle`, newest first; the caller checks which value contains it.

        Args:
            needle: a value as JSON; every row contains "".
            newest: stop after this many.
        """
        wanted, end, left = needle.encode(), len(self._by_time), newest
        while end > 0 and left != 0:
            at = self._by_time.rfind(wanted, 0, end) if wanted else end - 1
            if at < 0:
                return
            begin = self._by_time.rfind(b"\n", 0, at) + 1
            yield _row(self._by_time[begin : self._by_time.index(b"\n", at)])
            left = None if left is None else left - 1
            end = begin

    def files(self, row: Row) -> dict[str, bytes] | None:
        """Return the files of an attempt by name; None if they are damaged.

        Raises:
            SegmentGone: another process has removed the segment.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(row.offset)
                values = _checked(stream.read(row.size))
        except OSError:
            if not self.path.with_suffix(INDEX).exists():
                raise SegmentGone(self.name) from None
            return None
        if values is None or (values["key"], values["attempt"]) != (row.summary.key, row.summary.attempt):
            return None
        return {name: text.encode() for name, text in values["files"].items()}


class Segments:
    """The segments of one ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def live(self) -> list[Segment]:
        """Return the segments that count.

        Raises:
            StorageFailed: an index cannot be read.
        """
        names: set[str] | None = None
        while True:
            listed = self._names(INDEX)
            if listed != names:  # listed twice: a name that comes and one that goes may both be missed once
                names = listed
                continue
            try:
                segments = [_open_segment(self.folder / f"{name}{DATA}") for name in sorted(listed)]
            except SegmentGone:
                names = None
                continue
            replaced = {name for segment in segments for name in segment.replaces}
            return [segment for segment in segments if segment.name not in replaced]

    def leftovers(self) -> list[Path]:
        """Return files that no longer count, in the order in which they may be removed."""
        live, indexed = {segment.name for segment in self.live()}, self._names(INDEX)
        replaced = [self.folder / f"{name}{ending}" for name in sorted(indexed - live) for ending in (INDEX, DATA)]
        unfinished = [self.folder / f"{name}{DATA}" for name in sorted(self._names(DATA) - indexed)]
        return [*replaced, *unfinished, *self.folder.glob(".*.part")]

    def _names(self, ending: str) -> set[str]:
        try:
            return {path.stem for path in self.folder.iterdir() if path.suffix == ending and path.name[0] != "."}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise StorageFailed(f"{self.folder}: {error.strerror or error}") from error


_opened: dict[Path, tuple[tuple[int, int, int], Segment]] = {}


def _open_segment(path: Path) -> Segment:
    """Return a segment; each is read once per process, because its files never change."""
    index = path.with_suffix(INDEX)
    try:
        status = index.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = _opened.get(path)
        if known is None or known[0] != stamp:
            for other in [each for each in list(_opened) if each.parent == path.parent and not each.exists()]:
                _opened.pop(other, None)
            known = _opened[path] = (stamp, Segment(path, index.read_bytes()))
    except FileNotFoundError:
        raise SegmentGone(path.stem) from None
    except OSError as error:
        raise StorageFailed(f"{index}: {error.strerror or error}") from error
    return known[1]


def data_header(replaces: Sequence[str]) -> str:
    """Return the first line of a data file."""
    return _line({"segment": 1, "replaces": list(replaces)})


def data_line(summary: Summary, files: dict[str, str]) -> str:
    """Return the line of an attempt in a data file."""
    key, attempt = summary.key, summary.attempt
    return _line({"key": key, "attempt": attempt, "summary": astuple(summary), "files": files})


def data_end(count: int) -> str:
    """Return the last line of a data file."""
    return _line({_END: count})


def index_lines(rows: Iterable[Row], replaces: Sequence[str]) -> Iterator[str]:
    """Yield the lines of an index."""
    rows = list(rows)
    tables = _table_lines(rows)
    check = hashlib.sha256("".join(tables).encode()).hexdigest()
    yield _line({"segment": 1, "replaces": list(replaces), **_totals(rows), "tables": check})
    yield from tables


def _table_lines(rows: Iterable[Row]) -> list[str]:
    """Return the lines of both tables: keys with the place of their row, and rows."""
    ordered = sorted(rows, key=_time_order)
    lines = [json.dumps([row.offset, row.size, *astuple(row.summary)]) + "\n" for row in ordered]
    begins = accumulate(map(len, lines), initial=0)
    keys = [
        f"{row.summary.key:<64} {row.summary.attempt % 1000:03} {begin:010}\n"
        for row, begin in zip(ordered, begins, strict=False)
    ]
    return [*sorted(keys), *lines]


def _split(tables: bytes, count: int) -> tuple[bytes, bytes]:
    return tables[: count * _KEY_LINE], tables[count * _KEY_LINE :]


def _row(line: bytes) -> Row:
    offset, size, *summary = json.loads(line)
    return Row(_summary(summary), offset, size)


def _time_order(row: Row) -> tuple[str, str, int]:
    return row.summary.at, row.summary.key, row.summary.attempt


def _totals(rows: Sequence[Row]) -> dict[str, Any]:
    sums: dict[str, Sums] = {}
    for row in sorted(rows, key=_time_order):  # so that the same rows give the same sums
        month = row.summary.at[:7]
        sums[month] = sums.get(month, Sums()).plus(row.summary)
    return {"attempts": len(rows), "sums": {month: astuple(each) for month, each in sums.items()}}


def _summary(values: Sequence[Any]) -> Summary:
    named = dict(zip((field.name for field in fields(Summary)), values, strict=False))  # newer versions may add some
    return Summary(**{**named, "file": tuple(named["file"]) if named["file"] else None})


def _line(values: dict[str, Any]) -> str:
    body = json.loads(json.dumps(values))
    return json.dumps({**body, _CHECK: digest(body)}) + "\n"


def _checked(line: bytes) -> dict[str, Any] | None:
    """Return the values of a line; None if it is damaged."""
    try:
        values = json.loads(line)
        check = values.pop(_CHECK)
    except (ValueError, AttributeError, KeyError, RecursionError):
        return None
    return values if digest(values) == check else None
