"""The conformance suite of a provider: whatever its host does, no call is paid for twice, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import stamina

from ..pipeline.core.edits.choices import React1Choices
from ..pipeline.core.errors import OverBudget, ProviderError
from ..pipeline.core.values import Upload
from ..pipeline.jobs import manager
from ..pipeline.jobs.budget import SpendingPolicy
from ..pipeline.jobs.ledger import Ledger
from ..pipeline.jobs.manager import JobManager
from ..pipeline.jobs.request import Clock, JobRequest
from ..pipeline.jobs.settle import settle_resubmit
from ..pipeline.jobs.take_download import JobResult
from ..pipeline.providers.provider_settings import HostedProvider
from ..pipeline.store.store import Store
from .clips import ClipRecipe, make_segment
from .folder_context import FakeClock, FolderContext
from .scripted_host import Failure, OtherHost, ScriptedHost

ENVIRONMENT: Mapping[str, str] = {"REACT1_POLL_S": "5", "REACT1_SETTLE_AFTER_S": "30"}
"""The settings of a provider under test: a poll every 5 s, and its history settles a call after half a minute."""
RECIPE = ClipRecipe(frames=10, size=(64, 48), sound=False)
AMBIGUOUS: tuple[Failure, ...] = (
    Failure("submit", "reset"),
    Failure("submit", "garbage"),
    Failure("submit", "truncate"),
    Failure("submit", "redirect"),
    *(Failure("submit", "status", status=status) for status in (408, 409, 425, 499, 500, 502, 503, 504)),
)
"""Responses to a submit that do not say whether it created a job."""
VARIANTS: tuple[dict[str, Any], ...] = (
    {"prompt": "sad"},
    {"temperature": 0.875},
    {"model_mode": "lips"},
    {"sync_mode": "loop"},
    {"auto_active_speaker_detection": True},
    {"occlusion_detection_enabled": True},
)


@dataclass
class ProviderTrial:
    """A home folder with one clip, and the runs that send it to a host."""

    folder: Path
    host: ScriptedHost
    provider: HostedProvider
    clock: FakeClock = field(default_factory=lambda: FakeClock(datetime.now(UTC)))
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the clip and its voice, and put both into the store."""
        self.store = Store(self.folder / "home")
        context = FolderContext(self.folder / "clip")
        segment = make_segment(context, RECIPE)
        voice = context.add_external(_write_voice(self.folder / "voice.wav", RECIPE.duration_s))
        for file in (segment.media.file, voice):
            self.store.add_external(context.path(file))
        self.video = context.path(segment.media.file).read_bytes()
        self.upload = Upload(segment=segment.model_copy(update={"voice": voice}), video_url="", audio_url="")

    def run(self, *, policy: SpendingPolicy | None = None, **choices: Any) -> JobResult:
        """Run one call in a run of its own; the clock moves only when it is slept on."""
        request = JobRequest(self.upload, React1Choices(**choices), self.provider, deadline_s=600)
        clock = Clock(now=self.clock.now, sleep=self.clock.sleep, monotonic=self.clock.monotonic)

        async def run() -> JobResult:
            spending = policy or SpendingPolicy(approved=True)
            async with JobManager(self.store, spending, run="trial", notify=self.messages.append, clock=clock) as jobs:
                await jobs.check_all([request], fail_fast=True)
                return await jobs.run(request)

        with mock.patch.object(manager, "check_request", lambda _request, _store: ((), None)), _no_backoff():
            return asyncio.run(run())

    def fails(self, **choices: Any) -> ProviderError:
        """Run one call that must fail; return its error."""
        try:
            result = self.run(**choices)
        except ProviderError as error:
            assert error.message and "\n" not in error.message
            assert self.host.key not in error.message, f"the message has the key: {error.message}"
            return error
        raise AssertionError(f"the call did not fail, but gave {result.take.request_id}")

    def states(self) -> list[list[str]]:
        """Return the states of every attempt in the ledger, in the order of the attempts."""
        entries = sorted(
            Ledger(self.store.root).entries(), key=lambda entry: (entry.intended.at if entry.intended else "", entry.id)
        )
        return [[state for state, _ in entry.records] for entry in entries]

    def assert_paid_once(self, calls: int = 1) -> None:
        """Check that so many calls have created one job each."""
        assert len(self.host.jobs) == calls, f"{calls} calls have created {len(self.host.jobs)} jobs"


