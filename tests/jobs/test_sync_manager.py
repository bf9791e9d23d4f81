"""Paid jobs by sync.so's contract: the ledger's idempotency key recovers lost submits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from job_runner import KEY, JobRunner, no_precheck
from sync_server import open_sync_server

from react1.pipeline.core.errors import OverBudget, ProviderError
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.connection import SLOT_CHECK_S
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Accepted, Failed, Intended
from react1.pipeline.jobs.request import Clock, JobRequest
from react1.pipeline.providers.provider_settings import sync

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_precheck")]
__all__ = ["no_precheck"]


class SyncJobRunner(JobRunner):
    def request(self, **choices):
        request = super().request(**choices)
        environ = {**self.environ, "REACT1_SYNC_URL": self.environ["REACT1_SEGMIND_URL"], "SYNC_API_KEY": KEY}
        return JobRequest(request.upload, request.choices, sync(environ), deadline_s=60)


@pytest.fixture
def server():
    """The state of a server, and its URL in `url`."""
    with open_sync_server(KEY) as (state, url):
        state.url = url
        yield state


@pytest.fixture
def runner(server, tmp_path):
    return SyncJobRunner(tmp_path, server.url)


def states(runner):
    entries = sorted(Ledger(runner.store.root).entries(), key=lambda entry: entry.id)
    return [[state for state, _ in entry.records] for entry in entries]


def test_take_comes_from_sync(server, runner):
    """Assets are uploaded without the key; the estimate counts, since sync.so reports no cost."""
    (result,) = runner.run(runner.request(prompt="sad"))

    body = server.generations["g1"]["body"]
    assert (result.take.provider, result.take.request_id) == ("sync", "g1")
    assert result.take.cost_usd == pytest.approx(25 * 0.00667)
    assert result.take.metrics["react1"]["cost_known"] is False
    assert body["options"]["prompt"] == "sad"
    assert states(runner) == [["intended", "accepted", "done"]]
    assert not [path for path in server.paths_with_key if path.startswith("/assets/")]
    assert len(server.assets) == 2


def test_lost_response_is_recovered_with_the_same_key(server, runner):
    """Three creates, one generation."""
    server.responses_to_lose = 2

    (result,) = runner.run(runner.request())

    assert (server.creates, list(server.generations)) == (3, ["g1"])
    assert result.take.request_id == "g1"
    assert states(runner) == [["intended", "unknown", "accepted", "done"]]


@pytest.mark.parametrize("quote", [[{"estimatedGenerationCost": 0.42}], {"estimatedGenerationCost": "0.42"}])
def test_providers_own_estimate_overrides_the_table(server, runner, quote):
    """It is requested for the very call, and nothing is created that exceeds the budget by it."""
    server.quote = quote

    with pytest.raises(OverBudget, match=r"\$0\.42 is more than the budget of \$0\.30"):
        runner.run(runner.request(), policy=SpendingPolicy(0.3, approved=True))
    assert server.creates == 0
    (result,) = runner.run(runner.request(), policy=SpendingPolicy(0.5, approved=True))
    assert result.take.cost_usd == 0.42


def test_running_calls_count_against_the_budget(server, runner):
    """Each quote fits by itself, both together do not: one is created, the other is not sent."""
    server.quote = {"estimatedGenerationCost": 0.3}
    runner.environ["REACT1_CONCURRENCY"] = "2"
    requests = [runner.request(prompt=prompt) for prompt in ("sad", "happy")]

    async def run_both():
        async with runner.manager(SpendingPolicy(0.5, approved=True)) as jobs:
            await jobs.check_all(requests, fail_fast=True)
            return await asyncio.gather(*[jobs.run(request) for request in requests], return_exceptions=True)

    outcomes = asyncio.run(run_both())

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["JobResult", "OverBudget"]
    assert server.creates == 1


@pytest.mark.parametrize("quote", [[], {}, [{"estimatedGenerationCost": None}], "free"])
def test_invalid_estimate_is_ignored(server, runner, quote):
    """The table's counts."""
    server.quote = quote

    (result,) = runner.run(runner.request())

    assert result.take.cost_usd == pytest.approx(25 * 0.00667)


def test_full_plan_is_waited_for(server, runner):
    """As long as sync.so says."""
    server.refusals = [(429, {"errorCode": "concurrency_limit_reached", "retryAfterSeconds": 1})]

    (result,) = runner.run(runner.request())

    assert result.take.request_id == "g1"
    assert states(runner) == [["intended", "void"], ["intended", "accepted", "done"]]


def test_rejected_generation_fails(server, runner):
    """With its error code."""
    server.outcome = {"status": "REJECTED", "errorCode": "moderation", "error": "not allowed"}

    with pytest.raises(ProviderError, match="rejected: moderation: not allowed; not billed"):
        runner.run(runner.request())
    assert states(runner) == [["intended", "accepted", "failed"]]


def test_generations_run_one_at_a_time(server, runner):
    """As the smallest plan allows: the second create comes after the first one's end."""
    polls_at_create = []

    class WatchedGenerations(dict):
        def setdefault(self, key, value):
            polls_at_create.append([generation["polls"] for generation in self.values()])
            return super().setdefault(key, value)

    server.generations = WatchedGenerations()

    requests = [runner.request(prompt=prompt) for prompt in ("sad", "happy", "angry")]

    async def run_all():
        async with runner.manager() as jobs:
            await jobs.check_all(requests, fail_fast=True)
            await asyncio.gather(*[jobs.run(request) for request in requests])

    asyncio.run(run_all())

    assert polls_at_create == [[], [2], [2, 2]]


def test_wait_for_a_job_of_another_run_is_reported(server, runner):
    """Such as of one that was killed: nothing else would move for as long as the job may run."""
    ledger, at = Ledger(runner.store.root), datetime.now(UTC).isoformat(timespec="milliseconds")
    call = runner.request(prompt="sad").call
    intended = Intended(at=at, call=call, nonce="n", video_name="v", video_url="https://x/v", estimate_usd=0.2)
    entry = ledger.record(ledger.record_intent(intended), "accepted", Accepted(at=at, request_id="g9"))

    async def end_the_job(seconds):
        if seconds == SLOT_CHECK_S and ledger.open_entries():
            ledger.record(entry, "failed", Failed(at=at, error="no face", billed=False))
        await asyncio.sleep(min(seconds, 0.01))

    runner.clock = Clock(sleep=end_the_job)
    runner.run(runner.request())

    assert [message for message in runner.messages if "waiting" in message] == [
        "waiting: sync runs 1 at a time, and jobs of other runs are still open there; `react1 jobs` lists them"
    ]
