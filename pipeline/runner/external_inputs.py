"""What a job calls beside itself, hosts and users' scripts, settled before anything is keyed or run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..config.document_model import Job, Step
from ..core.errors import PresetError
from ..providers.choose_provider import hosted, owner_of, provider, provider_name

if TYPE_CHECKING:
    from ..providers.provider_settings import HostedProvider


def settle_hosts(job: Job) -> Job:
    """Put the host that `auto` means into every step that has one, and what it takes into the steps that cut for it."""
    steps = [settled_step(step) for step in job.steps]
    longest = [host.limits.video_s for step in steps if (host := hosted_by(step)) and host.limits.video_s is not None]
    if longest:
        steps = [_cut_for(step, float(min(longest))) for step in steps]
    return replace(job, steps=tuple(steps))


def require_hosts(job: Job) -> None:
    """Find out that every host and every script of a job can be used.

    Raises:
        PresetError: one cannot; the message says what to install, to set or to allow.
    """
    for step in job.steps:
        cache_salt = getattr(step.info.cls, "cache_salt", None)
        if cache_salt is not None:
            cache_salt(step.params)
    for step in job.steps:
        if _host(step):
            (hosted_by(step) or provider("local")).require()
    if any(hosted_by(step) for step in job.steps):
        _require_addresses(job)


def settled_step(step: Step) -> Step:
    """Put the host that `auto` means into a step that has one."""
    asked = _host(step)
    if asked is None:
        return step
    return replace(step, params=step.params.model_copy(update={"provider": provider_name(asked)}))


def hosted_by(step: Step) -> HostedProvider | None:
    """Give the host that takes money for a step; None where nobody does."""
    name = _host(step)
    if name is None or step.info.cls.workload != "paid":
        return None
    return hosted(provider_name(name), getattr(step.params, "api", "v2"))


def _host(step: Step) -> str | None:
    return getattr(step.params, "provider", None)


def _cut_for(step: Step, longest_s: float) -> Step:
    if getattr(step.params, "longest_s", longest_s) is not None:
        return step
    return replace(step, params=step.params.model_copy(update={"longest_s": longest_s}))


def _require_addresses(job: Job) -> None:
    """Refuse, before anything runs, an upload that no host can read."""
    for step in job.steps:
        storage = getattr(step.params, "storage", "auto")
        if storage == "none":
            raise PresetError(
                f"step {step.id}: storage none sends nothing, but the host must read the files; choose auto or s3"
            )
        owner = owner_of(storage)
        if owner is not None:
            owner.require()
        if storage == "s3":
            from ..storage.s3 import S3Storage

            S3Storage(lifetime_s=3600).require()
