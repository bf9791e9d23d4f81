"""Paid jobs against a real server on loopback: each is submitted once, polled to its end, and its take stored."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import av
import pytest
from clocks import FakeClock
from job_runner import COST_USD, KEY, JobRunner, no_precheck
from server_client import open_server

from react1.pipeline.core.errors import InputMediaError, OverBudget, ProviderError, StorageFailed
from react1.pipeline.jobs import manager
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.context import JobContext
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Accepted, Failed, Intended, format_record
from react1.pipeline.jobs.request import Clock
from react1.pipeline.jobs.settle import settle_charge, settle_resubmit
from react1.pipeline.jobs.take_download import fetch_take, find_damage, open_download_client
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.net.download import WebPageError
from react1.pipeline.net.url import NetworkPolicy
from react1.pipeline.providers.contract import UnknownJob
from react1.pipeline.providers.segmind.client import SegmindClient
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import copy_source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_precheck")]
__all__ = ["no_precheck"]


@pytest.fixture
def open_runner(tmp_path):
    """Start a server with these faults; return a runner that uses it."""
    with contextlib.ExitStack() as stack:

        def start(*faults, **plan):
            plan = {"engine": "copy", "faults": list(faults), **plan}
            client = stack.enter_context(open_server(tmp_path / "srv", plan, renderer=copy_source))
            return JobRunner(tmp_path, client.url)

        yield start


@pytest.fixture
def short_retry_after(monkeypatch):
    """A server that is busy for a moment only."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.RETRY_AFTER_S", 0.2)


def server_jobs(tmp_path):
    """Return the jobs that the server created."""
    return sorted(JobStore(tmp_path / "srv").jobs(), key=lambda job: job.created_s)


def uploaded_files(tmp_path):
    return list((tmp_path / "srv" / "server" / "assets").iterdir())


def entries(runner):
    return sorted(Ledger(runner.store.root).entries(), key=lambda entry: entry.id)


def states(entry):
    return [state for state, _ in entry.records]


def test_take_and_cost_are_the_providers(open_runner, tmp_path):
    """The take is in the store, and the ledger has every state."""
    runner = open_runner()

    (result,) = runner.run(runner.request(prompt="sad", temperature=0.25))

    (job,) = server_jobs(tmp_path)
    take = result.take
    assert (job.sent["prompt"], job.sent["temperature"], job.sent["sync_mode"]) == ("sad", 0.25, "bounce")
    assert (take.provider, take.request_id, take.cost_usd, result.new) == ("segmind", job.id, COST_USD, True)
    assert take.media.file == runner.segment.media.file.model_copy(update={"suffix": ".mp4"})
    assert runner.store.has(take.media.file)
    assert "a rehearsal: not React-1" in take.notes[0]
    assert "://" not in take.request["video_url"]
    (entry,) = entries(runner)
    assert states(entry) == ["intended", "accepted", "done"]
    assert (entry.done.cost_usd, entry.done.cost_known) == (COST_USD, True)
    assert job.sent["video_url"].endswith(entry.intended.video_name)


def test_same_call_is_not_made_twice(open_runner, tmp_path):
    """Neither in one run nor in the next; nothing is uploaded again, and no approval is needed."""
    runner = open_runner()
    runner.run(runner.request(prompt="sad"))

    again = runner.run(
        runner.request(prompt="sad"), runner.request(prompt="sad", name="s09"), policy=SpendingPolicy(0.0)
    )

    assert [result.new for result in again] == [False, False]
    assert len(server_jobs(tmp_path)) == 1
    assert len(uploaded_files(tmp_path)) == 2
    runner.run(runner.request(prompt="happy"))
    assert len(server_jobs(tmp_path)) == 2
    assert len(uploaded_files(tmp_path)) == 2


def test_concurrent_requests_for_the_same_call_share_it(open_runner, tmp_path):
    """In one process, by one manager."""
    runner = open_runner()

    async def run_both():
        async with runner.manager() as jobs:
            requests = [runner.request(), runner.request(name="s02")]
            await jobs.check_all(requests, fail_fast=True)
            return await asyncio.gather(*[jobs.run(request) for request in requests])

    results = asyncio.run(run_both())

    assert sorted(result.new for result in results) == [False, True]
    assert [result.take.segment.name for result in results] == ["s01", "s02"]
    assert len(server_jobs(tmp_path)) == 1


LOST_RESPONSES = [
    {"route": "submit", "do": "reset", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 504, "body": "empty", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 502, "body": "html", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 500, "when": "after", "call": 1},
]


