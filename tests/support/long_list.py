"""A lost submit that is not on the first page of a provider's list."""

from __future__ import annotations

from react1.testing import Failure


def lose_submit_in_long_list(host) -> None:
    """Let the response to the next submit be lost, and 100 others follow it in the list."""
    host.failures = [Failure("submit", "reset")]
    create_job = host.create_job

    def create_with_others(sent):
        job = create_job(sent)
        for number in range(100):
            create_job({**sent, "temperature": 1 + number})
        host.create_job = create_job
        return job

    host.create_job = create_with_others
