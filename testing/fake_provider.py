"""A paid provider without a host: its takes are made in this process, for tests of presets, nodes and scripts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from unittest import mock

from ..pipeline.core.edits.choices import React1Choices
from ..pipeline.jobs import budget
from ..pipeline.providers.choose_provider import added_provider
from ..pipeline.providers.contract import (
    Done,
    Failed,
    JobOutcome,
    Latency,
    NoJob,
    ResponseLost,
    Submission,
    Ticket,
    Waiting,
)
from ..pipeline.providers.prices import Price
from ..pipeline.providers.provider_settings import HostedProvider, ProviderSettings, read_settings
from ..pipeline.runner.scheduling.paid_steps import PaidSteps
from ..pipeline.storage.upload_storage import Progress, StoredUpload

Outcome = Literal["done", "failed", "refused", "lost"]
MakeTake = Callable[[React1Choices, Path, Path], None]
_NAME = "fake"
_URL = "https://fake.invalid"


def mark_video(choices: React1Choices, video: Path, take: Path) -> None:
    """Make a take: the video that was sent with a lighter square, since a take that changes nothing is refused."""
    from ..pipeline.media.tools.ffmpeg import ffmpeg_path
    from ..pipeline.media.tools.process import run_tool
    from ..pipeline.server.worker import mark_argv

    del choices
    run_tool(mark_argv(ffmpeg_path(), video, take))


def copy_video(choices: React1Choices, video: Path, take: Path) -> None:
    """Make a take: the video that was sent, which changes nothing."""
    del choices
    shutil.copyfile(video, take)


@dataclass
class FakeProvider:
    """React-1 by the name `fake`, inside the context.

        with FakeProvider(usd_per_s=0.1) as fake:
            result = run("emotion-edit", source=clip, edits="0f-20f:sad", provider="fake", yes=True)
        assert fake.submissions[0].request.prompt == "sad"

    Runs pay it by the ledger as they pay a real one; nothing leaves this process. Its clips need no face.
    """

    make_take: MakeTake = mark_video
    """Writes the take (the third path) of a video (the second one)."""
    usd_per_s: float = 0.1
    outcomes: list[Outcome] = field(default_factory=list)
    """How the next submits end; `done` after the last one. A `lost` one has created its job."""
    submissions: list[Submission] = field(default_factory=list)
    """Every submit, in order."""
    uploads: dict[str, Path] = field(default_factory=dict)
    """The uploaded files by URL."""

    def __enter__(self) -> FakeProvider:
        """Add the provider to this process."""
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="react1-fake-")))
        self._jobs: dict[str, Submission] = {}
        self._stack.enter_context(added_provider(_NAME, lambda _environ: self.provider()))
        self._stack.enter_context(mock.patch.object(budget, "findings_of", lambda *_args: []))
        self._stack.enter_context(mock.patch.object(PaidSteps, "span_checks", lambda *_args: []))
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it, and the files that were uploaded."""
        self._stack.close()

    def provider(self) -> HostedProvider:
        """Return the provider, as a run gets it."""
        environ = {"FAKE_API_KEY": "fake-key", "REACT1_POLL_S": "0.001", "REACT1_SETTLE_AFTER_S": "0.001"}
        settings: ProviderSettings = read_settings(
            environ, name=_NAME, key_name="FAKE_API_KEY", url=_URL, latency=Latency(0.0, 0.0, 0.001)
        )
        price = Price(provider=_NAME, since=date(2000, 1, 1), usd_per_s=self.usd_per_s, source="testing")
        return HostedProvider(
            settings, lambda _settings, _pool: _Client(self), lambda _settings, _pool: _Storage(self), (price,)
        )

    def create(self, submission: Submission) -> str:
        """Create a job; return its request id."""
        request_id = f"fake-{len(self._jobs) + 1}"
        self._jobs[request_id] = submission
        return request_id

    def keep(self, path: Path, name: str) -> str:
        """Keep a copy of an uploaded file; return its URL."""
        copy = self._folder / name
        shutil.copyfile(path, copy)
        self.uploads[f"{_URL}/{name}"] = copy
        return f"{_URL}/{name}"

    def finish(self, request_id: str) -> Done:
        """Make the take of a job."""
        request = self._jobs[request_id].request
        take = self._folder / f"{request_id}.mp4"
        choices = React1Choices.model_validate(request.model_dump(exclude={"video_url", "audio_url"}))
        self.make_take(choices, self.uploads[request.video_url], take)
        return Done(request_id, file=take)

    def find(self, submission: Submission, known: Collection[str]) -> str:
        """Return the job of a submission; "" if there is none."""
        for request_id, other in self._jobs.items():
            if request_id not in known and other.request == submission.request:
                return request_id
        return ""


class _Client:
    def __init__(self, fake: FakeProvider) -> None:
        self._fake = fake

    async def quote(self, submission: Submission) -> float | None:
        return None

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        fake = self._fake
        fake.submissions.append(submission)
        outcome: Outcome = fake.outcomes.pop(0) if fake.outcomes else "done"
        if outcome == "refused":
            raise NoJob("fake: refused, as the test wants; not billed")
        request_id = fake.create(submission)
        if outcome == "lost":
            raise ResponseLost("fake: lost, as the test wants")
        return Ticket(f"failed-{request_id}" if outcome == "failed" else request_id)

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        if request_id.startswith("failed-"):
            return Failed(request_id, "failed, as the test wants", billed=False)
        return self._fake.finish(request_id)

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        request_id = self._fake.find(submission, known)
        return Ticket(request_id) if request_id else None


class _Storage:
    name = _NAME

    def __init__(self, fake: FakeProvider) -> None:
        self._fake = fake

    def require(self) -> None:
        """Need nothing."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        progress(1.0)
        name = f"{nonce}{suffix}"
        return StoredUpload(self._fake.keep(path, name), name, datetime(2999, 1, 1, tzinfo=UTC))

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: the files go with the context."""
