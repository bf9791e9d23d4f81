"""What a job calls beside itself, hosts and users' scripts, settled before anything is keyed or run.

Parameters that name files become content before anything is keyed by them.

Takes   a step whose parameters hold paths or addresses where a node wants a `File`.
Gives   the same step with the content's digest in their place; addresses stay for the nodes that fetch.
Raises  BadInput where a file is not there or cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..config.checked_job import Job, Step
from ..core.errors import PresetError
from ..core.file import File, Ingest, is_marked
from ..providers.choose_provider import get_provider, hosted_provider, resolve_provider_name, storage_owner
from ..store.store import Store

if TYPE_CHECKING:
    from ..providers.provider_settings import HostedProvider


def resolve_providers(job: Job) -> Job:
    """Put the host that `auto` means into every step that has one, and what it takes into the steps that cut for it."""
    steps = [resolve_provider(step) for step in job.steps]
    longest = [
        host.limits.video_s for step in steps if (host := paid_provider(step)) and host.limits.video_s is not None
    ]
    if longest:
        steps = [_limit_clip_length(step, float(min(longest))) for step in steps]
    return replace(job, steps=tuple(steps))


def require_providers(job: Job) -> None:
    """Find out that every host and every script of a job can be used.

    Raises:
        PresetError: one cannot; the message says what to install, to set or to allow.
    """
    for step in job.steps:
        cache_salt = getattr(step.info.cls, "cache_salt", None)
        if cache_salt is not None:
            cache_salt(step.params)
    for step in job.steps:
        if _provider_param(step):
            (paid_provider(step) or get_provider("local")).require()
    if any(paid_provider(step) for step in job.steps):
        _require_storage(job)


def resolve_provider(step: Step) -> Step:
    """Put the host that `auto` means into a step that has one."""
    asked = _provider_param(step)
    if asked is None:
        return step
    return replace(step, params=step.params.model_copy(update={"provider": resolve_provider_name(asked)}))


def paid_provider(step: Step) -> HostedProvider | None:
    """Give the host that takes money for a step; None where nobody does."""
    name = _provider_param(step)
    if name is None or step.info.cls.workload != "paid":
        return None
    return hosted_provider(resolve_provider_name(name), getattr(step.params, "api", "v2"))


def _provider_param(step: Step) -> str | None:
    return getattr(step.params, "provider", None)


def _limit_clip_length(step: Step, longest_s: float) -> Step:
    if getattr(step.params, "longest_s", longest_s) is not None:
        return step
    return replace(step, params=step.params.model_copy(update={"longest_s": longest_s}))


def _require_storage(job: Job) -> None:
    """Refuse, before anything runs, an upload that no host can read."""
    for step in job.steps:
        storage = getattr(step.params, "storage", "auto")
        if storage == "none":
            raise PresetError(
                f"step {step.id}: storage none sends nothing, but the host must read the files; choose auto or s3"
            )
        owner = storage_owner(storage)
        if owner is not None:
            owner.require()
        if storage == "s3":
            from ..storage.s3 import S3Storage

            S3Storage(lifetime_s=3600).require()


Adopt = Callable[[str], File | str]


def is_address(text: str) -> bool:
    """Tell an address (`https://…`) from a path; one letter before the colon is a drive, not a scheme."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").isalnum()


def ingest(step: Step, store: Store, progress: Callable[[float], None] = lambda _: None) -> Step:
    """Put every local file that a step's parameters name into the store; `progress` may raise to stop it."""

    def adopt(text: str) -> File | str:
        return text if is_address(text) else store.adopt(Path(text), progress)

    params = _walk(step.params, adopt)
    return step if params is step.params else replace(step, params=params)


def local_files(step: Step) -> list[Path]:
    """Find the local files that a step's parameters name."""
    found: list[Path] = []

    def note(text: str) -> str:
        if not is_address(text):
            found.append(Path(text))
        return text

    _walk(step.params, note)
    return found


def _walk(value: Any, adopt: Adopt) -> Any:
    if isinstance(value, BaseModel) and not isinstance(value, File):
        changed = {}
        for name, field in type(value).model_fields.items():
            old = getattr(value, name)
            marked = is_marked(field, Ingest)
            new = adopt(old) if marked and isinstance(old, str) else _walk(old, adopt)
            if new is not old:
                changed[name] = new
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, (list, tuple)):
        items = [_walk(item, adopt) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
