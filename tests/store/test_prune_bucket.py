"""Pruning a bucket that machines share: by conditional writes, so that what is used meanwhile stays."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from bucket import BUCKET, open_bucket

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.jobs.ledger_entry import JOB_METRICS
from react1.pipeline.runner.run_records import shared_housekeeping
from react1.pipeline.runner.run_records.shared_housekeeping import prune_bucket, prune_shared
from react1.pipeline.storage.object_bucket import ObjectBucket
from react1.pipeline.store.lease import Leases
from react1.pipeline.store.object_store import ObjectRecords
from react1.pipeline.store.prune import PruneLimits
from react1.pipeline.store.store import Store

DAY_S = 86400.0
OLD, PAID, NEW = ("00" * 32, "11" * 32, "22" * 32)


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("moto", reason="an S3 server needs the extra test")
    with open_bucket() as server:
        yield server


@pytest.fixture
def place(server, request, monkeypatch):
    """REACT1_STORE: an empty prefix of a bucket on loopback."""
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    place = f"s3://{BUCKET}/{abs(hash(request.node.name))}"
    monkeypatch.setenv("REACT1_STORE", place)
    return place


@pytest.fixture
def store(place, tmp_path):
    """A machine's store with two results, one paid for: each has a file of 1000 bytes, and both share one of 100."""
    store = Store(tmp_path / "home")
    shared = _add(store, tmp_path, b"s" * 100)
    parts = {"node": "x", "params": {}, "inputs": {}, "tools": {}}
    for key, content, metrics in ((OLD, b"o", {}), (PAID, b"p", {JOB_METRICS: {"job": "1.1"}})):
        file = _add(store, tmp_path, content * 1000)
        value = {"media": file.model_dump(mode="json"), "also": shared.model_dump(mode="json"), "metrics": metrics}
        store.put_result(key, value, parts, 1.0)
    return store


def _add(store, folder, content):
    path = folder / "new.bin"
    path.write_bytes(content)
    return store.add_file(path)


def _sizes(place):
    return sorted(item.size_bytes for item in ObjectBucket(place).items("objects/"))


@pytest.mark.slow
def test_what_no_machine_uses_is_removed_and_paid_takes_stay(place, store, tmp_path):
    """With its content, but not with what another result refers to; --paid removes takes, too."""
    later = time.time() + 40 * DAY_S

    limits = PruneLimits(older_than_s=30 * DAY_S, now=later)
    assert prune_shared(tmp_path / "home", replace(limits, dry_run=True)).results == [OLD]
    assert _sizes(place) == [100, 1000, 1000]
    pruned = prune_shared(tmp_path / "home", limits)
    assert (pruned.results, pruned.objects, pruned.freed_bytes, pruned.left_bytes) == ([OLD], 1, 1000, 1100)
    assert _sizes(place) == [100, 1000]
    assert store.result(OLD) is None and store.result(PAID) is not None

    assert prune_shared(tmp_path / "home", PruneLimits(keep_bytes=0, now=later), paid=True).results == [PAID]
    assert _sizes(place) == []
    assert store.put_result(OLD, {}, {}, 2.0)["seconds"] == 2.0  # an emptied record is filled again
    assert store.result(OLD)["seconds"] == 2.0
    assert list(store.backend.records.names("leases")) == []


@pytest.mark.slow
def test_the_oldest_go_until_the_size_is_reached_and_the_last_day_stays(place, store, tmp_path):
    """A size that is reached removes nothing; what was changed within 25 hours may be in use."""
    later = time.time() + 2 * DAY_S

    assert prune_shared(tmp_path / "home", PruneLimits(keep_bytes=2100, now=later)).results == []
    assert prune_shared(tmp_path / "home", PruneLimits(keep_bytes=0, now=time.time() + DAY_S)).results == []
    assert prune_shared(tmp_path / "home", PruneLimits(keep_bytes=1500, now=later)).left_bytes == 1100


def test_a_result_that_is_used_while_it_is_pruned_stays(place, store, tmp_path):
    """The bucket refuses to empty another version than the one that was listed."""
    later = time.time() + 40 * DAY_S
    bucket, other_machine = ObjectBucket(place), ObjectRecords(ObjectBucket(place), clock=lambda: later)

    def use(result):
        if result.key == OLD:
            assert other_machine.read(f"results/{OLD}") is not None
        return result.key != OLD

    assert prune_bucket(bucket, PruneLimits(now=later, older_than_s=DAY_S), keeps=use).results == []
    assert _sizes(place) == [100, 1000, 1000]
    assert json.loads(other_machine.read(f"results/{OLD}").text)["used_at"] == round(later)
    assert store.result(OLD)["seconds"] == 1.0


