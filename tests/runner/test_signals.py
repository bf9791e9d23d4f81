"""Signals that end a process stop a run cleanly, so that it can be resumed."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from react1.pipeline.runner.execute import stop_on_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX")


@pytest.fixture
def received():
    """Record the signals that nobody else handles."""
    numbers = []
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {name: signal.signal(name, lambda number, _: numbers.append(number)) for name in names}
    yield numbers
    for name, handler in earlier.items():
        signal.signal(name, handler)


async def _send(number):
    """Send a signal during a run that waits for a provider."""
    with stop_on_signals():
        signal.raise_signal(number)
        async with asyncio.timeout(0.2):
            await asyncio.Event().wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_cancels_the_run(received, number):
    """Also the end of the terminal; afterwards the signal has its earlier handler."""
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_send(number))

    assert received == []
    signal.raise_signal(number)
    assert received == [number]


def test_hang_up_that_is_ignored_stays_ignored(received):
    """As under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with pytest.raises(TimeoutError):
        asyncio.run(_send(signal.SIGHUP))

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