def test_response_of_v1_may_take_until_the_deadline_only(open_runner, tmp_path):
    """Then the history is asked, and the job is polled like any other."""
    runner = open_runner({"route": "v1", "do": "hold", "seconds": 1.0})
    runner.environ["REACT1_SETTLE_AFTER_S"] = "60"  # the server may be slow to see the request

    (result,) = runner.run(replace(runner.request("v1"), deadline_s=0.3))

    (job,) = server_jobs(tmp_path)
    (entry,) = entries(runner)
    assert result.take.request_id == job.id
    assert states(entry) == ["intended", "unknown", "accepted", "done"]
    assert "not complete within the deadline" in entry.records[1][1].why


def test_provider_that_refuses_until_the_next_century_is_not_waited_for(open_runner, tmp_path, monkeypatch):
    """Not longer than the deadline; meanwhile the user is told why nothing happens."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.RETRY_AFTER_S", 2_000_000_000)
    monkeypatch.setattr("react1.pipeline.net.api_client.MAX_PAUSE_S", 0.05)
    runner, fake = open_runner({"route": "submit", "do": "status", "status": 429}), FakeClock()
    runner.clock = fake.clock()

    with pytest.raises(ProviderError, match=r"429: too many requests .* refused 4 times in 6 min; run again later"):
        runner.run(replace(runner.request(), deadline_s=300))

    assert fake.sleeps_s == [120, 120, 120]
    waits = [message for message in runner.messages if "submitted again in 2 min" in message]
    assert len(waits) == 3
    assert re.search(r"\(refused 2 times; the provider asks for 231\d\d\.\d days\)", waits[1])
    assert server_jobs(tmp_path) == []


def test_provider_that_goes_on_refusing_is_asked_less_often(open_runner, monkeypatch):
    """Its plan may be in use for minutes, though it says "in a second" each time: that is waited for."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.RETRY_AFTER_S", 0.01)
    monkeypatch.setattr("react1.pipeline.net.api_client.MAX_PAUSE_S", 0.0)
    runner, fake = open_runner({"route": "submit", "do": "status", "status": 429}), FakeClock()
    runner.clock = fake.clock()

    with pytest.raises(ProviderError, match=r"429: too many requests .* refused 41 times in 14 min; run again later"):
        runner.run(replace(runner.request(), deadline_s=1800))

    assert [round(sleep_s) for sleep_s in fake.sleeps_s[5:]] == [*range(6, 41)]


@pytest.fixture
def accepted(open_runner):
    """A runner whose call has been accepted and not polled yet; its entry; and the run that stops there."""
    runner = open_runner()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("react1.pipeline.jobs.attempt.poll_until_done", _stop)
        with pytest.raises(ProviderError, match="stopped here"):
            runner.run(runner.request())
    return runner, entries(runner)[0]


async def _stop(*_, **__):
    raise ProviderError("stopped here", retryable=True)


def test_lost_intention_beside_an_accepted_job_is_not_paid_again(accepted, tmp_path):
    """Its job is polled; if the response is lost too, a person settles it."""
    runner, entry = accepted
    (entry.folder / "00-intended.json").unlink()

    (result,) = runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    assert (result.take.request_id, result.new) == (job.id, True)


def test_attempt_without_any_readable_state_is_held(accepted, tmp_path):
    """One line says how to settle it."""
    runner, entry = accepted
    (entry.folder / "00-intended.json").unlink()
    (entry.folder / "01-accepted.json").write_bytes(b"")

    with pytest.raises(
        ProviderError, match=f"job {entry.id}: its ledger entry cannot be read; .* jobs settle"
    ) as caught:
        runner.run(runner.request())
    assert "\n" not in str(caught.value)
    assert len(server_jobs(tmp_path)) == 1


def test_damaged_request_id_is_looked_up(accepted, tmp_path, monkeypatch):
    """In the history; if that does not list the job, the damaged file still holds the call."""
    runner, entry = accepted
    path = entry.folder / "01-accepted.json"
    path.write_bytes(path.read_bytes()[:20])

    with monkeypatch.context() as patch:
        patch.setattr("react1.pipeline.providers.segmind.client.classify_row", lambda *_: "other")
        with pytest.raises(ProviderError, match=r"01-accepted.json in .* is damaged and may have been"):
            runner.run(runner.request())
    (result,) = runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    assert result.take.request_id == job.id


