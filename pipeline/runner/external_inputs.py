"""Resolve what a job needs from outside, before any key is computed: files, providers and user scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..config.checked_job import Job, Step, replace_files
from ..core.edits.choices import React1Choices, resolve_choices
from ..core.edits.edit import Edit
from ..core.errors import PresetError, Problem
from ..core.file import File
from ..core.nodes.plugins import STORAGES
from ..located_yaml.explain import is_url
from ..providers.choose_provider import (
    get_provider,
    hosted_provider,
    load_plugin_storage,
    plugin_names,
    resolve_provider_name,
    storage_owner,
)
from ..store.store import Store

if TYPE_CHECKING:
    from ..providers.provider_settings import HostedProvider

_SPEAKER = "auto_active_speaker_detection"


def resolve_providers(job: Job) -> Job:
    """Replace the provider `auto` in every step, and limit the clips to what the providers accept."""
    steps = [resolve_provider(step) for step in job.steps]
    limits_s = [
        provider.limits.video_s
        for step in steps
        if (provider := paid_provider(step)) and provider.limits.video_s is not None
    ]
    if limits_s:
        steps = [_with_default(step, "longest_s", float(min(limits_s))) for step in steps]
    paid = [provider for step in steps if (provider := paid_provider(step))]
    if paid:
        host_chooses = all(provider.limits.face_point for provider in paid)
        steps = [_with_default(step, "host_chooses", host_chooses) for step in steps]
    return replace(job, steps=tuple(with_speaker(steps)))


def with_speaker(steps: Sequence[Step]) -> list[Step]:
    """Let a step that chooses faces prefer the speaker where the step that renders the takes does."""
    wanted = any(getattr(step.params, _SPEAKER, None) for step in steps if _provider_param(step))
    return [_with_default(step, _SPEAKER, True) if wanted else step for step in steps]


def require_providers(job: Job) -> None:
    """Check that every provider, storage and script of a job can be used.

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
    paid = [(step, provider) for step in job.steps if (provider := paid_provider(step)) is not None]
    if paid:
        _require_storage(job, [provider for _, provider in paid])
    _require_choices(job, paid)


def resolve_provider(step: Step) -> Step:
    """Replace the provider `auto` of a step by a provider's name."""
    name = _provider_param(step)
    if name is None:
        return step
    return replace(step, params=step.params.model_copy(update={"provider": resolve_provider_name(name)}))


def paid_provider(step: Step) -> HostedProvider | None:
    """Return the provider that charges money for a step, or None."""
    name = _provider_param(step)
    if name is None or step.info.cls.workload != "paid":
        return None
    return hosted_provider(resolve_provider_name(name), getattr(step.params, "api", "v2"))


def bills_itself(step: Step) -> bool:
    """Return whether a step spends money by its own means: it is `paid` and has no parameter `provider`."""
    return step.info.cls.workload == "paid" and _provider_param(step) is None


def _provider_param(step: Step) -> str | None:
    return getattr(step.params, "provider", None)


def _with_default(step: Step, name: str, value: object) -> Step:
    """Set a parameter of a step that has it and leaves it open."""
    if getattr(step.params, name, value) is not None:
        return step
    return replace(step, params=step.params.model_copy(update={name: value}))


def _require_choices(job: Job, paid: Sequence[tuple[Step, HostedProvider]]) -> None:
    """Refuse edits that ask for what a provider cannot do."""
    problems: dict[str, Problem] = {}
    for step, provider in paid:
        for edit, choices in _choices_of(job, step):
            where = f"edit {edit.name or edit.place}" if edit is not None else f"step {step.id}"
            for message in provider.refusals(choices):
                problems.setdefault(f"{where}: {message}", Problem(f"{where}: {message}"))
    if problems:
        raise PresetError(list(problems.values()))


def _choices_of(job: Job, step: Step) -> Iterator[tuple[Edit | None, React1Choices]]:
    """Yield what each edit of a job asks for at a step; the step's own choices if no edit is known yet."""
    edits = [edit for other in job.steps for edit in _edits(other.params)]
    if not edits:
        yield None, resolve_choices(step.params)
    for edit in edits:
        picked = edit.takes.picked if edit.takes else None
        combinations = [picked] if picked else edit.takes.takes if edit.takes else ()
        for variant in [edit.model_copy(update=dict(item.choices)) for item in combinations] or [edit]:
            yield edit, resolve_choices(variant, step.params)


def _edits(value: Any) -> Iterator[Edit]:
    if isinstance(value, Edit):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _edits(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _edits(item)


def _require_storage(job: Job, providers: Sequence[HostedProvider]) -> None:
    """Refuse uploads that the provider cannot read."""
    for step in job.steps:
        storage = getattr(step.params, "storage", "auto")
        if storage == "none":
            raise PresetError(
                f"step {step.id}: storage none uploads nothing, but the provider must read the files; choose auto or s3"
            )
        without = [provider.name for provider in providers if provider.storage is None]
        if storage == "auto" and without and hasattr(step.params, "storage"):
            raise PresetError(f"step {step.id}: {without[0]} has no storage of its own; choose another one, such as s3")
        owner = storage_owner(storage)
        if owner is not None:
            owner.require()
        if storage == "s3":
            from ..storage.s3 import S3Storage

            S3Storage(lifetime_s=3600).require()
        elif storage in plugin_names(STORAGES)[0]:
            from ..net.http_pool import HttpPool

            plugin_storage = load_plugin_storage(storage, HttpPool(), 3600)
            if plugin_storage is not None:
                plugin_storage.require()


def ingest(step: Step, store: Store, progress: Callable[[float], None] = lambda _: None) -> Step:
    """Replace local paths in a step's parameters by content; URLs stay for the nodes that fetch them.

    Args:
        step: a step whose parameters name files.
        store: gets a reference to each file.
        progress: is called with the hashed share of a file, 0 to 1, and may raise to stop.

    Raises:
        InputMediaError: a file does not exist or cannot be read.
    """

    def add(text: str) -> File | str:
        return text if is_url(text) else store.add_external(Path(text), progress)

    params = replace_files(step.params, add)
    return step if params is step.params else replace(step, params=params)
