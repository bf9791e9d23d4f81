"""What a run uses stays as it is, whatever other runs of the same home finish meanwhile."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from datetime import UTC, datetime

import pytest

from react1.pipeline.core.errors import StorageFailed
from react1.pipeline.runner.batch import new_batch
from react1.pipeline.runner.run_records import housekeeping
from react1.pipeline.runner.run_records.housekeeping import release_intermediates
from react1.pipeline.runner.run_records.run_folder import lock_folder, new_run
from react1.pipeline.store.store import Store

KEY = "k" * 64


@pytest.mark.slow
def test_a_run_begins_to_use_a_result_before_or_after_another_releases_it(tmp_path, monkeypatch):
    """Between looking at what others use and removing the rest nobody begins, or he would open a removed file."""
    store = Store(tmp_path)
    (tmp_path / "take.mov").write_bytes(b"a conformed take")
    file = store.add_file(tmp_path / "take.mov")
    store.put_result(KEY, {"file": file.model_dump(mode="json")}, {}, 1.0)
    store.recipes.put(file, {"key": KEY, "fn": "x:X", "args": {"inputs": {}}})
    ending, other = (new_run(tmp_path, datetime.now(UTC)) for _ in range(2))
    for run in (ending, other):
        run.begin(datetime.now(UTC), document={})
    is_stored = []

    def begin_to_use() -> None:
        other.add_key(KEY)
        is_stored.append(store.object_path(file).exists())

    using = threading.Thread(target=begin_to_use)
    real_runs = housekeeping.all_runs

    def look_at_others(home):
        runs = real_runs(home)
        using.start()
        using.join(0.5)  # it has time enough to begin, if nothing keeps it waiting
        return runs

    monkeypatch.setattr(housekeeping, "all_runs", look_at_others)
    lock = lock_folder(other.folder, other.name)
    release_intermediates(tmp_path, store, ending, [KEY])
    using.join()
    lock.close()

    assert other.used_keys() == {KEY}
    assert not store.object_path(file).exists()
    assert is_stored == [False], "the run began to use a file that was about to be removed"


def test_a_home_is_measured_while_a_run_removes_its_scratch_folders(tmp_path, monkeypatch):
    """What is gone when it is listed counts nothing."""
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "x").write_bytes(b"12345")
    scratch, scandir = tmp_path / "scratch" / "a", os.scandir
    scratch.mkdir(parents=True)

    def remove_before(path):
        if not isinstance(path, int) and os.fspath(path) == str(scratch) and scratch.exists():
            monkeypatch.setattr(os, "scandir", scandir)
            shutil.rmtree(scratch)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", remove_before)

    assert housekeeping.usage(tmp_path).total_bytes == 5


def test_two_runs_of_a_second_that_draw_the_same_number_get_two_folders(tmp_path, monkeypatch):
    """Of a hundred that begin at once, as those of a batch do, two draw one in every fourteenth batch."""
    draws = iter(["a1b2", "a1b2", "c3d4", "a1b2", "a1b2", "c3d4"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(draws))
    now = datetime(2026, 11, 30, 8, tzinfo=UTC)

    assert [new_run(tmp_path, now).name for _ in range(2)] == ["20261130-080000-a1b2", "20261130-080000-c3d4"]
    batches = [new_batch(tmp_path, "films.csv", [], {}).folder.name[-4:] for _ in range(2)]
    assert batches == ["a1b2", "c3d4"]


def test_a_folder_of_runs_that_leads_nowhere_is_one_line(tmp_path):
    """As when its disk is not mounted."""
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted")

    with pytest.raises(StorageFailed, match="File exists"):
        new_run(tmp_path, datetime.now(UTC))
