"""What a job calls beside itself, hosts and users' scripts, settled before anything is keyed or run."""

from __future__ import annotations

from dataclasses import replace

from ..preset.model import Job, Step
from ..providers.choose import provider, provider_name


def settle_hosts(job: Job) -> Job:
    """Put the host that `auto` means into every step that has one."""
    return replace(job, steps=tuple(settled_step(step) for step in job.steps))


def require_hosts(job: Job) -> None:
    """Find out that every host and every script of a job can be used.

    Raises:
        PresetError: one cannot; the message says what to install, to set or to allow.
    """
    for step in job.steps:
        salt = getattr(step.info.cls, "salt", None)
        if salt is not None:
            salt(step.params)
    for name in {host for step in job.steps if (host := _host(step))}:
        provider(name).require()


def settled_step(step: Step) -> Step:
    """Put the host that `auto` means into a step that has one."""
    asked = _host(step)
    if asked is None:
        return step
    return replace(step, params=step.params.model_copy(update={"provider": provider_name(asked)}))


def _host(step: Step) -> str | None:
    return getattr(step.params, "provider", None)
