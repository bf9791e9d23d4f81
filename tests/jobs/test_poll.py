"""A job is polled until it ends; errors on the way never lose it."""

from __future__ import annotations

import asyncio

import pytest
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from react1.pipeline.core.errors import ProviderError
from react1.pipeline.jobs.poll import JITTER, backoff_s, estimated_progress, next_poll_s, poll_until_done
from react1.pipeline.providers.contract import Done, Failed, Latency, TemporarilyUnavailable, UnknownJob, Waiting

LATENCY = Latency(first_s=60, typical_s=300, interval_s=8)
DONE = Done("r1", "https://o.example/t.mp4")
TIMES_S = st.floats(0, 7200, allow_nan=False)


class PolledClient:
    """Returns its states in order, the last one forever; `polls` counts the calls."""

    def __init__(self, *states) -> None:
        self.states, self.polls = list(states), 0

    async def poll(self, request_id):
        assert request_id == "r1"
        self.polls += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return state


def poll(client, fake, *, age_s=0.0, deadline_s=1800.0, shares=None, messages=None):
    """Poll a job that was accepted `age_s` ago."""
    clock = fake.clock()
    accepted = clock.timestamp()

    async def run():
        if age_s:
            await fake.sleep(age_s)
            fake.sleeps_s.clear()
        return await poll_until_done(
            client,
            "r1",
            accepted,
            latency=LATENCY,
            deadline_s=deadline_s,
            clock=clock,
            progress=(shares if shares is not None else []).append,
            notify=(messages if messages is not None else []).append,
        )

    return asyncio.run(run())


def test_job_is_polled_gently():
    """Not before it can be done, and the progress never reaches 1."""
    fake, shares = FakeClock(), []
    client = PolledClient(Waiting("QUEUED"), Waiting("PROCESSING"), DONE)

    assert poll(client, fake, shares=shares) == DONE
    assert fake.sleeps_s[0] >= 45
    assert len(fake.sleeps_s) == client.polls == 3
    assert shares == sorted(shares)
    assert max(shares) < 1


def test_the_progress_of_a_resumed_job_goes_on_where_it_was():
    """It is that of the time since the provider accepted the job, not since this process polls."""
    fake, shares = FakeClock(), []

    poll(PolledClient(Waiting("PROCESSING"), DONE), fake, age_s=200.0, shares=shares)

    assert shares == [estimated_progress(200.0 + sum(fake.sleeps_s[: number + 1]), LATENCY) for number in range(2)]
    assert shares[0] < shares[1]


def test_failed_job_is_returned():
    """It is not an exception, because the ledger has to record it first."""
    assert poll(PolledClient(Failed("r1", "blocked")), FakeClock()) == Failed("r1", "blocked")


def test_provider_that_is_down_for_ten_minutes_loses_nothing():
    """Failed polls are repeated with growing waits."""
    fake = FakeClock()
    client = PolledClient(*[TemporarilyUnavailable("502")] * 14, DONE)

    assert poll(client, fake) == DONE
    assert 400 < fake.elapsed_s < 1200
    assert max(fake.sleeps_s) <= 75


def test_job_that_does_not_end_stays_in_the_ledger():
    """The message says after how long, what the last response was, and how to continue."""
    fake = FakeClock()

    with pytest.raises(
        ProviderError, match=r"job r1 has not finished after 30 min; it is not lost.*react1 resume"
    ) as caught:
        poll(PolledClient(Waiting("PROCESSING")), fake)
    assert caught.value.request_id == "r1"
    assert 1790 < fake.elapsed_s < 1900
    with pytest.raises(ProviderError, match="the last response: 504"):
        poll(PolledClient(TemporarilyUnavailable("504")), FakeClock())


def test_poll_that_never_ends_ends_at_the_deadline():
    """Its bytes may come one by one, each in time."""
    fake = FakeClock()

    class Endless(PolledClient):
        async def poll(self, request_id):
            self.polls += 1
            loop, end_s = asyncio.get_running_loop(), asyncio.get_running_loop().time() + 10_000
            loop.time = lambda: end_s  # the loop's time is over at once
            fake.run_s += 10_000
            await asyncio.Event().wait()

    client = Endless()
    with pytest.raises(ProviderError, match=r"has not finished .* the response was not complete at the deadline"):
        poll(client, fake)
    assert client.polls == 1


def test_trouble_while_polling_is_reported():
    """Such as a provider that asks to wait."""
    messages = []

    poll(PolledClient(TemporarilyUnavailable("429: too many requests"), DONE), FakeClock(), messages=messages)

    assert messages == ["job r1: 429: too many requests; still waiting for it"]


