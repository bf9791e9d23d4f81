"""Paid calls at sync.so's contract: the idempotency key is the ledger's, and settles what was lost."""

from __future__ import annotations

import asyncio

import pytest
from asks import KEY, Counter, no_look
from sync_host import sync_host

from react1.pipeline.core.errors import OverBudget, ProviderError
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.manager import JobManager
from react1.pipeline.jobs.request import JobRequest
from react1.pipeline.providers.provider_settings import sync

pytestmark = pytest.mark.usefixtures("no_look")
__all__ = ["no_look"]


class SyncCounter(Counter):
    def ask(self, **choices):
        told = super().ask(**choices)
        environ = {**self.environ, "REACT1_SYNC_URL": self.environ["REACT1_SEGMIND_URL"], "SYNC_API_KEY": KEY}
        return JobRequest(told.upload, told.choices, sync(environ), deadline_s=60)


@pytest.fixture
def host():
    with sync_host(KEY) as opened:
        yield opened


@pytest.fixture
def counter(host, tmp_path):
    return SyncCounter(tmp_path, host[1])


def states(counter):
    entries = sorted(Ledger(counter.store.root).all(), key=lambda entry: entry.id)
    return [[state for state, _ in entry.notes] for entry in entries]


def test_a_take_comes_from_sync(host, counter):
    """Assets by presigned PUT without the key; the estimate stands where the host tells no cost."""
    (made,) = counter.run(counter.ask(prompt="sad"))

    told = host[0].generations["g1"]["body"]
    assert (made.take.provider, made.take.request_id) == ("sync", "g1")
    assert made.take.cost_usd == pytest.approx(25 * 0.00667)
    assert made.take.metrics["react1"]["cost_known"] is False
    assert told["options"]["prompt"] == "sad"
    assert states(counter) == [["intended", "accepted", "done"]]
    assert not [path for path in host[0].with_key if path.startswith("/assets/")]
    assert len(host[0].assets) == 2


def test_a_lost_answer_is_asked_for_again_under_the_same_key(host, counter):
    """Three creates, one generation."""
    host[0].lose = 2

    (made,) = counter.run(counter.ask())

    assert (host[0].creates, list(host[0].generations)) == (3, ["g1"])
    assert made.take.request_id == "g1"
    assert states(counter) == [["intended", "unknown", "accepted", "done"]]


@pytest.mark.parametrize("quote", [[{"estimatedGenerationCost": 0.42}], {"estimatedGenerationCost": "0.42"}])
def test_the_hosts_own_estimate_counts_before_the_table(host, counter, quote):
    """It is asked for with the very call, and the budget holds to it: nothing is created that goes over."""
    host[0].quote = quote

    with pytest.raises(OverBudget, match=r"\$0\.42 is more than the budget of \$0\.30"):
        counter.run(counter.ask(), terms=SpendingPolicy(0.3, approved=True))
    assert host[0].creates == 0
    (made,) = counter.run(counter.ask(), terms=SpendingPolicy(0.5, approved=True))
    assert made.take.cost_usd == 0.42


def test_calls_under_way_count_for_the_budget_too(host, counter):
    """Each quote fits by itself, both together do not: one is made, the other is not sent."""
    host[0].quote = {"estimatedGenerationCost": 0.3}
    counter.environ["REACT1_CONCURRENCY"] = "2"
    asks = [counter.ask(prompt=prompt) for prompt in ("sad", "happy")]

    async def both():
        async with JobManager(counter.store, SpendingPolicy(0.5, approved=True)) as desk:
            await desk.check_all(asks, stop=True)
            return await asyncio.gather(*[desk.run(ask) for ask in asks], return_exceptions=True)

    ended = asyncio.run(both())

    assert sorted(type(one).__name__ for one in ended) == ["Made", "OverBudget"]
    assert host[0].creates == 1


@pytest.mark.parametrize("quote", [[], {}, [{"estimatedGenerationCost": None}], "free"])
def test_an_estimate_that_cannot_be_read_is_none(host, counter, quote):
    """The table's stands."""
    host[0].quote = quote

    (made,) = counter.run(counter.ask())

    assert made.take.cost_usd == pytest.approx(25 * 0.00667)


def test_a_plan_that_is_full_is_waited_for(host, counter):
    """As long as the host says."""
    host[0].refuse = [(429, {"errorCode": "concurrency_limit_reached", "retryAfterSeconds": 1})]

    (made,) = counter.run(counter.ask())

    assert made.take.request_id == "g1"
    assert states(counter) == [["intended", "void"], ["intended", "accepted", "done"]]


def test_a_rejected_generation_ends(host, counter):
    """With its code."""
    host[0].end = {"status": "REJECTED", "errorCode": "moderation", "error": "not allowed"}

    with pytest.raises(ProviderError, match="rejected: moderation: not allowed; not billed"):
        counter.run(counter.ask())
    assert states(counter) == [["intended", "accepted", "failed"]]


def test_one_generation_at_a_time(host, counter):
    """As the smallest plan allows: the second create comes after the first one's end."""
    seen = []
    real = dict.setdefault

    class Watched(dict):
        def setdefault(self, key, value):
            seen.append([one["looks"] for one in self.values()])
            return real(self, key, value)

    host[0].generations = Watched()

    asks = [counter.ask(prompt=prompt) for prompt in ("sad", "happy", "angry")]

    async def all_at_once():
        async with JobManager(counter.store, SpendingPolicy(approved=True)) as desk:
            await desk.check_all(asks, stop=True)
            await asyncio.gather(*[desk.run(ask) for ask in asks])

    asyncio.run(all_at_once())

    assert seen == [[], [2], [2, 2]]
