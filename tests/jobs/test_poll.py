"""A job that a host has is followed to its end; trouble on the way never loses it."""

from __future__ import annotations

import asyncio

import pytest
from clocks import FakeClock

from react1.pipeline.core.errors import ProviderError
from react1.pipeline.jobs.poll import poll_until_done
from react1.pipeline.providers.contract import Done, Failed, Latency, TemporarilyUnavailable, Waiting

HOST = Latency(first_s=60, typical_s=300, interval_s=8)
DONE = Done("r1", "https://o.example/t.mp4")


class Polled:
    """Gives its answers in order, the last one for ever."""

    def __init__(self, *answers) -> None:
        self.answers, self.looks = list(answers), 0

    async def poll(self, request_id):
        assert request_id == "r1"
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def followed(client, fake, *, elapsed_s=0.0, deadline_s=1800.0, shares=None):
    clock = fake.clock()
    accepted = clock.timestamp()

    async def run():
        if elapsed_s:
            await fake.sleep(elapsed_s)
            fake.sleeps_s.clear()
        return await poll_until_done(
            client,
            "r1",
            accepted,
            latency=HOST,
            deadline_s=deadline_s,
            clock=clock,
            progress=(shares if shares is not None else []).append,
        )

    return asyncio.run(run())


def test_a_job_is_waited_for_gently():
    """Nothing before it can be done; the bar never says more than is known."""
    fake, shares = FakeClock(), []
    client = Polled(Waiting("QUEUED"), Waiting("PROCESSING"), DONE)

    assert followed(client, fake, shares=shares) == DONE
    assert fake.sleeps_s[0] >= 45
    assert len(fake.sleeps_s) == client.looks == 3
    assert shares == sorted(shares)
    assert max(shares) < 1


def test_a_failed_job_is_an_answer():
    """Not an exception: the ledger has to hear of it first."""
    assert followed(Polled(Failed("r1", "blocked")), FakeClock()) == Failed("r1", "blocked")


def test_a_host_that_is_down_for_ten_minutes_loses_nothing():
    """Looks that fail are made again, ever more slowly."""
    fake = FakeClock()
    client = Polled(*[TemporarilyUnavailable("502")] * 14, DONE)

    assert followed(client, fake) == DONE
    assert 400 < fake.elapsed_s < 1200
    assert max(fake.sleeps_s) <= 75


def test_a_job_that_does_not_end_stays_in_the_ledger():
    """The message says after how long, what was heard last, and how to carry on."""
    fake = FakeClock()

    with pytest.raises(
        ProviderError, match=r"job r1 has not ended after 30 min; it is not lost.*react1 resume"
    ) as caught:
        followed(Polled(Waiting("PROCESSING")), fake)
    assert caught.value.request_id == "r1"
    assert 1790 < fake.elapsed_s < 1900
    with pytest.raises(ProviderError, match="the last answer: 504"):
        followed(Polled(TemporarilyUnavailable("504")), FakeClock())


def test_nobody_waits_longer_than_results_are_kept():
    """An hour, whatever is asked for."""
    fake = FakeClock()

    with pytest.raises(ProviderError):
        followed(Polled(Waiting("PROCESSING")), fake, deadline_s=86_400)

    assert 3590 < fake.elapsed_s < 3700


def test_a_job_that_is_taken_up_late_is_looked_at_at_once():
    """After a reboot its result may be about to expire; and past its deadline it still gets its looks."""
    fake = FakeClock()

    assert followed(Polled(DONE), fake, elapsed_s=3000) == DONE
    assert fake.sleeps_s == [0.0]


def test_an_answer_that_cannot_get_better_ends_the_run_and_not_the_job():
    """Such as a key that is not accepted any more."""
    with pytest.raises(ProviderError, match="check the key"):
        followed(Polled(ProviderError("check the key", retryable=True)), FakeClock())