class ProviderTests:
    """The conformance suite of a provider: subclass it, set `host`, and override `provider`.

        class TestAcme(ProviderTests):
            host = AcmeHost

            def provider(self, environ, host):
                return acme({**environ, "REACT1_ACME_URL": host.url, "ACME_API_KEY": host.key})

    pytest collects the subclass. Everything runs on loopback, and no test sleeps.
    """

    host: ClassVar[type[ScriptedHost]]
    refusals: ClassVar[Sequence[int]] = (400, 401, 402, 403, 404, 413, 422)
    """The statuses that your host documents for a submit that it refuses."""

    def provider(self, environ: Mapping[str, str], host: ScriptedHost) -> HostedProvider:
        """Return your provider, with this environment, at the host's URL and with its key."""
        raise NotImplementedError("return your provider at host.url with host.key")

    @contextlib.contextmanager
    def trial(self, folder: Path) -> Iterator[ProviderTrial]:
        """Serve the host, with a home folder for its calls."""
        host = self.host()
        with host.serve():
            trial = ProviderTrial(folder, host, self.provider(ENVIRONMENT, host))
            yield trial
            trial.store.close()
        assert host.leaks == [], f"the key was sent to {', '.join(host.leaks)}"

    def test_the_provider_states_what_it_needs(self, tmp_path: Path) -> None:
        """A name, a key, a price that rises with the length, and the limits of a call."""
        with self.trial(tmp_path) as trial:
            provider = trial.provider
            provider.require()

            assert provider.name == provider.name.lower()
            assert provider.settings.key == trial.host.key
            assert 0 < provider.cost_usd(Fraction(1), 25) < provider.cost_usd(Fraction(10), 250)
            assert provider.limits.video_s is None or provider.limits.video_s > 0

    def test_a_call_becomes_a_take(self, tmp_path: Path) -> None:
        """One submit, one job, and the host's bytes in the store, with a cost; a second run takes it from there."""
        with self.trial(tmp_path) as trial:
            result = trial.run(prompt="sad", temperature=0.25)

            assert trial.states() == [["intended", "accepted", "done"]]
            assert list(trial.host.jobs) == [result.take.request_id]
            assert trial.store.path(result.take.media.file).read_bytes() == trial.video
            assert result.take.cost_usd > 0
            assert not trial.run(prompt="sad", temperature=0.25).new
            assert len(trial.host.received("submit")) == 1

    def test_each_choice_reaches_the_host_or_is_refused(self, tmp_path: Path) -> None:
        """A choice that the host does not get, and that is not refused, would be paid for and ignored."""
        with self.trial(tmp_path) as trial:
            trial.run()
            sent = [_without_urls(trial.host)]
            for variant in VARIANTS:
                if trial.provider.refusals(React1Choices(**variant)):
                    continue
                trial.run(**variant)
                sent.append(_without_urls(trial.host))
                assert sent[-1] not in sent[:-1], f"{variant} does not change what is submitted"

    def test_a_refusal_creates_nothing_and_is_not_repeated(self, tmp_path: Path) -> None:
        """Each documented status ends the run in one line without the key, and the call may be made later."""
        with self.trial(tmp_path) as trial:
            for number, status in enumerate(self.refusals, 1):
                body = {"error": f"refused {trial.host.key}"}
                trial.host.failures = [Failure("submit", "status", when="before", status=status, body=body)]
                error = trial.fails()

                assert error.billed is False
                assert len(trial.host.received("submit")) == number
            assert all(states == ["intended", "void"] for states in trial.states())
            trial.run()
            trial.assert_paid_once()

    def test_too_many_requests_are_waited_for(self, tmp_path: Path) -> None:
        """A 429 proves that there is no job, and the submit is sent again."""
        with self.trial(tmp_path) as trial:
            trial.host.failures = [Failure("submit", "status", when="before", status=429, headers={"retry-after": "0"})]
            trial.run()

            trial.assert_paid_once()
            assert len(trial.host.received("submit")) == 2

    def test_a_lost_response_is_recovered(self, tmp_path: Path) -> None:
        """The job that the submit created is found by the host's own records, and nothing is submitted again."""
        with self.trial(tmp_path) as trial:
            for number, failure in enumerate(AMBIGUOUS, 1):
                trial.host.failures = [failure]
                result = trial.run(temperature=number / 100)

                trial.assert_paid_once(number)
                assert result.take.request_id == list(trial.host.jobs)[-1], failure
            assert {tuple(states) for states in trial.states()} == {("intended", "unknown", "accepted", "done")}

    def test_a_lost_request_is_sent_again_after_the_proof(self, tmp_path: Path) -> None:
        """A submit that never reached the host is sent again once the host has not listed it for long enough."""
        with self.trial(tmp_path) as trial:
            for number, do in enumerate(("reset", "status", "redirect"), 1):
                before = trial.clock.elapsed_s
                trial.host.failures = [Failure("submit", do, when="before", status=502)]  # type: ignore[arg-type]
                trial.run(temperature=number / 100)

                trial.assert_paid_once(number)
                if "history" in trial.host.routes:
                    assert trial.clock.elapsed_s - before >= float(ENVIRONMENT["REACT1_SETTLE_AFTER_S"])

    def test_other_jobs_with_the_same_files_are_not_taken(self, tmp_path: Path) -> None:
        """Another emotion of the same clip is another call, also for a submit whose response was lost."""
        with self.trial(tmp_path) as trial:
            trial.run(prompt="happy")
            trial.host.failures = [Failure("submit", "reset", when="before")]
            trial.run(prompt="sad")
            trial.host.failures = [Failure("submit", "reset")]
            angry = trial.run(prompt="angry")

            trial.assert_paid_once(3)
            assert angry.take.request_id == list(trial.host.jobs)[-1]

    def test_a_duplicate_is_told_from_the_first_job(self, tmp_path: Path) -> None:
        """Another take that a person asked for has the same files and choices; its job is the new one."""
        with self.trial(tmp_path) as trial:
            first = trial.run().take.request_id
            (entry,) = Ledger(trial.store.root).entries()
            settle_resubmit(Ledger(trial.store.root), entry.id)
            trial.host.failures = [Failure("submit", "reset")]
            second = trial.run().take.request_id

            trial.assert_paid_once(2)
            assert [first, second] == list(trial.host.jobs)

    def test_a_history_that_shows_no_inputs_proves_nothing(self, tmp_path: Path) -> None:
        """A job that may be the call stops the run, and the next one; nothing is submitted until it is known."""
        if "history" not in self.host.routes:
            return
        with self.trial(tmp_path) as trial:
            trial.host.hide_inputs = True
            trial.host.failures = [Failure("submit", "reset")]
            for _ in range(2):
                assert "react1 jobs settle" in trial.fails().message
            trial.host.hide_inputs = False
            trial.run()

            trial.assert_paid_once()
            assert len(trial.host.received("submit")) == 1

    def test_a_history_that_fails_proves_nothing(self, tmp_path: Path) -> None:
        """Errors, web pages and bodies that end early: the call stays unknown, and is found when the host recovers."""
        if "history" not in self.host.routes:
            return
        failures = [Failure("history", "status"), Failure("history", "garbage"), Failure("history", "truncate")]
        with self.trial(tmp_path) as trial:
            for number, failure in enumerate(failures, 1):
                lost = [Failure("submit", "reset")]
                trial.host.pick_failure = lambda route, failure=failure, lost=lost: (  # type: ignore[misc]
                    failure if route == "history" else lost.pop() if route == "submit" and lost else None
                )
                trial.fails(temperature=number / 100)
                trial.host.pick_failure = lambda _route: None
                trial.run(temperature=number / 100)

                trial.assert_paid_once(number)

    def test_a_failed_job_is_paid_again_only_if_it_was_not_billed(self, tmp_path: Path) -> None:
        """What the client says of the bill decides; an uncertain one needs a person."""
        with self.trial(tmp_path) as trial:
            trial.host.outcome = "failed"
            error = trial.fails()
            trial.host.outcome = "done"

            if error.billed is False:
                trial.run()
                trial.assert_paid_once(2)
            else:
                assert "react1 jobs settle" in trial.fails().message
                trial.assert_paid_once()

    def test_an_expired_result_is_not_paid_for_again(self, tmp_path: Path) -> None:
        """Its job was billed."""
        with self.trial(tmp_path) as trial:
            trial.host.outcome = "expired"
            trial.fails()
            trial.fails()

            trial.assert_paid_once()

    def test_polls_may_fail(self, tmp_path: Path) -> None:
        """Errors, resets, web pages and bodies that end early cost a poll, never the job."""
        queries = [name for name, (method, _) in self.host.routes.items() if method == "GET" and name != "history"]
        kinds: list[dict[str, Any]] = [
            {"do": "status", "status": 502},
            {"do": "status", "status": 429, "headers": {"retry-after": "0"}},
            {"do": "reset"},
            {"do": "garbage"},
            {"do": "truncate"},
        ]
        with self.trial(tmp_path) as trial:
            failures = [Failure(route, **kind) for route in queries for kind in kinds]
            for number, failure in enumerate(failures, 1):
                trial.host.failures = [failure]
                trial.run(temperature=number / 100)

                trial.assert_paid_once(number)
                assert trial.host.failures == [], f"{failure} did not happen"

    def test_a_refused_poll_says_nothing_of_the_job(self, tmp_path: Path) -> None:
        """A 401 or 403 whose body says that the job has failed: the job stays open, and the next run takes it."""
        queries = [name for name, (method, _) in self.host.routes.items() if method == "GET" and name != "history"]
        body = {"status": "failed", "error": "failed", "state": "FAILED"}
        with self.trial(tmp_path) as trial:
            for number, route in enumerate(queries, 1):
                trial.host.failures = [Failure(route, "status", status=401, body=body)]
                trial.fails(temperature=number / 100)
                trial.run(temperature=number / 100)

                trial.assert_paid_once(number)

    def test_uploads_and_downloads_are_repeated(self, tmp_path: Path) -> None:
        """They cost nothing; a take that arrives half is downloaded again."""
        uploads = [name for name, (method, _) in self.host.routes.items() if method in ("POST", "PUT")]
        routes = [name for name in [*uploads, "put"] if name != "submit"]
        with self.trial(tmp_path) as trial:
            trial.host.failures = [
                *(Failure(route, "status", status=503) for route in routes),
                *(Failure(route, "reset") for route in routes),
                Failure("output", "truncate"),
            ]
            result = trial.run()

            trial.assert_paid_once()
            assert trial.store.path(result.take.media.file).read_bytes() == trial.video

    def test_nothing_is_sent_beyond_the_budget(self, tmp_path: Path) -> None:
        """No submit, and no upload either."""
        with self.trial(tmp_path) as trial:
            try:
                trial.run(policy=SpendingPolicy(1e-6, approved=True))
            except OverBudget:
                assert trial.host.requests == []
            else:
                raise AssertionError("a call beyond the budget was made")

    def test_the_key_is_not_redirected(self, tmp_path: Path) -> None:
        """A redirect to another host is not followed with the key, whatever it answers."""
        queries = [name for name, (method, _) in self.host.routes.items() if method == "GET" and name != "history"]
        other = OtherHost()
        with other.serve() as url, self.trial(tmp_path) as trial:
            for number, route in enumerate(queries, 1):
                trial.host.failures = [Failure(route, "redirect", headers={"location": f"{url}/files/job"})]
                with contextlib.suppress(ProviderError):
                    trial.run(temperature=number / 100)
                trial.run(temperature=number / 100)
            trial.host.failures = [Failure("submit", "redirect", headers={"location": f"{url}/files/job"})]
            trial.run(temperature=1.0)

            trial.assert_paid_once(len(queries) + 1)
        assert other.leaks == []


def _without_urls(host: ScriptedHost) -> str:
    """Return the latest submit without the URLs of the files, which may change with each upload."""
    body = host.received("submit")[-1].body.decode()
    for name in host.files:
        body = body.replace(name, "FILE")
    return body


def _write_voice(path: Path, duration_s: Fraction) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(48_000)
        stream.writeframes(b"\0\0" * round(duration_s * 48_000))
    return path


@contextlib.contextmanager
def _no_backoff() -> Iterator[None]:
    """Let repeated uploads wait for nothing."""
    testing = stamina.is_testing()
    stamina.set_testing(True, attempts=4, cap=True)
    try:
        yield
    finally:
        stamina.set_testing(testing)