def test_job_that_the_provider_does_not_know_is_not_polled_for_ever():
    """Its history may lag, but an id that it never gave stays unknown; another error begins the count again."""
    fake = FakeClock()
    unknown = UnknownJob("neither among the requests nor in the history")

    with pytest.raises(UnknownJob):
        poll(PolledClient(unknown), fake, age_s=100)
    assert 120 <= fake.elapsed_s < 240
    assert poll(PolledClient(*[unknown] * 3, DONE), FakeClock(), age_s=100) == DONE
    alternating = [unknown, unknown, TemporarilyUnavailable("502")] * 6
    assert poll(PolledClient(*alternating, DONE), FakeClock(), age_s=100) == DONE


@pytest.mark.parametrize("age_s", [1700, 2000, 86_400])
def test_unknown_job_is_reported_as_unknown_also_past_its_deadline(age_s):
    """Such as a job that is resumed the next day, when the provider has forgotten it: resuming again cannot help."""
    fake = FakeClock()

    with pytest.raises(UnknownJob):
        poll(PolledClient(UnknownJob("neither among the requests nor in the history")), fake, age_s=age_s)

    assert 120 <= fake.elapsed_s < 240


def test_polling_ends_when_results_expire():
    """After an hour, whatever the deadline is."""
    fake = FakeClock()

    with pytest.raises(ProviderError):
        poll(PolledClient(Waiting("PROCESSING")), fake, deadline_s=86_400)

    assert 3590 < fake.elapsed_s < 3700


def test_resumed_job_is_polled_at_once():
    """Its result may be about to expire; and past its deadline it still gets its polls."""
    fake = FakeClock()

    assert poll(PolledClient(DONE), fake, age_s=3000) == DONE
    assert fake.sleeps_s == [0.0]


def test_only_the_first_poll_of_a_resumed_job_comes_at_once():
    """The next ones keep the interval."""
    fake = FakeClock()
    client = PolledClient(Waiting("PROCESSING"), Waiting("PROCESSING"), DONE)

    assert poll(client, fake, age_s=100) == DONE
    assert fake.sleeps_s[0] == 0.0
    assert all(6 <= sleep_s <= 10 for sleep_s in fake.sleeps_s[1:])
    assert len(fake.sleeps_s) == 3


def test_permanent_error_ends_the_run_but_not_the_job():
    """Such as a key that is not accepted any more."""
    with pytest.raises(ProviderError, match="check the key"):
        poll(PolledClient(ProviderError("check the key", retryable=True)), FakeClock())


@given(TIMES_S, st.integers(0, 500), st.text(max_size=8))
def test_wait_is_bounded(elapsed_s, polls, seed):
    """Never none, never more than the first poll or four intervals, and the same for the same arguments."""
    wait_s = next_poll_s(elapsed_s, polls, LATENCY, seed)

    assert LATENCY.interval_s * (1 - JITTER) <= wait_s or elapsed_s + wait_s >= LATENCY.first_s * (1 - JITTER)
    assert 0 <= wait_s <= max(LATENCY.first_s, 4 * LATENCY.interval_s) * (1 + JITTER)
    assert wait_s == next_poll_s(elapsed_s, polls, LATENCY, seed)


def test_first_poll_comes_when_a_job_can_be_done():
    """Then every few seconds, and more slowly when it takes long."""
    assert 45 <= next_poll_s(0, 0, LATENCY, "a") <= 75
    assert 6 <= next_poll_s(100, 1, LATENCY, "a") <= 10
    assert 24 <= next_poll_s(3300, 300, LATENCY, "a") <= 40


def test_second_poll_does_not_wait_for_the_first_latency():
    """Once a job was polled, the interval counts, however young the job is."""
    assert 6 <= next_poll_s(5, 1, LATENCY, "a") <= 10


def test_many_jobs_do_not_poll_at_the_same_moment():
    """Each has a jitter of its own."""
    waits_s = {round(next_poll_s(100, 3, LATENCY, f"job{number}"), 6) for number in range(100)}

    assert len(waits_s) == 100


def test_backoff_grows_to_a_minute():
    """From the interval on, with jitter."""
    waits_s = [backoff_s(failures, LATENCY, "a") for failures in range(1, 12)]

    assert 6 <= waits_s[0] <= 10
    assert 45 <= waits_s[-1] <= 75


@given(TIMES_S)
def test_estimated_progress_never_reaches_the_end(elapsed_s):
    """Only the provider knows when a job is done."""
    assert 0 <= estimated_progress(elapsed_s, LATENCY) <= 0.95


def test_half_an_hour_takes_at_most_two_hundred_polls():
    """Counted by simulation."""
    elapsed_s, polls = 0.0, 0
    while elapsed_s < 1800:
        elapsed_s += next_poll_s(elapsed_s, polls, LATENCY, "a")
        polls += 1

    assert 60 < polls < 200
