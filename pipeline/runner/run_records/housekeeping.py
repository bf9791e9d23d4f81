"""What a home folder contains, by kind, film and age; and pruning it without losing what is needed or was paid for.

Never removed: the ledger, takes that were paid for, what a running or resumable run uses, and files outside the home.
Clips of MoviePy that were inputs of a run are films in the home, which nobody else removes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import PresetError, React1Error, StorageFailed
from ...core.settings import bytes_text, store_limit_bytes
from ...jobs.ledger import Ledger
from ...store.atomic import FileLock, try_acquire
from ...store.prune import Contents, Pruned, PruneLimits, prune, read_contents
from ...store.store import Store, files_in
from ..events import Message, Watcher
from .run_folder import RunFolder, all_runs, lock_keys

CLIPS = "clips"
"""The folder of a home with the clips that were inputs of runs."""
RESUMABLE = ("running", "interrupted", "failed", "choose")
"""States of runs that may go on."""
OTHER_FILM = "other"
_AGES_DAYS = ((1, "under a day"), (7, "1 to 7 days"), (30, "7 to 30 days"))
_OLDEST = "over 30 days"


@dataclass(frozen=True)
class Usage:
    """Sizes in bytes; `kinds` covers the home folder, `films` and `ages` the objects of the store."""

    kinds: dict[str, int]
    films: dict[str, int]
    """An object that several films use counts for each."""
    ages: dict[str, int]
    """By the last use."""

    @property
    def total_bytes(self) -> int:
        """Size of everything."""
        return sum(self.kinds.values())


def usage(home: Path, now: float | None = None) -> Usage:
    """Measure a home folder; `now` in seconds since the epoch."""
    store = Store(home, read_only=True)
    contents = read_contents(store)
    sizes, paid = contents.object_sizes, _paid_objects(home, store)
    kinds = {
        "paid takes": sum(sizes.get(path, 0) for path in paid),
        "results": sum(size for path, size in sizes.items() if path not in paid),
        "records": sum(_folder_bytes(home / name) for name in ("results", "external", "latest", "recipes", "seen")),
        "scratch": _folder_bytes(home / "scratch"),
        "uploads": _folder_bytes(home / "uploads"),
        "runs": _folder_bytes(home / "runs"),
        "ledger": _folder_bytes(home / "ledger"),
    }
    kinds["other"] = max(0, _folder_bytes(home) - sum(kinds.values()))
    return Usage(kinds, _by_film(home, contents), _by_age(contents, time.time() if now is None else now))


def prune_home(home: Path, limits: PruneLimits, *, paid: bool = False) -> Pruned:
    """Prune the store of a home folder (see store/prune.py); with `paid` also takes that were paid for.

    Raises:
        PresetError: neither limit is set.
        StorageFailed: another process prunes this home folder.
    """
    limits.require_one()
    store = Store(home, read_only=True)
    with contextlib.closing(_lock(home)) if home.is_dir() and not limits.dry_run else contextlib.nullcontext():
        if not limits.dry_run:
            store.sweep()
        return prune(
            store,
            limits,
            keep_keys=keys_in_use(home) | (set() if paid else _billed_keys(home)),
            keep_objects=set() if paid else _paid_objects(home, store),
            others=_unused_clips(home),
        )


def prune_to_limit(home: Path, watcher: Watcher) -> None:
    """Prune the store to REACT1_STORE_LIMIT, if it is set; a failure is a message, since the run is finished."""
    try:
        limit_bytes = store_limit_bytes()
        pruned = prune_home(home, PruneLimits(keep_bytes=limit_bytes)) if limit_bytes is not None else Pruned()
    except React1Error as error:
        watcher.on(Message(f"the store was not pruned: {error}"))
        return
    if pruned.objects:
        freed, left = bytes_text(pruned.freed_bytes), bytes_text(pruned.left_bytes)
        watcher.on(Message(f"pruned {freed} of the store, as REACT1_STORE_LIMIT says; {left} left"))


def release_intermediates(home: Path, store: Store, run: RunFolder, keys: Iterable[str]) -> None:
    """Remove the content of results that can be made again, of a run that has made its film.

    What another process or thread is using in a run of its own stays. It cannot begin to use it meanwhile: it would
    open a file that is removed at this moment.
    """
    keys = list(keys)
    if not keys:
        return
    with contextlib.suppress(OSError), contextlib.closing(lock_keys(home)):
        others = [each for each in all_runs(home) if each.is_locked_by_others(run)]
        in_use = {key for other in others for key in other.used_keys()}
        for key in keys:
            record = None if key in in_use else store.result(key)
            for file in files_in(record["value"]) if record is not None else ():
                store.release(file)


def _lock(home: Path) -> FileLock:
    lock = try_acquire(home / "prune.lock")
    if lock is None:
        raise StorageFailed(f"another process prunes {home} at the moment; wait for it")
    return lock


def keys_in_use(home: Path) -> set[str]:
    """Return the keys of the results of every run that is running or may be resumed."""
    return {key for run in all_runs(home) if _is_resumable(run) for key in run.used_keys()}


def _unused_clips(home: Path) -> list[Path]:
    """Return the clips that no running or resumable run names."""
    needed = ""
    for run in all_runs(home):
        if _is_resumable(run):
            with contextlib.suppress(OSError, ValueError):
                needed += (run.folder / "run.json").read_text(encoding="utf-8")
    return [path for path in (home / CLIPS).glob("*") if path.name not in needed]


def _is_resumable(run: RunFolder) -> bool:
    try:
        return run.state() in RESUMABLE
    except PresetError:
        return True


def _paid_objects(home: Path, store: Store) -> set[Path]:
    return {store.object_path(call.take) for call in Ledger(home).summaries() if call.take}


def _billed_keys(home: Path) -> set[str]:
    """Return the keys of the results of nodes that bill by themselves; without them the nodes would bill again."""
    ledger = Ledger(home)
    entries = [ledger.read(call.key, call.attempt) for call in ledger.summaries() if call.file and not call.host]
    return {entry.intended.call.result_key for entry in entries if entry.intended}


def _by_film(home: Path, contents: Contents) -> dict[str, int]:
    objects_of = {result.key: result.objects for result in contents.results}
    films: defaultdict[str, set[Path]] = defaultdict(set)
    for run in all_runs(home):
        with contextlib.suppress(PresetError):
            films[film_of_run(run.read())] |= {path for key in run.used_keys() for path in objects_of.get(key, ())}
    known: set[Path] = set().union(*films.values())
    films[OTHER_FILM] |= contents.object_sizes.keys() - known
    return _sizes({name: paths for name, paths in films.items() if paths}, contents)


def _by_age(contents: Contents, now: float) -> dict[str, int]:
    used_at: dict[Path, float] = {}
    for result in contents.results:
        for path in result.objects:
            used_at[path] = max(used_at.get(path, 0.0), result.used_at)
    ages: defaultdict[str, set[Path]] = defaultdict(set)
    for path in contents.object_sizes:
        with contextlib.suppress(OSError):
            days = (now - used_at.get(path, path.stat().st_mtime)) / 86400
            ages[next((name for limit, name in _AGES_DAYS if days < limit), _OLDEST)].add(path)
    names = [*(name for _, name in _AGES_DAYS), _OLDEST]
    return _sizes({name: ages[name] for name in names if name in ages}, contents)


def _sizes(paths: Mapping[str, Iterable[Path]], contents: Contents) -> dict[str, int]:
    return {name: sum(contents.object_sizes[path] for path in group) for name, group in paths.items()}


def film_of_run(record: Mapping[str, Any]) -> str:
    """Return the path or URL of a run's film, as the job has it."""
    document = record.get("document")
    inputs = document.get("inputs") if isinstance(document, dict) else None
    source = inputs.get("source") if isinstance(inputs, dict) else None
    return str(source) if source else OTHER_FILM


def _folder_bytes(folder: Path) -> int:
    return sum(_sizes_below(folder))


def _sizes_below(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):  # passes over folders that are gone
        for name in names:
            with contextlib.suppress(OSError):
                yield Path(parent, name).lstat().st_size
