"""Machines that share a store never pay for one take twice."""

from __future__ import annotations

import asyncio
import time

import pytest

from react1.pipeline.core.errors import Interrupted, ProviderError, StorageFailed
from react1.pipeline.jobs import manager
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Intended
from react1.pipeline.providers.contract import Waiting
from react1.pipeline.runner.scheduling import paid_steps
from react1.pipeline.runner.scheduling.paid_steps import PaidLeases, home_id
from react1.pipeline.runner.scheduling.step import StepRunner
from react1.pipeline.store.lease import Leases
from react1.pipeline.store.store import Store
from react1.testing import ClipRecipe, FakeProvider, fake_provider, make_clip
from react1.testing.executor_nodes import make_film

CALL = Call(provider="segmind", host="https://api.segmind.com", parameters={"prompt": "sad"}, video="v" * 64, audio="")

INTENDED = Intended(
    at="2026-11-25T10:00:00.000+00:00", call=CALL, nonce="n", video_name="v", video_url="https://x/v", estimate_usd=0.1
)


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "mounted").mkdir()
    return lambda name: Store(tmp_path / name, place=str(tmp_path / "mounted"))


async def _pay(store, error=None, during=None):
    async with PaidLeases(store).hold(CALL):
        if during is not None:
            await during()
        if error is not None:
            raise error


def _leases(store):
    return list(store.backend.records.names("leases"))


def test_a_call_that_another_machine_has_begun_is_refused(machine):
    """The message says who pays, and nothing is asked of the provider; afterwards the lease is gone."""
    first, second, paid = machine("first"), machine("second"), []

    async def meanwhile():
        paid.append("first")
        with pytest.raises(StorageFailed, match=r"is being paid for by .*, whose ledger alone knows how it ends"):
            await _pay(second, during=lambda: pytest.fail("paid twice"))

    asyncio.run(_pay(first, during=meanwhile))

    assert paid == ["first"]
    assert _leases(first) == []


def test_a_failed_call_is_free_again_unless_money_may_be_spent(machine):
    """Without an attempt in the ledger another machine may pay; with an open one only this home may."""
    first, second = machine("first"), machine("second")
    with pytest.raises(ProviderError):
        asyncio.run(_pay(first, ProviderError("refused", billed=False)))
    asyncio.run(_pay(second))

    Ledger(first.root).record_intent(INTENDED)
    with pytest.raises(ProviderError):
        asyncio.run(_pay(first, ProviderError("no response")))

    with pytest.raises(StorageFailed, match="is being paid for"):
        asyncio.run(_pay(second))
    asyncio.run(_pay(machine("first")))  # after a crash the same home goes on at once


def test_a_displaced_process_stops(machine, monkeypatch):
    """When a resumed run has taken the lease over, the old process is interrupted at its next renewal."""
    monkeypatch.setattr(paid_steps, "RENEW_S", 0)
    store = machine("first")

    async def displaced():
        records = store.backend.records
        Leases(records, home_id(store), "resumed").acquire(f"paid-{CALL.key}", 0, ttl_s=0)
        await asyncio.Event().wait()

    with pytest.raises(Interrupted, match="another process goes on with this paid call: resumed"):
        asyncio.run(_pay(store, during=displaced))

    assert _leases(store) == [f"leases/paid-{CALL.key}"]


def test_a_renewal_while_the_lease_is_released_stops_nothing(machine, monkeypatch):
    """The take is stored by then; a renewal that finds no lease is not one that another process has taken."""
    monkeypatch.setattr(paid_steps, "RENEW_S", 0)
    store, release = machine("first"), Leases.release

    def release_slowly(leases, lease):
        release(leases, lease)
        time.sleep(0.05)

    monkeypatch.setattr(Leases, "release", release_slowly)

    asyncio.run(_pay(store))

    assert _leases(store) == []


def test_without_a_shared_store_there_is_no_lease(tmp_path):
    """A home folder alone has its ledger's lock."""
    store = Store(tmp_path / "home", place="")

    asyncio.run(_pay(store))

    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_two_films_of_one_home_do_not_take_the_lease_of_a_take_from_each_other(machine, tmp_path, monkeypatch):
    """The second one waits until the first has its take, and uses it: nothing is interrupted, and one job is paid."""
    monkeypatch.setenv("REACT1_STORE", machine("home").place)
    monkeypatch.setattr(manager, "LOCK_RETRY_S", 0.01)
    clip = make_clip(tmp_path / "film.mp4", ClipRecipe(24, size=(160, 90)))
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / "go").touch()
    other_waits, fences = [], []
    lock, poll, acquire = Ledger.lock, fake_provider._Client.poll, Leases.acquire

    def try_lock(ledger, key):
        held = lock(ledger, key)
        other_waits.extend([key] if held is None else [])
        return held

    async def poll_while_the_other_waits(client, request_id):
        return await poll(client, request_id) if other_waits else Waiting("queued")

    def note_fence(leases, *arguments, **options):
        lease = acquire(leases, *arguments, **options)
        fences.append(lease.fence)
        return lease

    monkeypatch.setattr(Ledger, "lock", try_lock)
    monkeypatch.setattr(fake_provider._Client, "poll", poll_while_the_other_waits)
    monkeypatch.setattr(Leases, "acquire", note_fence)

    async def play():
        await asyncio.gather(*(make_film(clip, folder, tmp_path / "home") for folder in folders))

    with FakeProvider() as fake:
        asyncio.run(play())

    assert (fences, len(fake.submissions)) == ([1, 1], 1)
    assert len({(folder / "film.mp4").read_bytes() for folder in folders}) == 1


@pytest.fixture
def film_on(machine, tmp_path, monkeypatch):
    """Make the same film, with one paid take, in the home folder of a machine."""
    monkeypatch.setenv("REACT1_STORE", machine("home").place)
    clip = make_clip(tmp_path / "clip.mp4", ClipRecipe(24, size=(160, 90)))

    def make(name):
        folder = tmp_path / f"film of {name}"
        folder.mkdir(exist_ok=True)
        (folder / "go").touch()
        asyncio.run(make_film(clip, folder, tmp_path / name))

    return make


@pytest.mark.slow
def test_a_machine_whose_submit_was_refused_uses_the_take_of_another_one(film_on):
    """Both ledgers have a first attempt at the call; only the provider's request id tells whose take it is."""
    with FakeProvider(outcomes=["refused"]) as fake:
        with pytest.raises(ProviderError, match="refused"):
            film_on("first")
        film_on("second")
        film_on("first")

    assert len(fake.submissions) == 2


@pytest.mark.slow
def test_a_take_that_another_machine_stores_at_the_last_moment_is_used(film_on, monkeypatch):
    """After this machine has looked for it, and before it has the lease."""
    look_up, result, armed = StepRunner._stored, StepRunner._result, []

    async def result_of(runner, step, *arguments):
        armed.extend([runner] if step.info.cls.workload == "paid" and runner.store.root.name == "first" else [])
        return await result(runner, step, *arguments)

    def look_up_too_early(runner, step, key):
        stored = look_up(runner, step, key)
        if runner in armed:
            armed.clear()
            film_on("second")
        return stored

    monkeypatch.setattr(StepRunner, "_result", result_of)
    monkeypatch.setattr(StepRunner, "_stored", look_up_too_early)

    with FakeProvider() as fake:
        film_on("first")

    assert len(fake.submissions) == 1