def test_forged_request_id_ends_in_one_line(accepted, tmp_path, monkeypatch):
    """An unknown one, and one of another call."""
    monkeypatch.setattr("react1.pipeline.jobs.poll.UNKNOWN_JOB_S", 0.2)
    runner, entry = accepted
    path = entry.folder / "01-accepted.json"
    path.write_text(format_record(entry.accepted.model_copy(update={"request_id": "6a5c7f0e-forged"})))

    with pytest.raises(ProviderError, match=r"6a5c7f0e-forged is neither among .* jobs settle") as caught:
        runner.run(runner.request())
    assert "\n" not in str(caught.value)
    runner.run(runner.request(prompt="sad"))
    other = next(entry for entry in entries(runner) if entry.state == "done")
    path.write_text(format_record(entry.accepted.model_copy(update={"request_id": other.request_id})))
    with pytest.raises(ProviderError, match=f"job {entry.id} has the request id of job {other.id}"):
        runner.run(runner.request())
    assert len(server_jobs(tmp_path)) == 2


@pytest.mark.parametrize("days", [3, -3])
def test_clock_that_is_days_off_does_not_cost_twice(open_runner, tmp_path, monkeypatch, days):
    """The history is searched by the server's clock, and the user is told once that this machine's is off."""

    class WrongTime(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=days)

    monkeypatch.setattr("react1.pipeline.providers.segmind.client.datetime", WrongTime)
    runner = open_runner({"route": "submit", "do": "reset", "when": "after", "call": 1})
    runner.clock = Clock(now=lambda: WrongTime.now(UTC))

    (result,) = runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    assert result.take.request_id == job.id
    off = "3.0 days ahead of" if days > 0 else "3.0 days behind"
    assert [message for message in runner.messages if "clock" in message] == [
        f"this machine's clock is {off} segmind's; set it: times in messages and the ledger are wrong"
    ]


@pytest.mark.parametrize("defect", LOST_RESPONSES, ids=lambda defect: f"{defect['do']}{defect.get('status', '')}")
def test_lost_response_does_not_cost_twice(open_runner, tmp_path, defect):
    """The history identifies the job by the names of its uploads."""
    runner = open_runner(defect)

    (result,) = runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    (entry,) = entries(runner)
    assert result.take.request_id == job.id
    assert states(entry) == ["intended", "unknown", "accepted", "done"]
    assert entry.accepted.how == "history"


def test_call_that_never_reached_the_provider_is_resubmitted_once_that_is_proven(open_runner, tmp_path):
    """The uploads of the second attempt have names of their own."""
    runner = open_runner({"route": "submit", "do": "reset", "when": "before", "call": 1})

    (result,) = runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    first, second = entries(runner)
    assert (states(first), second.state) == (["intended", "unknown", "void"], "done")
    assert first.intended.video_name != second.intended.video_name
    assert result.take.request_id == job.id


def test_429_is_resubmitted_when_the_provider_allows_it(open_runner, tmp_path, short_retry_after):
    """The refused attempt counts as never made."""
    runner = open_runner({"route": "submit", "do": "status", "status": 429, "call": 1})

    runner.run(runner.request())

    assert len(server_jobs(tmp_path)) == 1
    assert [entry.state for entry in entries(runner)] == ["void", "done"]


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ({"do": "status", "status": 400, "error": "prompt is odd"}, "400: the parameters were refused (prompt is odd)"),
        ({"do": "status", "status": 401}, "check SEGMIND_API_KEY"),
        ({"do": "status", "status": 405, "body": "html"}, "405"),
        ({"do": "status", "status": 410}, "retired"),
    ],
)
def test_refused_submit_ends_in_one_line_and_is_not_billed(open_runner, tmp_path, defect, message):
    """This run does not resubmit it."""
    runner = open_runner({"route": "submit", **defect})

    with pytest.raises(ProviderError) as caught:
        runner.run(runner.request())

    assert message in str(caught.value)
    assert (caught.value.billed, caught.value.exit_status) == (False, 4)
    assert server_jobs(tmp_path) == []
    assert [entry.state for entry in entries(runner)] == ["void"]


def test_lack_of_credits_is_reported(open_runner, tmp_path):
    """A 406, by its message."""
    runner = open_runner(credits=0.1)
    runner.run(runner.request(prompt="sad"))

    with pytest.raises(ProviderError, match="not have enough credits"):
        runner.run(runner.request(prompt="happy"))
    assert len(server_jobs(tmp_path)) == 1


def test_failed_job_is_reported_with_its_detail_and_resubmitted_by_the_next_run(open_runner, tmp_path):
    """It was not billed."""
    runner = open_runner({"route": "submit", "do": "fail", "error": "blocked by the safety filter", "call": 1})

    with pytest.raises(ProviderError, match="blocked by the safety filter; not billed") as caught:
        runner.run(runner.request())
    (result,) = runner.run(runner.request())

    failed, done = server_jobs(tmp_path)
    assert caught.value.request_id == failed.id
    assert result.take.request_id == done.id
    assert [entry.state for entry in entries(runner)] == ["failed", "done"]


