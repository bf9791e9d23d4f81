"""List what takes space in a store, and remove what was not used for longest.

A result is a record and the objects that it refers to; an object is removed with the last record that refers to it.
Records carry the time of their last use. A file is first renamed, and put back if it was used in the meantime: a
process that looks a result up marks it as used before it reads it, so it finds the result complete or not at all.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import PresetError
from .store import Store, files_in

GRACE_S = 3600.0
"""What was used within this time is kept: a process may have just stored it, and not yet its record."""
_TOMB = ".pruned"


@dataclass(frozen=True)
class PruneLimits:
    """What may be removed: what was not used for some time, or the oldest until a size is reached; or both."""

    older_than_s: float | None = None
    """Remove what was not used for this time."""
    keep_bytes: int | None = None
    """Remove the oldest until all content takes at most this much."""
    now: float = field(default_factory=time.time)
    """In seconds since the epoch."""
    dry_run: bool = False
    """Whether only to count."""
    grace_s: float = GRACE_S
    """What was used within this time stays."""

    def require_one(self) -> None:
        """Check that something may be removed.

        Raises:
            PresetError: neither limit is set.
        """
        if self.older_than_s is None and self.keep_bytes is None:
            raise PresetError("nothing says what may be removed; pass --older-than 30d, --keep 50GB, or both")

    def is_idle(self, used_at: float) -> bool:
        """Return whether what was last used then is not protected by the grace time."""
        return self.now - used_at >= self.grace_s

    def is_due(self, used_at: float, left_bytes: int) -> bool:
        """Return whether what was last used then, in seconds since the epoch, may go while so much is left."""
        too_old = self.older_than_s is not None and self.now - used_at >= self.older_than_s
        return too_old or (self.keep_bytes is not None and left_bytes > self.keep_bytes)


@dataclass(frozen=True)
class StoredResult:
    """A result's record and the objects in the store that it refers to."""

    key: str
    node: str
    """The node that computed it; "" for a cache entry or an unreadable record."""
    path: Path
    used_at: float
    """The last use, in seconds since the epoch."""
    objects: tuple[Path, ...]


@dataclass(frozen=True)
class Contents:
    """What a store contains."""

    results: tuple[StoredResult, ...]
    """Sorted by their last use, oldest first."""
    object_sizes: dict[Path, int]
    """Size of every object, in bytes; the unfinished ones of killed processes are among them."""

    @property
    def size_bytes(self) -> int:
        """Size of all objects."""
        return sum(self.object_sizes.values())


@dataclass
class Pruned:
    """What was removed, or would be."""

    results: list[str] = field(default_factory=list)
    """Keys of the removed results."""
    objects: int = 0
    freed_bytes: int = 0
    left_bytes: int = 0


def read_contents(store: Store) -> Contents:
    """List all results and objects of a store."""
    sizes = _file_sizes(path for path in store.root.glob("objects/??/*") if path.suffix != _TOMB)
    results = sorted(_read_results(store, sizes), key=lambda result: (result.used_at, result.key))
    return Contents(tuple(results), sizes)


def _file_sizes(paths: Iterable[Path]) -> dict[Path, int]:
    sizes = {}
    for path in paths:
        with suppress(OSError):
            sizes[path] = path.stat().st_size
    return sizes


def prune(
    store: Store,
    limits: PruneLimits,
    *,
    keep_keys: Collection[str] = (),
    keep_objects: Collection[Path] = (),
    others: Collection[Path] = (),
    on_step: Callable[[], None] = lambda: None,
) -> Pruned:
    """Remove results that were not used for longest, and objects that nothing refers to any more.

    Args:
        store: the store.
        limits: what may be removed.
        keep_keys: results that are kept, with their objects.
        keep_objects: objects that are kept in any case.
        others: files beside the objects that may go as one that nothing refers to.
        on_step: called often; it may raise to stop.

    The caller makes sure that no other process prunes the store.
    """
    if not limits.dry_run:
        for tomb in [*store.root.glob(f"results/??/*{_TOMB}"), *store.root.glob(f"objects/??/*{_TOMB}")]:
            tomb.unlink(missing_ok=True)  # left by a process that was killed
    contents = read_contents(store)
    contents.object_sizes.update(_file_sizes(others))
    references = Counter(path for result in contents.results for path in result.objects)
    pruned = Pruned(left_bytes=contents.size_bytes)
    protected = set(keep_objects)
    for path in [path for path in contents.object_sizes if path not in references]:
        on_step()
        used_at = _modified_at(path)
        if path not in protected and used_at is not None and _is_due(used_at, limits, pruned):
            _drop_object(path, used_at, contents, pruned, dry_run=limits.dry_run)
    for result in contents.results:
        on_step()
        if result.key in keep_keys or not _is_due(result.used_at, limits, pruned):
            continue
        if not limits.dry_run and not _remove(result.path, result.used_at):
            continue
        pruned.results.append(result.key)
        for path in result.objects:
            references[path] -= 1
            used_at = max(result.used_at, _modified_at(path) or 0)
            if not references[path] and path not in protected and limits.is_idle(used_at):
                _drop_object(path, used_at, contents, pruned, dry_run=limits.dry_run)
    _drop_recipes(store, limits)
    return pruned


def _drop_recipes(store: Store, limits: PruneLimits) -> None:
    """Remove the recipes of results that are gone."""
    for path, key in store.recipes.with_keys():
        written_at = _modified_at(path)
        is_new = written_at is None or limits.now - written_at < limits.grace_s
        result = store.root / "results" / key[:2] / f"{key}.json"
        if not limits.dry_run and not is_new and not result.exists():
            path.unlink(missing_ok=True)


def _is_due(used_at: float, limits: PruneLimits, pruned: Pruned) -> bool:
    return limits.is_idle(used_at) and limits.is_due(used_at, pruned.left_bytes)


def _drop_object(path: Path, used_at: float, contents: Contents, pruned: Pruned, *, dry_run: bool) -> None:
    if dry_run or _remove(path, used_at):
        size = contents.object_sizes.get(path, 0)
        pruned.objects += 1
        pruned.freed_bytes += size
        pruned.left_bytes -= size


def _remove(path: Path, used_at: float) -> bool:
    """Remove a file; put it back and return False if it was used after `used_at`."""
    tomb = path.with_name(path.name + _TOMB)
    try:
        path.replace(tomb)
        if tomb.stat().st_mtime > used_at:
            tomb.replace(path)
            return False
        tomb.unlink()
    except OSError:  # removed by another process, or in use on Windows
        return False
    return True


def _read_results(store: Store, sizes: dict[Path, int]) -> Iterator[StoredResult]:
    for path in store.root.glob("results/??/*.json"):
        used_at = _modified_at(path)
        if used_at is None:
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            objects = {store.object_path(file) for file in files_in(record["value"])}
            node = str(record["parts"].get("node", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            objects, node = set(), ""
        yield StoredResult(path.stem, node, path, used_at, tuple(sorted(objects & sizes.keys())))


def _modified_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
