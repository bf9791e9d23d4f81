"""The rate limit, by a clock that moves only when it is slept on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from react1.pipeline.net.api_client import DEFAULT_PAUSE_S, MAX_PAUSE_S, RateLimiter, retry_after_s, seconds_until_reset
from react1.pipeline.net.http_pool import HttpResponse

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


class FakeMonotonic:
    """Monotonic seconds; a sleeping task lets the others run first."""

    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        until = self.s + seconds
        await asyncio.sleep(0)
        self.s = max(self.s, until)


def limiter_of(clock, per_minute=60.0, burst=3):
    return RateLimiter(per_minute, burst, now=clock.now, sleep=clock.sleep)


def acquire_times(clock, limiter, requests):
    """Send a number of requests at each of these times; return when each was allowed."""
    times_s: list[float] = []

    async def acquire() -> None:
        await limiter.acquire()
        times_s.append(clock.s)

    async def run() -> None:
        for at_s, count in requests.items():
            clock.s = at_s
            await asyncio.gather(*(acquire() for _ in range(count)))

    asyncio.run(run())
    return times_s


def test_burst_is_free_and_the_rest_is_evenly_spread():
    """60 a minute: three at once, then one each second."""
    clock = FakeMonotonic()

    times_s = acquire_times(clock, limiter_of(clock), {0: 7})

    assert times_s == [0, 0, 0, 1, 2, 3, 4]


def test_idle_time_restores_the_burst_and_no_more():
    """After an hour three are free again, not thousands."""
    clock = FakeMonotonic()

    times_s = acquire_times(clock, limiter_of(clock), {0: 3, 3600: 5})

    assert times_s[3:] == [3600, 3600, 3600, 3601, 3602]


def test_slow_requests_never_wait():
    """At the rate itself, or below it."""
    clock = FakeMonotonic()

    times_s = acquire_times(clock, limiter_of(clock, burst=1), {0: 1, 1: 1, 2: 1, 5: 1})

    assert times_s == [0, 1, 2, 5]


def test_pause_stops_all_requests_until_its_end():
    """The burst too; a shorter pause does not shorten a longer one."""
    clock = FakeMonotonic()
    limiter = limiter_of(clock)
    limiter.pause(20)
    limiter.pause(5)

    times_s = acquire_times(clock, limiter, {0: 2})

    assert times_s == [20, 20]


def test_pause_stops_requests_that_already_wait():
    """Of seven, four are sent when the server asks for a pause."""
    clock = FakeMonotonic()
    limiter = limiter_of(clock)

    async def run() -> list[float]:
        times_s: list[float] = []
        for _ in range(7):
            await limiter.acquire()
            times_s.append(clock.s)
            if len(times_s) == 4:
                limiter.pause(20)
        return times_s

    assert asyncio.run(run()) == [0, 0, 0, 1, 21, 21, 21]


def test_after_a_pause_requests_are_spread_again():
    """A server that sent 429 is not flooded."""
    clock = FakeMonotonic()
    limiter = limiter_of(clock)
    limiter.pause(20)

    times_s = acquire_times(clock, limiter, {0: 30})

    assert times_s == [20, 20, 20, *range(21, 48)]


def test_cancelled_request_does_not_delay_the_next_one():
    """The next one is sent when it would have been sent."""
    clock = FakeMonotonic()
    limiter = limiter_of(clock, burst=1)

    async def run() -> float:
        await limiter.acquire()
        stopped = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        stopped.cancel()
        await limiter.acquire()
        return clock.s

    assert asyncio.run(run()) == 1


def test_pause_has_a_maximum():
    """After two minutes requests are sent again, whatever the server says."""
    clock = FakeMonotonic()
    limiter = limiter_of(clock)
    limiter.pause(86_400)

    assert acquire_times(clock, limiter, {0: 1}) == [MAX_PAUSE_S]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T10:00:40+00:00",
        "2026-11-25T10:00:40Z",
        "2026-11-25T10:00:40",
        "2026-11-25 10:00:40",
        "2026-11-25T12:00:40+02:00",
        str((NOW + timedelta(seconds=40)).timestamp()),
        str(int((NOW + timedelta(seconds=40)).timestamp())),
        str(int((NOW + timedelta(seconds=40)).timestamp()) * 1000),
    ],
)
def test_reset_time_is_parsed_in_every_form(text):
    """ISO 8601, UTC if it has no time zone; seconds or milliseconds since 1970."""
    assert seconds_until_reset(text, NOW) == 40


@pytest.mark.parametrize("text", ["2026-11-25T09:59:00Z", "0", "-1"])
def test_reset_time_in_the_past_is_now(text):
    """There are no negative waits."""
    assert seconds_until_reset(text, NOW) == 0


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "inf", "1e300", "-1e300", "2026-13-45", "12:00", "\x00"])
def test_invalid_reset_time_is_ignored(text):
    """The default pause is used then."""
    assert seconds_until_reset(text, NOW) is None


@pytest.mark.parametrize(
    ("body", "waits_s"),
    [
        (b'{"retryAfterSeconds": 1}', 1.0),
        (b'{"retryAfterSeconds": 0.5}', 0.5),
        (b'{"retryAfterSeconds": "soon"}', DEFAULT_PAUSE_S),
        (b'{"retryAfterSeconds": -3}', DEFAULT_PAUSE_S),
        (b'{"retryAfterSeconds": true}', DEFAULT_PAUSE_S),
        (b"too many", DEFAULT_PAUSE_S),
    ],
)
def test_pause_is_as_long_as_the_response_says(body, waits_s):
    """By the body of a 429; a value that is not a number of seconds is ignored."""
    assert retry_after_s(HttpResponse(429, httpx.Headers(), body)) == waits_s
