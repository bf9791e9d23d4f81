"""How often a host is asked, by a clock that moves only when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from react1.pipeline.net.api_client import USUAL_HOLD_S, told_to_wait_s
from react1.pipeline.net.http_pool import Reply
from react1.pipeline.net.rate_limit import LONGEST_HOLD_S, RateBudget, reset_in_s

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)


class Watch:
    """Seconds of a clock; who waits lets the others run first."""

    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        until = self.s + seconds
        await asyncio.sleep(0)
        self.s = max(self.s, until)


def budget(watch, per_minute=60.0, burst=3):
    return RateBudget(per_minute, burst, now=watch.now, sleep=watch.sleep)


def turns(watch, paced, asked):
    """Ask for so many turns at the same time, at each of these times, and give when each came."""
    came: list[float] = []

    async def one() -> None:
        await paced.turn()
        came.append(watch.s)

    async def run() -> None:
        for at_s, count in asked.items():
            watch.s = at_s
            await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(run())
    return came


def test_a_burst_is_free_and_the_rest_is_evenly_spread():
    """60 a minute: three at once, then one each second."""
    watch = Watch()

    came = turns(watch, budget(watch), {0: 7})

    assert came == [0, 0, 0, 1, 2, 3, 4]


def test_a_pause_gives_the_burst_back_and_no_more():
    """After an hour there are three free ones again, not thousands."""
    watch = Watch()

    came = turns(watch, budget(watch), {0: 3, 3600: 5})

    assert came[3:] == [3600, 3600, 3600, 3601, 3602]


def test_who_asks_seldom_never_waits():
    """At the rate itself, or below it."""
    watch = Watch()

    came = turns(watch, budget(watch, burst=1), {0: 1, 1: 1, 2: 1, 5: 1})

    assert came == [0, 1, 2, 5]


def test_a_hold_lets_nobody_through_before_its_end():
    """Not the free ones either; a shorter hold takes nothing from a longer one."""
    watch = Watch()
    paced = budget(watch)
    paced.hold(20)
    paced.hold(5)

    came = turns(watch, paced, {0: 2})

    assert came == [20, 20]


def test_a_hold_stops_those_that_wait_already():
    """Of seven, four have gone when the host says that it is too much."""
    watch = Watch()
    paced = budget(watch)

    async def run() -> list[float]:
        came: list[float] = []
        for _ in range(7):
            await paced.turn()
            came.append(watch.s)
            if len(came) == 4:
                paced.hold(20)
        return came

    assert asyncio.run(run()) == [0, 0, 0, 1, 21, 21, 21]


def test_after_a_hold_not_all_come_at_once():
    """Who waited for its end is spread like everybody: a host that said 429 is not run over."""
    watch = Watch()
    paced = budget(watch)
    paced.hold(20)

    came = turns(watch, paced, {0: 30})

    assert came == [20, 20, 20, *range(21, 48)]


def test_one_that_is_stopped_while_it_waits_takes_nobodys_turn():
    """The next one comes when it would have come."""
    watch = Watch()
    paced = budget(watch, burst=1)

    async def run() -> float:
        await paced.turn()
        stopped = asyncio.create_task(paced.turn())
        await asyncio.sleep(0)
        stopped.cancel()
        await paced.turn()
        return watch.s

    assert asyncio.run(run()) == 1


def test_a_hold_has_a_longest():
    """A host that says «tomorrow» is asked again in two minutes."""
    watch = Watch()
    paced = budget(watch)
    paced.hold(86_400)

    assert turns(watch, paced, {0: 1}) == [LONGEST_HOLD_S]


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
def test_a_moment_is_read_in_every_spelling(text):
    """ISO 8601, UTC where it names no zone; seconds or milliseconds since 1970."""
    assert reset_in_s(text, NOW) == 40


@pytest.mark.parametrize("text", ["2026-11-25T09:59:00Z", "0", "-1"])
def test_a_moment_that_is_over_is_now(text):
    """No negative waits."""
    assert reset_in_s(text, NOW) == 0


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "inf", "1e300", "-1e300", "2026-13-45", "12:00", "\x00"])
def test_rubbish_tells_nothing(text):
    """The caller then holds as long as usual."""
    assert reset_in_s(text, NOW) is None


@pytest.mark.parametrize(
    ("body", "waits_s"),
    [
        (b'{"retryAfterSeconds": 1}', 1.0),
        (b'{"retryAfterSeconds": 0.5}', 0.5),
        (b'{"retryAfterSeconds": "soon"}', USUAL_HOLD_S),
        (b'{"retryAfterSeconds": -3}', USUAL_HOLD_S),
        (b'{"retryAfterSeconds": true}', USUAL_HOLD_S),
        (b"too many", USUAL_HOLD_S),
    ],
)
def test_a_host_is_left_alone_as_long_as_its_answer_says(body, waits_s):
    """In the body of a 429; what is no number of seconds counts as not said."""
    assert told_to_wait_s(Reply(429, httpx.Headers(), body)) == waits_s
