"""Run job requests for a synthetic clip of 1 s against a server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import takes

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.values import Upload
from react1.pipeline.jobs import manager
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.manager import JobManager
from react1.pipeline.jobs.request import Clock, JobRequest
from react1.pipeline.providers.provider_settings import segmind
from react1.pipeline.runner.scheduling import paid_steps
from react1.pipeline.store.store import Store
from react1.testing import FolderContext

KEY = "SG_secret0123456789"
COST_USD = 0.167


class JobRunner:
    """A home folder with a clip in its store, and the runs that use it."""

    def __init__(self, folder: Path, server_url: str, **environ: str) -> None:
        self.store = Store(folder / "home")
        self.environ = {
            "REACT1_SEGMIND_URL": server_url,
            "SEGMIND_API_KEY": KEY,
            "REACT1_POLL_S": "0.05",
            "REACT1_SETTLE_AFTER_S": "0.5",
            **environ,
        }
        context = FolderContext(folder / "clip")
        clip = takes.film(context, frames=25, size=(160, 120), tracks=0)
        voice = takes.dialogue_line(context, seconds=1)
        for file in (clip.file, voice):
            self.store.add_external(context.path(file))
        self.segment = takes.segment(clip, 0, 25).model_copy(update={"voice": voice})
        self.messages: list[str] = []
        self.clock: Clock | None = None

    def request(self, version: str = "v2", name: str = "s01", **choices) -> JobRequest:
        upload = Upload(
            segment=self.segment.model_copy(update={"name": name}), video_url="store:v", audio_url="store:a"
        )
        return JobRequest(upload, React1Choices(**choices), segmind(self.environ, version), deadline_s=60)

    def manager(self, policy: SpendingPolicy | None = None) -> JobManager:
        """Return a manager that may spend, unless a policy says otherwise."""
        policy = policy or SpendingPolicy(approved=True)
        return JobManager(self.store, policy, run="r", notify=self.messages.append, clock=self.clock)

    def run(self, *requests: JobRequest, policy: SpendingPolicy | None = None, fail_fast: bool = True):
        """Check and run requests one after the other, in a run of their own; return the results."""

        async def run():
            async with self.manager(policy) as jobs:
                await jobs.check_all(requests, fail_fast=fail_fast)
                return [await jobs.run(request) for request in requests]

        return asyncio.run(run())


@pytest.fixture
def no_precheck(monkeypatch):
    """Skip the checks on the clip: a synthetic one has no face."""
    monkeypatch.setattr(manager, "check_request", lambda request, store: ((), None))
    monkeypatch.setattr(paid_steps.PaidSteps, "span_checks", lambda steps, step, calls: [])
