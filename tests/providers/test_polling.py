"""When a job is looked at is a function of time alone."""

from hypothesis import given
from hypothesis import strategies as st

from react1.pipeline.jobs.poll import JITTER, backoff_s, estimated_progress, next_poll_s
from react1.pipeline.providers.contract import Latency

HOST = Latency(first_s=60, typical_s=330, interval_s=8)
TIMES = st.floats(0, 7200, allow_nan=False)


@given(TIMES, st.integers(0, 500), st.text(max_size=8))
def test_every_wait_is_bounded(elapsed_s, looks, seed):
    """Never at once, never more than the first look or four usual ones, and the same for the same arguments."""
    wait_s = next_poll_s(elapsed_s, looks, HOST, seed)

    assert HOST.interval_s * (1 - JITTER) <= wait_s or elapsed_s + wait_s >= HOST.first_s * (1 - JITTER)
    assert 0 <= wait_s <= max(HOST.first_s, 4 * HOST.interval_s) * (1 + JITTER)
    assert wait_s == next_poll_s(elapsed_s, looks, HOST, seed)


def test_nothing_is_asked_before_a_job_can_be_done():
    """Then every few seconds, and more slowly when it takes long."""
    assert 45 <= next_poll_s(0, 0, HOST, "a") <= 75
    assert 6 <= next_poll_s(100, 1, HOST, "a") <= 10
    assert 24 <= next_poll_s(3300, 300, HOST, "a") <= 40


def test_many_jobs_do_not_knock_together():
    """Each has a jitter of its own."""
    waits = {round(next_poll_s(100, 3, HOST, f"job{number}"), 6) for number in range(100)}

    assert len(waits) == 100


def test_trouble_is_met_with_ever_longer_waits():
    """Up to a minute."""
    waits = [backoff_s(failures, HOST, "a") for failures in range(1, 12)]

    assert 6 <= waits[0] <= 10
    assert 45 <= waits[-1] <= 75


@given(TIMES)
def test_the_guess_of_how_far_it_is_never_says_done(elapsed_s):
    """Only the host can."""
    assert 0 <= estimated_progress(elapsed_s, HOST) <= 0.95


def test_half_an_hour_of_a_job_costs_some_two_hundred_looks_at_most():
    """Counted by walking through it."""
    elapsed_s, looks = 0.0, 0
    while elapsed_s < 1800:
        elapsed_s += next_poll_s(elapsed_s, looks, HOST, "a")
        looks += 1

    assert 60 < looks < 200
