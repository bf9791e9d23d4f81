"""Pruning removes the results that were not used for longest, and nothing else."""

from __future__ import annotations

import os
import time

import pytest

from react1.pipeline.core.file import File
from react1.pipeline.store import prune as pruning
from react1.pipeline.store.atomic import temporary_path
from react1.pipeline.store.prune import GRACE_S, PruneLimits, prune, read_contents
from react1.pipeline.store.store import Store

NOW = time.time() + 5
DAY_S = 86400.0


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def add_result(store, key, *texts, days=0.0):
    """Store a result of one object per text, last used some days ago; return its files."""
    files = []
    for text in texts:
        path = store.scratch_folder() / "new.bin"
        path.write_text(text)
        files.append(store.add_file(path))
    store.put_result(key, [file.model_dump(mode="json") for file in files], {"node": "trim"}, 1)
    used_at = NOW - days * DAY_S
    for path in [store.root / "results" / key[:2] / f"{key}.json", *(store.object_path(file) for file in files)]:
        os.utime(path, (used_at, used_at))
    return files


def test_what_was_not_used_for_long_is_removed_with_its_content(store):
    """A younger result and its object stay."""
    (old,), (new,) = add_result(store, "aa01", "old", days=40), add_result(store, "bb02", "new", days=3)

    pruned = prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S))

    assert (pruned.results, pruned.objects, pruned.freed_bytes, pruned.left_bytes) == (["aa01"], 1, 3, 3)
    assert store.result("aa01") is None and not store.has(old)
    assert store.result("bb02") is not None and store.has(new)


@pytest.mark.parametrize(("keep_bytes", "left"), [(10, ["aa", "bb", "cc"]), (9, ["bb", "cc"]), (4, ["cc"]), (0, [])])
def test_the_oldest_are_removed_until_the_size_is_reached(store, keep_bytes, left):
    """Three results of 3, 3 and 4 bytes."""
    for key, text, days in (("aa", "one", 3), ("bb", "two", 2), ("cc", "four", 1)):
        add_result(store, key, text, days=days)

    pruned = prune(store, PruneLimits(now=NOW, keep_bytes=keep_bytes))

    assert [result.key for result in read_contents(store).results] == left
    assert pruned.left_bytes == read_contents(store).size_bytes <= keep_bytes


def test_content_that_another_result_uses_stays(store):
    """The shared object is removed with the last result that refers to it."""
    (shared, _), _ = add_result(store, "aa", "shared", "own", days=9), add_result(store, "bb", "shared", days=1)
    os.utime(store.object_path(shared), (NOW - 9 * DAY_S,) * 2)

    assert prune(store, PruneLimits(now=NOW, older_than_s=5 * DAY_S)).objects == 1
    assert store.has(shared)
    assert prune(store, PruneLimits(now=NOW, older_than_s=0)).objects == 1
    assert not store.has(shared)


def test_kept_keys_and_objects_stay(store):
    """A result that an unfinished run uses stays complete; a paid take stays without its record."""
    add_result(store, "aa", "in use", days=9)
    (take,) = add_result(store, "bb", "paid", days=9)

    pruned = prune(
        store, PruneLimits(now=NOW, older_than_s=0), keep_keys={"aa"}, keep_objects={store.object_path(take)}
    )

    assert pruned.results == ["bb"] and pruned.objects == 0
    assert store.result("aa") is not None and store.has(take)


def test_what_was_used_in_the_last_hour_stays(store):
    """A process may be about to store the record of an object."""
    add_result(store, "aa", "text", days=(GRACE_S - 1) / DAY_S)
    path = store.scratch_folder() / "new.bin"
    path.write_text("no record yet")
    file = store.add_file(path)
    os.utime(store.object_path(file), (NOW - 10,) * 2)

    assert prune(store, PruneLimits(now=NOW, keep_bytes=0)).objects == 0


def test_content_that_was_stored_again_in_the_last_hour_stays(store):
    """A process has stored the same bytes under another key, and not yet its record."""
    (file,) = add_result(store, "aa", "text", days=40)
    path = store.scratch_folder() / "new.bin"
    path.write_text("text")
    assert store.add_file(path) == file

    pruned = prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S))

    assert (pruned.results, pruned.objects) == (["aa"], 0)
    assert store.has(file)


