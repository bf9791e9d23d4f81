"""Remove from a bucket what no machine has used for longest.

A record's time is that of its last change, and a reader changes a record that it finds older than `REFRESH_S`
(object_store.py). So what was changed within that time and an hour may be in use, and is kept. A record is removed by
replacing the very version that was found old: if a machine has used or made it since, the bucket refuses. Its content
follows once no record refers to it. A reader that finds a record without its content makes the result again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.file import File
from ..storage.object_bucket import ObjectBucket
from .object_store import REFRESH_S, object_name
from .prune import GRACE_S, Pruned, PruneLimits
from .store import files_in

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
    return pruning.pruned


class _Pruning:
    """What a bucket has, and what was removed of it so far."""

    def __init__(self, bucket: ObjectBucket, limits: PruneLimits, protected: Collection[str]) -> None:
        self._bucket, self._limits, self._protected = bucket, limits, protected
        self.contents = {item.name: item for item in bucket.items("objects/")}
        self.references: Counter[str] = Counter()
        self.pruned = Pruned(left_bytes=sum(item.size_bytes for item in self.contents.values()))

    def is_due(self, used_at: float) -> bool:
        """Return whether something that was last used then may go."""
        return self._is_idle(used_at) and self._limits.is_due(used_at, self.pruned.left_bytes)

    def drop_result(self, result: BucketResult) -> None:
        """Empty a record and remove the content that only it refers to, unless it was used since it was listed."""
        if not self._limits.dry_run and not self._bucket.replace(result.name, _TOMB, result.etag):
            return
        self.pruned.results.append(result.key)
        self.references.subtract(result.objects)
        for name in result.objects:
            self.drop_content(name)

    def drop_content(self, name: str) -> None:
        """Remove content that nothing refers to, and that nobody has just stored."""
        item = self.contents.get(name)
        if item is None or name in self._protected or self.references[name] or not self._is_idle(item.modified_at):
            return
        if not self._limits.dry_run:
            self._bucket.remove(name)
        self.pruned.objects += 1
        self.pruned.freed_bytes += item.size_bytes
        self.pruned.left_bytes -= item.size_bytes

    def drop_tomb(self, result: BucketResult) -> None:
        """Remove a record that an earlier prune has emptied, once nobody can be about to fill it."""
        if self._is_idle(result.used_at) and not self._limits.dry_run:
            self._bucket.remove(result.name)

    def _is_idle(self, used_at: float) -> bool:
        return self._limits.now - used_at >= REFRESH_S + GRACE_S


def read_results(bucket: ObjectBucket, on_step: Callable[[], None]) -> Iterator[BucketResult]:
    """Read the record of every result; one that is not readable refers to nothing."""
    for item in bucket.items("results/"):
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
