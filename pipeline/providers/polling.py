"""When a job is looked at: a pure function of time.

Gently: nothing before the usual latency begins, then every few seconds, ever more slowly for a job that takes long,
with a jitter of its own so that many jobs do not knock together.
"""

from __future__ import annotations

import random

from .contract import Latency

JITTER = 0.25
"""Looks come this share earlier or later."""
SLOWEST = 4.0
"""A job that takes very long is looked at this much less often than one that is due."""
LONGEST_DEADLINE_S = 3600.0
"""Results are kept for an hour; nobody waits longer for one."""


def next_look_s(elapsed_s: float, looks: int, latency: Latency, seed: str) -> float:
    """Give how many seconds from now a job is looked at next.

    Args:
        elapsed_s: since the host took the job, at least 0.
        looks: how often it was looked at since then.
        latency: of the host.
        seed: the job's own, such as its request id; the same arguments give the same answer.
    """
    jitter = 1 + JITTER * (2 * random.Random(f"{seed}/{looks}").random() - 1)
    if elapsed_s < latency.first_s and not looks:
        return (latency.first_s - elapsed_s) * jitter
    slow = min(SLOWEST, max(1.0, elapsed_s / latency.usual_s)) if latency.usual_s else 1.0
    return latency.every_s * slow * jitter


def after_trouble_s(failures: int, latency: Latency, seed: str) -> float:
    """Give how many seconds from now to ask again after so many answers that failed in a row."""
    jitter = 1 + JITTER * (2 * random.Random(f"{seed}!{failures}").random() - 1)
    return float(min(60.0, latency.every_s * 2 ** min(failures - 1, 6))) * jitter


def share_done(elapsed_s: float, latency: Latency) -> float:
    """Guess how far a job is, 0 to 0.95, for a bar on the screen; the hosts do not say."""
    return min(0.95, 0.8 * elapsed_s / latency.usual_s) if latency.usual_s else 0.5