def test_an_object_without_a_record_is_removed(store):
    """As a process that was killed leaves it."""
    path = store.scratch_folder() / "new.bin"
    path.write_text("orphan")
    file = store.add_file(path)
    os.utime(store.object_path(file), (NOW - DAY_S,) * 2)

    assert prune(store, PruneLimits(now=NOW, older_than_s=0)).freed_bytes == 6
    assert not store.has(file)


def test_a_look_up_counts_as_use(store):
    """The record's time is that of its last use, also in a second process."""
    add_result(store, "aa", "text", days=40)

    assert Store(store.root).result("aa") is not None

    assert prune(store, PruneLimits(now=NOW + 2 * GRACE_S, older_than_s=DAY_S)).results == []
    assert prune(store, PruneLimits(now=NOW + 2 * DAY_S, older_than_s=DAY_S)).results == ["aa"]


def test_a_read_only_store_marks_nothing(store):
    """`react1 plan` writes nothing."""
    add_result(store, "aa", "text", days=40)

    assert Store(store.root, read_only=True).result("aa") is not None

    assert read_contents(store).results[0].used_at == NOW - 40 * DAY_S


def test_a_result_that_is_used_while_it_is_pruned_is_put_back(store, monkeypatch):
    """The look-up comes between the listing and the removal."""
    (file,) = add_result(store, "aa", "text", days=40)
    listed = read_contents(store)
    monkeypatch.setattr(pruning, "read_contents", lambda _: listed)
    store.result("aa")  # sets the record's time, to a time before NOW, but after the listed one
    os.utime(store.root / "results" / "aa" / "aa.json", (NOW - 39 * DAY_S,) * 2)

    assert prune(store, PruneLimits(now=NOW, older_than_s=DAY_S)).results == []
    assert store.result("aa") is not None and store.has(file)


def test_a_dry_run_counts_the_same_and_removes_nothing(store):
    """The counts are those of the real run."""
    add_result(store, "aa", "one", days=40)
    add_result(store, "bb", "four", days=3)

    counted = prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S, dry_run=True))

    assert len(read_contents(store).results) == 2
    assert counted == prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S))


def test_a_prune_that_was_killed_is_finished_by_the_next(store):
    """What it had renamed is removed."""
    (file,) = add_result(store, "aa", "text", days=40)
    stored = store.object_path(file)
    stored.rename(stored.with_name(stored.name + ".pruned"))

    prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S))

    assert [path for path in store.root.rglob("*.pruned") if path.is_file()] == []


def test_unfinished_content_of_a_killed_process_is_removed(store):
    """A copy from another disk, or a download: it counts, and one that is being written stays."""
    (file,) = add_result(store, "aa", "text", days=3)
    left, written = (temporary_path(store.object_path(file)) for _ in range(2))
    left.write_text("half a film")
    written.write_text("so far")
    os.utime(left, (NOW - DAY_S,) * 2)

    pruned = prune(store, PruneLimits(now=NOW, keep_bytes=10))

    assert (pruned.objects, pruned.freed_bytes, pruned.left_bytes) == (1, 11, 10)
    assert not left.exists() and written.exists() and store.has(file)


def test_files_outside_the_store_are_never_touched(store, tmp_path):
    """A result that refers to a film outside loses its record only."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    file = store.add_external(film)
    store.put_result("aa", file.model_dump(mode="json"), {"node": "fetch"}, 1)
    os.utime(store.root / "results" / "aa" / "aa.json", (NOW - 40 * DAY_S,) * 2)

    pruned = prune(store, PruneLimits(now=NOW, older_than_s=0))

    assert pruned.results == ["aa"] and pruned.freed_bytes == 0
    assert film.read_bytes() == b"frames"


def test_the_recipe_of_a_removed_result_is_removed(store):
    """One of a result that stays is kept, and so is a new one."""
    (old,), (young,) = add_result(store, "aa01", "old", days=40), add_result(store, "bb02", "new", days=3)
    for key, file in (("aa01", old), ("bb02", young), ("cc03", File(digest="c" * 64, suffix=".mov", size_bytes=1))):
        store.recipes.put(file, {"key": key, "fn": "x:X", "args": {"inputs": {}}})
    for path in (store.root / "recipes").rglob("*.json"):
        if "cccc" not in path.name:
            os.utime(path, (NOW - 2 * DAY_S, NOW - 2 * DAY_S))

    prune(store, PruneLimits(now=NOW, older_than_s=30 * DAY_S))

    assert {path.name[:4] for path in (store.root / "recipes").rglob("*.json")} == {young.digest[:4], "cccc"}