TEMPORARY_FAULTS = [
    {"route": "status", "do": "status", "status": 502, "body": "html", "call": [1, 2]},
    {"route": "status", "do": "reset", "call": [1, 2]},
    {"route": "status", "do": "status", "status": 429, "call": 1},
    {"route": "result", "do": "status", "status": 504, "body": "empty", "call": 1},
    {"route": "output", "do": "truncate", "call": [1, 2]},
    {"route": "upload", "do": "status", "status": 500, "call": 1},
]


@pytest.mark.parametrize("defect", TEMPORARY_FAULTS, ids=lambda defect: f"{defect['route']}-{defect['do']}")
def test_temporary_fault_loses_nothing(open_runner, tmp_path, defect, short_retry_after):
    """There is one job and one complete take."""
    runner = open_runner(defect)

    (result,) = runner.run(runner.request())

    assert len(server_jobs(tmp_path)) == 1
    assert find_damage(runner.store.path(result.take.media.file)) == ""
    assert result.take.media.video.frame_count == 25


def test_expired_result_is_found_in_the_history(open_runner, tmp_path):
    """Its output is kept longer there."""
    runner = open_runner({"route": "status", "do": "expired", "call": 2})

    (result,) = runner.run(runner.request())

    assert result.take.request_id == server_jobs(tmp_path)[0].id


def test_v1_is_one_blocking_call(open_runner, tmp_path):
    """The response contains the take; its cost is in the headers."""
    runner = open_runner()

    (result,) = runner.run(runner.request("v1", prompt="angry"))

    (job,) = server_jobs(tmp_path)
    assert (job.api, result.take.request_id, result.take.cost_usd) == ("v1", job.id, COST_USD)
    assert result.take.media.video.frame_count == 25


def test_lost_v1_response_is_found_in_the_history(open_runner, tmp_path):
    """A gateway may time out before the model does."""
    runner = open_runner({"route": "v1", "do": "status", "status": 504, "when": "after", "call": 1})

    (result,) = runner.run(runner.request("v1"))

    assert result.take.request_id == server_jobs(tmp_path)[0].id
    assert states(entries(runner)[0]) == ["intended", "unknown", "accepted", "done"]


PERTURBATIONS = [
    ({"longer_frames": 5}, 30, "the take lasts 1.20 s, not 1.00 s"),
    ({"shorter_frames": 4}, 21, "the take lasts 0.84 s, not 1.00 s"),
    ({"rate": "30"}, 30, ""),
    ({"round_lines_to": 16}, 25, ""),
]


@pytest.mark.parametrize(("perturbation", "frames", "note"), PERTURBATIONS, ids=lambda value: str(value))
def test_take_that_differs_from_the_clip_is_returned_with_a_note(open_runner, perturbation, frames, note):
    """`conform` measures and corrects it."""
    runner = open_runner({"route": "submit", "do": "take", "take": perturbation})

    (result,) = runner.run(runner.request())

    assert result.take.media.video.frame_count == frames
    assert (result.take.notes[0] == note) if note else (len(result.take.notes) == 1)


def test_take_of_a_very_different_length_is_stored_but_refused(open_runner, tmp_path):
    """It is paid for, so another one is made only when the user says so."""
    runner = open_runner({"route": "submit", "do": "take", "take": {"longer_frames": 100}, "call": 1})

    for _ in range(2):
        with pytest.raises(ProviderError, match=r"lasts 5\.00 s, not 1\.00 s; the take is paid for and stays stored"):
            runner.run(runner.request())
    (entry,) = entries(runner)
    assert runner.store.has(entry.done.file)

    settle_resubmit(Ledger(runner.store.root), entry.id)
    (result,) = runner.run(runner.request())
    assert result.take.media.video.frame_count == 25
    assert len(server_jobs(tmp_path)) == 2


def test_job_of_another_run_that_fails_meanwhile_is_not_replaced_without_approval(open_runner, tmp_path):
    """It was on the estimate as paid for; the next run asks for what a new one costs."""
    runner = open_runner()
    request, ledger = runner.request(), Ledger(runner.store.root)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    intended = Intended(
        at=at, call=request.call, nonce="n", video_name="v", video_url="https://x/v", estimate_usd=COST_USD
    )
    entry = ledger.record(ledger.record_intent(intended), "accepted", Accepted(at=at, request_id="r1"))

    async def run():
        async with runner.manager(SpendingPolicy()) as jobs:
            await jobs.check_all([request], fail_fast=True)
            ledger.record(entry, "failed", Failed(at=at, error="no face", billed=False))
            await jobs.run(request)

    with pytest.raises(ProviderError, match=r"s01: .* run again"):
        asyncio.run(run())
    assert server_jobs(tmp_path) == []


