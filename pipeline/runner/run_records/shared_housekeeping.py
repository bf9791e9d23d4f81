"""Prune the store that several machines share: `react1 prune --shared`.

Kept are takes that were paid for by any machine, and what a running or resumable run of this home uses; of the runs of
others only their last use is known. One machine prunes at a time, by a lease in the store.

In a bucket a record's time is that of its last change, and a reader changes a record that it finds older than
`REFRESH_S` (store/object_store.py). So what was changed within that time and an hour may be in use, and is kept; in a
folder, too, since a run of another machine may need at its end what it has used at its beginning. In a bucket a
record is removed by replacing the very version that was found old: if a machine has used or made it since, the bucket
refuses. Its content follows at the end, if no record refers to it then: a machine that computes the same bytes under
another key uploads nothing. A reader that finds a record without its content makes the result again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import PresetError, StorageFailed
from ...core.file import File
from ...core.settings import shared_store
from ...jobs.ledger import Ledger
from ...jobs.ledger_entry import JOB_METRICS
from ...storage.object_bucket import ListedObject, ObjectBucket
from ...store.lease import TTL_S, Lease, Leases, LeaseTaken
from ...store.object_store import REFRESH_S, object_name
from ...store.prune import GRACE_S, Pruned, PruneLimits, prune
from ...store.store import Store, files_in
from ...store.store_backend import Records
from .housekeeping import keys_in_use

IDLE_S = REFRESH_S + GRACE_S
"""What was used within this time is kept."""
_TOMB = b"{}"
"""The text of a record that was removed: no result, so the next machine that computes it replaces this."""


@dataclass(frozen=True)
class BucketResult:
    """A result's record in a bucket."""

    key: str
    name: str
    etag: str
    used_at: float
    """Its last change, in seconds since the epoch."""
    objects: tuple[str, ...]
    value: Any
    removed: bool
    """Whether an earlier prune has emptied it."""


def prune_bucket(
    bucket: ObjectBucket,
    limits: PruneLimits,
    *,
    keeps: Callable[[BucketResult], bool] = lambda _: False,
    keep_files: Collection[File] = (),
    on_step: Callable[[], None] = lambda: None,
) -> Pruned:
    """Remove results that were not used for longest, and content that no result refers to any more.

    Args:
        bucket: the store.
        limits: what may be removed.
        keeps: whether a result is kept, with its content.
        keep_files: content that is kept in any case.
        on_step: called often; it may raise to stop.

    Raises:
        StorageFailed: the bucket refuses, or cannot be reached.
    """
    pruning = _Pruning(bucket, limits, {object_name(file) for file in keep_files})
    results = sorted(read_results(bucket, on_step), key=lambda result: (result.used_at, result.key))
    pruning.references.update(name for result in results for name in result.objects)
    for name, item in pruning.contents.items():
        if pruning.is_due(item.modified_at):
            pruning.drop_content(name)
    for result in results:
        on_step()
        if result.removed:
            pruning.drop_tomb(result)
        elif pruning.is_due(result.used_at) and not keeps(result):
            pruning.drop_result(result)
    if not limits.dry_run:
        pruning.remove_dropped(_new_references(bucket, results, on_step), on_step)
    return pruning.pruned


def _new_references(bucket: ObjectBucket, listed: Collection[BucketResult], on_step: Callable[[], None]) -> set[str]:
    """Return the content of results that were stored or changed since they were listed."""
    times_s = {result.name: int(result.used_at) for result in listed}  # some buckets list fractions of a second
    changed = (item for item in bucket.items("results/") if times_s.get(item.name) != int(item.modified_at))
    return {name for result in _read_listed(bucket, changed, on_step) for name in result.objects}


class _Pruning:
    """What a bucket has, and what was removed of it so far."""

    def __init__(self, bucket: ObjectBucket, limits: PruneLimits, protected: Collection[str]) -> None:
        self._bucket, self._limits, self._protected = bucket, limits, protected
        self.contents = {item.name: item for item in bucket.items("objects/")}
        self.references: Counter[str] = Counter()
        self.pruned = Pruned(left_bytes=sum(item.size_bytes for item in self.contents.values()))
        self._dropped: list[str] = []
        """Content that is to be removed."""

    def is_due(self, used_at: float) -> bool:
        """Return whether something that was last used then may go."""
        return self._is_idle(used_at) and self._limits.is_due(used_at, self.pruned.left_bytes)

    def drop_result(self, result: BucketResult) -> None:
        """Empty a record and drop the content that only it refers to, unless it was used since it was listed."""
        if not self._limits.dry_run and not self._bucket.replace(result.name, _TOMB, result.etag):
            return
        self.pruned.results.append(result.key)
        self.references.subtract(result.objects)
        for name in result.objects:
            self.drop_content(name)

    def drop_content(self, name: str) -> None:
        """Drop content that nothing refers to, and that nobody has just stored."""
        item = self.contents.get(name)
        if item is None or name in self._protected or self.references[name] or not self._is_idle(item.modified_at):
            return
        self._dropped.append(name)
        self._count(1, item.size_bytes)

    def remove_dropped(self, referenced: Collection[str], on_step: Callable[[], None]) -> None:
        """Remove the dropped content, but not what is referred to by now."""
        for name in self._dropped:
            on_step()
            if name in referenced:
                self._count(-1, -self.contents[name].size_bytes)
            else:
                self._bucket.remove(name)

    def _count(self, objects: int, size_bytes: int) -> None:
        self.pruned.objects += objects
        self.pruned.freed_bytes += size_bytes
        self.pruned.left_bytes -= size_bytes

    def drop_tomb(self, result: BucketResult) -> None:
        """Remove a record that an earlier prune has emptied, once nobody can be about to fill it."""
        if self._is_idle(result.used_at) and not self._limits.dry_run:
            self._bucket.remove(result.name)

    def _is_idle(self, used_at: float) -> bool:
        return self._limits.now - used_at >= IDLE_S