def test_content_of_a_result_that_is_stored_while_it_is_pruned_stays(place, store, tmp_path):
    """A machine has computed the same bytes under another key; it uploads nothing, since the bucket has them."""
    later, parts = time.time() + 40 * DAY_S, {"node": "x", "params": {}, "inputs": {}, "tools": {}}

    def compute_again(result):
        if result.key == OLD:
            store.put_result(NEW, _add(store, tmp_path, b"o" * 1000).model_dump(mode="json"), parts, 1.0)
        return result.key != OLD

    pruned = prune_bucket(ObjectBucket(place), PruneLimits(now=later, older_than_s=DAY_S), keeps=compute_again)

    assert (pruned.results, pruned.objects, pruned.freed_bytes, pruned.left_bytes) == ([OLD], 0, 0, 2100)
    assert _sizes(place) == [100, 1000, 1000]
    assert store.result(NEW) is not None and store.result(OLD) is None


@pytest.mark.slow
def test_one_machine_prunes_at_a_time(place, store, tmp_path, monkeypatch):
    """Another one says who does it, and prunes once that has ended."""
    monkeypatch.setattr(shared_housekeeping, "TTL_S", 0.0)
    monkeypatch.setattr(shared_housekeeping, "RENEW_S", 0.0)
    limits = PruneLimits(older_than_s=DAY_S, now=time.time() + 40 * DAY_S)

    with (
        shared_housekeeping._lease(store.backend.records),
        pytest.raises(StorageFailed, match="prunes this store at the moment"),
    ):
        prune_shared(tmp_path / "other", limits)

    assert prune_shared(tmp_path / "other", limits).results == [OLD]


def test_a_shared_folder_is_pruned_too(tmp_path, monkeypatch, react1):
    """By the time of the last use; without a shared store there is one line."""
    (tmp_path / "mounted").mkdir()
    with pytest.raises(PresetError, match="--shared: no store is shared"):
        prune_shared(tmp_path / "home", PruneLimits(keep_bytes=0))
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    store = Store(tmp_path / "home")
    for key, metrics in ((OLD, {}), (PAID, {JOB_METRICS: {"job": "1.1"}})):
        file = _add(store, tmp_path, key.encode() * 10)
        store.put_result(key, {"media": file.model_dump(mode="json"), "metrics": metrics}, {"node": "x"}, 1.0)

    assert react1("prune", "--shared", "--keep", "0B", "--json").json["objects"] == 0  # used within the last hour
    a_day_later = PruneLimits(keep_bytes=0, now=time.time() + DAY_S)
    assert prune_shared(tmp_path / "home", a_day_later).results == []  # a run of another machine may need it still
    pruned = prune_shared(tmp_path / "home", PruneLimits(keep_bytes=0, now=time.time() + 2 * DAY_S))

    assert pruned.results == [OLD]
    assert len(list((tmp_path / "mounted" / "objects").rglob("*.bin"))) == 1


def test_a_machine_that_lost_the_lease_of_a_shared_folder_prunes_no_further(tmp_path, monkeypatch):
    """As when it was suspended for minutes, and another one has begun meanwhile."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    monkeypatch.setattr(shared_housekeeping, "RENEW_S", -1.0)
    store = Store(tmp_path / "home")
    file = _add(store, tmp_path, b"old")
    store.put_result(OLD, {"media": file.model_dump(mode="json"), "metrics": {}}, {"node": "x"}, 1.0)
    real = Leases.acquire

    def acquire_and_lose(self, name, now_s):
        lease = real(self, name, now_s)
        self.release(lease)
        real(Leases(store.backend.records, owner="prune", holder="another"), name, now_s)
        return lease

    monkeypatch.setattr(Leases, "acquire", acquire_and_lose)
    with pytest.raises(StorageFailed, match="prune is held by another"):
        prune_shared(tmp_path / "home", PruneLimits(keep_bytes=0, now=time.time() + 2 * DAY_S))

    assert store.result(OLD) is not None