def test_ledger_that_cannot_be_listed_at_the_end_costs_no_take(open_runner, monkeypatch):
    """No upload is removed then, since a job may need it; the run has its take."""
    runner = open_runner()

    def refuse(_ledger):
        raise StorageFailed("the ledger cannot be listed")

    async def run():
        async with runner.manager() as jobs:
            await jobs.check_all([runner.request()], fail_fast=True)
            result = await jobs.run(runner.request())
            monkeypatch.setattr(Ledger, "open_entries", refuse)
        return result

    assert asyncio.run(run()).new
    assert "no upload was removed: the ledger cannot be listed" in runner.messages


def test_take_that_is_stored_waits_for_no_other_job(open_runner):
    """Although the account allows one job at a time, and it is running."""
    runner = open_runner()
    runner.environ["REACT1_CONCURRENCY"] = "1"
    runner.run(runner.request())

    async def run_beside():
        async with runner.manager() as jobs:
            request = runner.request(name="s09")
            async with jobs._connection(request).concurrency.slot("another call", running=False):
                await jobs.check_all([request], fail_fast=True)
                return await asyncio.wait_for(jobs.run(request), 20)

    assert not asyncio.run(run_beside()).new


def test_take_that_is_missing_from_the_store_is_downloaded_again(open_runner, tmp_path):
    """As long as the provider has it, nothing is paid; it has taken as long, and cost as much, as it did."""
    runner = open_runner({"route": "submit", "do": "take", "take": {"longer_frames": 1}})  # not the clip's own content
    (result,) = runner.run(runner.request())
    runner.store.path(result.take.media.file).unlink()

    runner.clock = Clock(now=lambda: datetime.now(UTC) + timedelta(hours=3))
    (again,) = runner.run(runner.request())

    assert runner.store.has(again.take.media.file)
    assert (again.take.seconds, again.take.cost_usd) == (result.take.seconds, result.take.cost_usd)
    assert (again.new, len(server_jobs(tmp_path))) == (False, 1)


def test_take_that_the_provider_has_forgotten_too_can_be_paid_for_again(open_runner, monkeypatch):
    """The message names the command; that the provider does not know the job leads nowhere."""
    runner = open_runner({"route": "submit", "do": "take", "take": {"longer_frames": 1}})
    (result,) = runner.run(runner.request())
    runner.store.path(result.take.media.file).unlink()

    async def forget(_client, request_id):
        raise UnknownJob(f"segmind: job {request_id} is neither among the requests nor in the history")

    monkeypatch.setattr(SegmindClient, "poll", forget)
    with pytest.raises(ProviderError, match=r"was paid for on .* is missing from .* settle \S+ --resubmit") as caught:
        runner.run(runner.request())

    assert caught.value.billed