def read_results(bucket: ObjectBucket, on_step: Callable[[], None]) -> Iterator[BucketResult]:
    """Read the record of every result; one that is not readable refers to nothing."""
    return _read_listed(bucket, bucket.items("results/"), on_step)


def _read_listed(
    bucket: ObjectBucket, items: Iterable[ListedObject], on_step: Callable[[], None]
) -> Iterator[BucketResult]:
    for item in items:
        on_step()
        record = bucket.read(item.name)
        if record is None:
            continue
        content, etag, modified_at = record
        value: Any = None
        try:
            value = json.loads(content)["value"]
            objects = tuple(sorted({object_name(file) for file in files_in(value)}))
        except (ValueError, KeyError, TypeError):
            objects = ()
        key = item.name.removeprefix("results/").removesuffix(".json")
        yield BucketResult(key, item.name, etag, modified_at, objects, value, content == _TOMB)


LEASE = "prune"
RENEW_S = TTL_S / 4


def prune_shared(home: Path, limits: PruneLimits, *, paid: bool = False) -> Pruned:
    """Prune the store at REACT1_STORE; with `paid` also takes that were paid for.

    Raises:
        PresetError: neither limit is set, or no store is shared.
        StorageFailed: another machine prunes it, or it cannot be reached.
    """
    place = shared_store()
    limits.require_one()
    if not place:
        raise PresetError("--shared: no store is shared; set REACT1_STORE to a bucket or a folder")
    store, used = Store(home, place=place), keys_in_use(home)
    takes = [] if paid else [call.take for call in Ledger(home).summaries() if call.take]
    with contextlib.closing(store), _lease(store.backend.records) as renew:
        if place.startswith("s3://"):
            return prune_bucket(
                ObjectBucket(place),
                limits,
                keeps=lambda result: result.key in used or (not paid and is_paid_take(result.value)),
                keep_files=takes,
                on_step=renew,
            )
        folder = Store(Path(store.backend.place), read_only=True, place="")
        paid_keys = set() if paid else set(_paid_keys(folder, renew))
        objects = {folder.object_path(file) for file in takes}
        limits = replace(limits, grace_s=IDLE_S)
        return prune(folder, limits, keep_keys=used | paid_keys, keep_objects=objects, on_step=renew)


def is_paid_take(value: Any) -> bool:
    """Return whether the value of a result is a take that a provider, or a plug-in's service, was paid for."""
    metrics = value.get("metrics") if isinstance(value, dict) else None
    return isinstance(metrics, dict) and (JOB_METRICS in metrics or bool(value.get("cost_usd")))


def _paid_keys(folder: Store, on_step: Callable[[], None]) -> Iterator[str]:
    for name in folder.backend.records.names("results"):
        on_step()
        stored = folder.result(name.rpartition("/")[2])
        if stored is not None and is_paid_take(stored["value"]):
            yield name.rpartition("/")[2]


@contextlib.contextmanager
def _lease(records: Records) -> Iterator[Callable[[], None]]:
    """Hold the lease for pruning; yield what renews it from time to time.

    Raises:
        StorageFailed: another machine has it, and is alive.
    """
    leases, deadline_s = Leases(records, owner=LEASE), time.monotonic() + TTL_S + RENEW_S
    while True:
        try:
            held = leases.acquire(LEASE, time.monotonic())
            break
        except LeaseTaken as error:
            if time.monotonic() > deadline_s:  # it is renewed, so its holder is alive
                raise StorageFailed(f"{error.lease.holder} prunes this store at the moment; wait for it") from error
            time.sleep(1)
    state: list[tuple[Lease, float]] = [(held, time.monotonic())]

    def renew() -> None:
        lease, at_s = state[-1]
        if time.monotonic() - at_s > RENEW_S:
            state[:] = [(leases.renew(lease), time.monotonic())]

    try:
        yield renew
    finally:
        leases.release(state[-1][0])
