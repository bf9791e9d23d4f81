"""Poll a job until it has finished. The schedule is a pure function of time.

Nothing is asked before a job can be finished, then every few seconds, more slowly for a job that takes long, with a
jitter of its own so that many jobs do not poll at the same moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from ..core.errors import ProviderError
from ..providers.contract import Done, Failed, Latency, ProviderClient, TemporarilyUnavailable, UnknownJob
from .request import Clock

MIN_WAIT_S = 60.0
"""A job that is resumed after its deadline is still polled for this long."""
MIN_POLL_S = 15.0
"""The last poll may take this long, also after the deadline."""
MAX_DEADLINE_S = 3600.0
"""Results are kept for an hour, so waiting longer is useless."""
JITTER = 0.25
"""Share by which a wait is shortened or lengthened at random."""
MAX_SLOWDOWN = 4.0
"""A job that takes very long is polled this much less often than one that is due."""
MAX_BACKOFF_S = 60.0
UNKNOWN_JOB_S = 120.0
"""How long a provider may not know a job: its history lags, but an id that it never gave stays unknown."""


async def poll_until_done(
    client: ProviderClient,
    request_id: str,
    accepted_at: str,
    *,
    latency: Latency,
    deadline_s: float,
    clock: Clock,
    progress: Callable[[float], None] = lambda _: None,
    notify: Callable[[str], None] = lambda _: None,
) -> Done | Failed:
    """Poll a job until it has finished or failed.

    Raises:
        UnknownJob: the provider has not known the job for UNKNOWN_JOB_S; it stays accepted.
        ProviderError: the provider does not answer, or the job has not finished in time. It stays accepted, and a
            later run resumes it.
    """
    # Not stamina: the waits and the end depend on the job's age and the provider's latency, also across runs.
    first_age_s, started_s = clock.elapsed_since_s(accepted_at), clock.monotonic()

    def age_s() -> float:
        return first_age_s + clock.monotonic() - started_s

    due_s = max(min(deadline_s, MAX_DEADLINE_S), first_age_s + MIN_WAIT_S)
    polls, failures, last_error = 0, 0, ""
    unknown_from_s: float | None = None
    while True:
        # One that is unknown is reported as that, also past its deadline: to resume it again would not help.
        limit_s = due_s if unknown_from_s is None else due_s + UNKNOWN_JOB_S + MIN_POLL_S
        now_s = age_s()
        if now_s >= limit_s:
            raise ProviderError(_overdue(request_id, now_s, last_error), request_id=request_id, retryable=True)
        if failures:
            wait_s = backoff_s(failures, latency, request_id)
        else:
            is_due = not polls and first_age_s >= latency.first_s
            wait_s = 0.0 if is_due else next_poll_s(now_s, polls, latency, request_id)
        await clock.sleep(min(wait_s, limit_s - now_s))
        progress(estimated_progress(age_s(), latency))
        polls += 1
        try:
            async with asyncio.timeout(max(limit_s - age_s(), MIN_POLL_S)):
                state = await client.poll(request_id)
        except TimeoutError:
            failures, last_error = failures + 1, "the response was not complete at the deadline"
            continue
        except TemporarilyUnavailable as error:
            failures, last_error = failures + 1, error.message
            notify(f"job {request_id}: {error.message}; still waiting for it")
            if not isinstance(error, UnknownJob):
                unknown_from_s = None
                continue
            unknown_from_s = clock.monotonic() if unknown_from_s is None else unknown_from_s
            if clock.monotonic() - unknown_from_s >= UNKNOWN_JOB_S:
                raise
            continue
        failures, last_error, unknown_from_s = 0, "", None
        if isinstance(state, (Done, Failed)):
            return state


def _overdue(request_id: str, elapsed_s: float, last_error: str) -> str:
    last = f"; the last response: {last_error}" if last_error else ""
    return (
        f"job {request_id} has not finished after {elapsed_s / 60:.0f} min{last}; "
        "it is not lost: continue with `react1 resume`, or check `react1 jobs`"
    )


def next_poll_s(elapsed_s: float, polls: int, latency: Latency, seed: str) -> float:
    """Return in how many seconds to poll a job next; the same arguments give the same result.

    Args:
        elapsed_s: since the provider accepted the job, at least 0.
        polls: polls since then.
        latency: the provider's.
        seed: the job's own, such as its request id.
    """
    jitter = 1 + JITTER * (2 * random.Random(f"{seed}/{polls}").random() - 1)
    if elapsed_s < latency.first_s and not polls:
        return (latency.first_s - elapsed_s) * jitter
    slowdown = min(MAX_SLOWDOWN, max(1.0, elapsed_s / latency.typical_s)) if latency.typical_s else 1.0
    return latency.interval_s * slowdown * jitter


def backoff_s(failures: int, latency: Latency, seed: str) -> float:
    """Return in how many seconds to poll again after this many consecutive failures."""
    jitter = 1 + JITTER * (2 * random.Random(f"{seed}!{failures}").random() - 1)
    return float(min(MAX_BACKOFF_S, latency.interval_s * 2 ** min(failures - 1, 6))) * jitter


def estimated_progress(elapsed_s: float, latency: Latency) -> float:
    """Estimate how far a job is, 0 to 0.95, for a progress bar; the providers do not say."""
    return min(0.95, 0.8 * elapsed_s / latency.typical_s) if latency.typical_s else 0.5