def test_actual_cost_counts_against_the_budget(open_runner, tmp_path, monkeypatch):
    """Even of a take that cannot be used: the next call does not fit any more."""
    monkeypatch.setattr("react1.pipeline.server.job_queue.USD_PER_OUTPUT_S", 3.0)
    runner = open_runner({"route": "submit", "do": "take", "take": {"longer_frames": 100}, "call": 1})
    requests = [runner.request(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    async def run_both():
        async with runner.manager(SpendingPolicy(1.0, approved=True)) as jobs:
            await jobs.check_all(requests, fail_fast=True)
            for request in requests:
                with pytest.raises((ProviderError, OverBudget)) as caught:
                    await jobs.run(request)
            return caught.value

    assert isinstance(asyncio.run(run_both()), OverBudget)
    assert len(server_jobs(tmp_path)) == 1


def test_call_whose_response_was_lost_needs_approval_again(open_runner, tmp_path, monkeypatch):
    """It may have to be submitted; a job that the provider has needs no approval."""
    runner = open_runner({"route": "submit", "do": "reset", "when": "before", "call": 1})
    real_record_unknown = JobContext.record_unknown

    async def cancel_after_recording():
        recorded = asyncio.Event()

        async def record_unknown(*args):
            entry = await real_record_unknown(*args)
            recorded.set()
            return entry

        async with runner.manager() as jobs:
            await jobs.check_all([runner.request()], fail_fast=True)
            with monkeypatch.context() as patch:
                patch.setattr(JobContext, "record_unknown", record_unknown)
                task = asyncio.create_task(jobs.run(runner.request()))
                await recorded.wait()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(cancel_after_recording())

    with pytest.raises(OverBudget, match="not approved"):
        runner.run(runner.request(), policy=SpendingPolicy())
    assert server_jobs(tmp_path) == []
    runner.run(runner.request())
    assert len(server_jobs(tmp_path)) == 1


def test_job_that_is_found_in_the_history_counts_against_the_budget(open_runner, tmp_path, monkeypatch):
    """It is charged, so another film of the same batch cannot spend its part."""
    runner = open_runner({"route": "submit", "do": "reset", "when": "after", "call": 1})
    requests = [runner.request(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    async def die(*_):
        raise ProviderError("stopped")

    with monkeypatch.context() as patch, pytest.raises(ProviderError, match="stopped"):
        patch.setattr("react1.pipeline.jobs.attempt.Attempt._recover", die)
        runner.run(requests[0])

    async def run_both():
        async with runner.manager(SpendingPolicy(1.5 * COST_USD, approved=True)) as jobs:
            for request in requests:
                await jobs.check_all([request], fail_fast=True)
                await jobs.run(request)

    with pytest.raises(OverBudget, match=r"after \$0\.17 spent or committed"):
        asyncio.run(run_both())
    assert len(server_jobs(tmp_path)) == 1


def test_unanswered_question_does_not_keep_a_cancelled_run_alive(open_runner):
    """Ctrl-C at the estimate ends the run, while the thread that asks still waits."""
    runner = open_runner()
    requested, answer, answered = threading.Event(), threading.Event(), threading.Event()

    def confirm(_estimate):
        requested.set()
        answer.wait(30)  # a run that waits for the answer fails the assertion below, late
        answered.set()

    async def cancel_while_asking():
        async with runner.manager(SpendingPolicy(confirm=confirm)) as jobs:
            task = asyncio.create_task(jobs.check_all([runner.request()], fail_fast=True))
            await asyncio.to_thread(requested.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel_while_asking())

    assert not answered.is_set()
    answer.set()


def test_take_with_an_edit_list_or_an_invalid_tag_is_not_damaged(context, open_runner):
    """Some of its frames are hidden; its title is not UTF-8."""
    runner = open_runner()
    clip = runner.store.path(runner.segment.media.file)
    cut, titled = context.temp_path("cut.mp4"), context.temp_path("titled.mkv")
    context.run_tool([ffmpeg_path(), "-v", "error", "-ss", "0.5", "-i", str(clip), "-c", "copy", str(cut)])
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-i", str(clip), "-c", "copy", "-metadata", "title=cafe", str(titled)]
    )
    titled.write_bytes(titled.read_bytes().replace(b"cafe", b"caf\xe9"))

    assert find_damage(cut) == ""
    assert find_damage(titled) == ""


def test_budget_is_checked_before_the_first_upload(open_runner, tmp_path):
    """Nothing reaches the server, and the ledger is empty."""
    runner = open_runner()
    requests = [runner.request(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    with pytest.raises(OverBudget, match=r"about \$0\.33 is more than the budget of \$0\.30"):
        runner.run(*requests, policy=SpendingPolicy(0.3, approved=True))
    with pytest.raises(OverBudget, match="not approved"):
        runner.run(*requests, policy=SpendingPolicy())

    assert uploaded_files(tmp_path) == []
    assert entries(runner) == []


def test_paid_take_is_not_estimated_again(open_runner):
    """Approval is for the new call only."""
    runner = open_runner()
    runner.run(runner.request(prompt="sad", name="s01"))
    estimates = []

    runner.run(
        runner.request(prompt="sad"),
        runner.request(prompt="angry", name="s02"),
        policy=SpendingPolicy(confirm=lambda estimate: not estimates.append(estimate)),
    )

    assert estimates[0].new_cost_usd == pytest.approx(COST_USD)
    assert [item.new for item in estimates[0].items] == [False, True]


@pytest.mark.parametrize("billed", [True, None])
def test_job_that_only_a_person_can_free_is_not_on_the_estimate(open_runner, tmp_path, billed):
    """It failed and was or may have been billed: nothing is paid for it, so it needs no budget and no approval."""
    runner = open_runner()
    request = runner.request()
    ledger, at = Ledger(runner.store.root), "2026-11-25T10:00:00.000+00:00"
    intended = Intended(
        at=at, call=request.call, nonce="n", video_name="v", video_url="https://x/v", estimate_usd=COST_USD
    )
    ledger.record(ledger.record_intent(intended), "failed", Failed(at=at, error="no face", billed=billed))

    with pytest.raises(ProviderError, match=r"failed at the provider: no face; .*billed; to pay again"):
        runner.run(request, policy=SpendingPolicy(0.0))
    assert uploaded_files(tmp_path) == []

    settle_charge(ledger, ledger.latest(request.call).id, 0.0)
    (result,) = runner.run(request)
    assert result.new
    assert [entry.cost_usd for entry in ledger.attempts(request.call.key)] == [0.0, COST_USD]


def test_steps_with_other_deadlines_have_urls_of_their_own_lifetime(open_runner):
    """A URL is valid until the deadline of the job that it is for."""
    runner = open_runner()
    request = runner.request()
    jobs = runner.manager()

    assert jobs._uploads_for(request) is jobs._uploads_for(runner.request(prompt="sad"))
    assert jobs._uploads_for(request) is not jobs._uploads_for(replace(request, deadline_s=3600))


def test_films_of_a_batch_use_the_version_of_the_api_that_they_name(open_runner):
    """Although they share the connections."""
    runner = open_runner()
    jobs = runner.manager()

    clients = [jobs._connection(runner.request(version)).client for version in ("v1", "v2", "v1")]

    assert [client._version for client in clients] == ["v1", "v2", "v1"]
    assert clients[0] is clients[2]


def test_unusable_segment_stops_all_before_anything_is_sent(open_runner, tmp_path, monkeypatch):
    """Or, without fail_fast, only itself."""
    runner = open_runner()
    good, bad = runner.request(name="s01"), runner.request(name="s02", prompt="sad")

    def check_request(request, store):
        return (("a cut at frame 9",), InputMediaError("no face") if request.segment.name == "s02" else None)

    monkeypatch.setattr(manager, "check_request", check_request)
    with pytest.raises(InputMediaError, match="no face"):
        runner.run(good, bad)
    assert entries(runner) == []

    with pytest.raises(InputMediaError, match="no face"):
        runner.run(good, bad, fail_fast=False)
    assert [job.sent["prompt"] for job in server_jobs(tmp_path)] == ["happy"]
    assert "s01: a cut at frame 9" in runner.messages


def test_run_that_is_cancelled_during_a_submit_records_the_response(open_runner, tmp_path, monkeypatch):
    """So that the job need not be recovered."""
    runner = open_runner()
    real_submit = SegmindClient.submit

    async def cancel_during_submit():
        in_flight, may_answer = asyncio.Event(), asyncio.Event()

        async def submit(*args):
            response = await real_submit(*args)
            in_flight.set()
            await may_answer.wait()
            return response

        monkeypatch.setattr(SegmindClient, "submit", submit)
        async with runner.manager() as jobs:
            await jobs.check_all([runner.request()], fail_fast=True)
            task = asyncio.create_task(jobs.run(runner.request()))
            await in_flight.wait()
            task.cancel()
            await asyncio.sleep(0)
            may_answer.set()
            with pytest.raises(asyncio.CancelledError):
                await task
        monkeypatch.setattr(SegmindClient, "submit", real_submit)

    asyncio.run(cancel_during_submit())

    (entry,) = entries(runner)
    assert (entry.state, entry.request_id) == ("accepted", server_jobs(tmp_path)[0].id)
    (result,) = runner.run(runner.request())
    assert result.take.request_id == entry.request_id


@pytest.mark.parametrize(
    ("url", "policy", "message"),
    [
        ("http://93.184.216.34/t.mp4", NetworkPolicy(), "is not https"),
        ("https://10.1.2.3/t.mp4", NetworkPolicy(), "private, link-local or reserved"),
        ("http://127.0.0.1:1/t.mp4", NetworkPolicy(), "private, link-local or reserved"),
        ("https://169.254.169.254/latest", NetworkPolicy(allow_loopback=True), "private, link-local or reserved"),
        ("http://10.1.2.3/t.mp4", NetworkPolicy(allow_private=True), "is not https"),
        ("file:///etc/passwd", NetworkPolicy(), "only http and https"),
    ],
)
def test_take_is_downloaded_from_allowed_networks_only(context, url, policy, message):
    """Whatever URL the provider returns; the job stays open, since it is paid for."""
    with open_download_client(policy) as client, pytest.raises(ProviderError, match=message) as caught:
        fetch_take(context, url, client, "r1")

    assert caught.value.billed


def test_full_disk_keeps_the_paid_job(open_runner, tmp_path, monkeypatch):
    """The message says so, with its id; the next run downloads the take and pays nothing."""
    runner = open_runner()

    def refuse(*_, **__):
        raise StorageFailed("the disk that holds it is full; free some space")

    with monkeypatch.context() as patch:
        patch.setattr("react1.pipeline.jobs.take_download.download", refuse)
        with pytest.raises(StorageFailed) as caught:
            runner.run(runner.request())

    (job,) = server_jobs(tmp_path)
    (entry,) = entries(runner)
    assert str(caught.value) == (
        "the disk that holds it is full; free some space; "
        f"job {entry.id} ({job.id}) is kept: the next run continues it and does not pay again"
    )
    runner.run(runner.request())
    assert len(server_jobs(tmp_path)) == 1


def test_job_that_a_full_disk_leaves_at_the_provider_counts_against_the_budget(open_runner, tmp_path, monkeypatch):
    """It is charged, so another film of the same batch cannot spend its part."""
    runner = open_runner()
    requests = [runner.request(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    def refuse(*_, **__):
        raise StorageFailed("the disk that holds it is full; free some space")

    monkeypatch.setattr("react1.pipeline.jobs.take_download.download", refuse)

    async def run_both():
        async with runner.manager(SpendingPolicy(1.5 * COST_USD, approved=True)) as jobs:
            for request in requests:  # as two films, each checked when its turn comes
                await jobs.check_all([request], fail_fast=True)
                with pytest.raises(StorageFailed):
                    await jobs.run(request)

    with pytest.raises(OverBudget, match=r"after \$0\.17 spent or committed"):
        asyncio.run(run_both())
    assert len(server_jobs(tmp_path)) == 1


def test_key_in_the_url_of_a_take_is_redacted(open_runner, monkeypatch):
    """The take is still downloaded from it; a message has it only without the key."""
    runner = open_runner()

    def refuse(url, *_, **__):
        raise ProviderError(f"{url}?{KEY}: 404")

    monkeypatch.setattr("react1.pipeline.jobs.take_download.download", refuse)
    with pytest.raises(ProviderError, match=r"its take cannot be downloaded: .*…: 404") as caught:
        runner.run(runner.request())

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (ProviderError("404 Not Found"), True),
        (WebPageError("the server returned a web page"), True),
        (ProviderError("the connection was lost", retryable=True), False),
    ],
    ids=str,
)
def test_take_that_its_url_no_longer_has_can_be_paid_for_again(open_runner, monkeypatch, error, is_final):
    """Such as a week later: the message names the command, which a server that is away for a moment does not need."""
    runner = open_runner()

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("react1.pipeline.jobs.take_download.download", refuse)
    with pytest.raises(ProviderError, match=f"its take cannot be downloaded: {error}") as caught:
        runner.run(runner.request())

    (entry,) = entries(runner)
    assert entry.state == "accepted"
    assert (f"to pay again: react1 jobs settle {entry.id} --resubmit" in str(caught.value)) is is_final


def test_truncated_file_is_damaged(context, open_runner):
    """Every frame is decoded before a job is done."""
    runner = open_runner()
    clip = runner.store.path(runner.segment.media.file)
    without_end = context.temp_path("part.mp4")
    without_end.write_bytes(clip.read_bytes()[:-3000])
    index_first = context.temp_path("index_first.mp4")
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-i", str(clip), "-c", "copy", "-movflags", "faststart", str(index_first)]
    )
    with av.open(str(index_first)) as container:
        positions = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    index_first.write_bytes(index_first.read_bytes()[: positions[-3]])
    text = context.temp_path("no.mp4")
    text.write_bytes(b"not a film")

    assert find_damage(clip) == ""
    assert find_damage(without_end)
    assert find_damage(index_first) == "it is truncated after 22 of 25 frames"
    assert find_damage(text)
    with av.open(str(clip)) as container:
        assert container.streams.video[0].frames == 25


def test_estimate_labels_the_takes_of_a_segment_by_what_differs(open_runner, monkeypatch):
    """Each has its cost; their clip is checked once, and its notes appear once."""
    runner, estimates, checked = open_runner(), [], []
    requests = [runner.request(prompt=prompt, temperature=0.25) for prompt in ("sad", "angry")]
    policy = SpendingPolicy(confirm=lambda estimate: bool(estimates.append(estimate)))
    monkeypatch.setattr(manager, "check_request", lambda request, store: (checked.append(request) or ("a cut",), None))

    with pytest.raises(OverBudget, match="declined"):
        runner.run(*requests, runner.request(name="s02"), policy=policy)

    labels = [line.split(":")[0] for line in estimates[0].lines()]
    assert labels == ["s01 sad", "  a cut", "s01 angry", "s02", "  a cut"]
    assert runner.messages == ["s01: a cut", "s02: a cut"]
    assert len(checked) == 2
