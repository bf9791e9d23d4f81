"""Follow a job that a host has, until it ends: gently, and never losing it.

Takes   a client, a request id, and when the host took it.
Gives   Done or Failed.
Raises  HostFailed when the host will not tell, or not in time; the job stays accepted, and a later run takes it up.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import ProviderError
from ..providers.contract import Client, Done, Failed, Latency, NotNow
from ..providers.polling import LONGEST_DEADLINE_S, after_trouble_s, next_look_s, share_done
from .request import Clock

LEAST_WAIT_S = 60.0
"""A job that is taken up late is still looked at for so long."""


async def follow(
    client: Client,
    request_id: str,
    accepted_at: str,
    *,
    latency: Latency,
    deadline_s: float,
    clock: Clock,
    progress: Callable[[float], None] = lambda _: None,
) -> Done | Failed:
    """Look at a job until it has ended."""
    late, began_s = clock.since_s(accepted_at), clock.monotonic()
    last_s = max(min(deadline_s, LONGEST_DEADLINE_S), late + LEAST_WAIT_S)
    looks, failures, why = 0, 0, ""
    while True:
        elapsed_s = late + clock.monotonic() - began_s
        if elapsed_s >= last_s:
            raise ProviderError(_not_in_time(request_id, elapsed_s, why), request_id=request_id, retryable=True)
        wait_s = (
            after_trouble_s(failures, latency, request_id)
            if failures
            else 0.0
            if late >= latency.first_s and not looks
            else next_look_s(elapsed_s, looks, latency, request_id)
        )
        await clock.sleep(min(wait_s, max(0.0, last_s - elapsed_s)))
        progress(share_done(late + clock.monotonic() - began_s, latency))
        looks += 1
        try:
            found = await client.poll(request_id)
        except NotNow as error:
            failures, why = failures + 1, error.message
            continue
        failures, why = 0, ""
        if isinstance(found, (Done, Failed)):
            return found


def _not_in_time(request_id: str, elapsed_s: float, why: str) -> str:
    last = f"; the last answer: {why}" if why else ""
    return (
        f"job {request_id} has not ended after {elapsed_s / 60:.0f} min{last}; "
        "it is not lost: carry on with `react1 resume`, or look with `react1 jobs`"
    )
