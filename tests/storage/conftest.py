"""Uploads in these tests do not wait between attempts."""

from __future__ import annotations

import asyncio
import threading

import pytest

from react1.pipeline.net import api_client


@pytest.fixture(autouse=True)
def waits_s(monkeypatch):
    """The waits between attempts of the test's own event loop; none of them sleeps."""
    waits_s: list[float] = []
    real_sleep, test_thread = asyncio.sleep, threading.current_thread()

    async def sleep(delay, result=None):
        if threading.current_thread() is not test_thread:  # a server's loop
            return await real_sleep(delay, result)
        if delay:
            waits_s.append(delay)
        return await real_sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(api_client, "MAX_PAUSE_S", 0.0)  # the limiter has its own clock
    return waits_s
