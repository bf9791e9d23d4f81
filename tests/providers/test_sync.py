"""sync.so's client: its request format, idempotency keys, long polling, errors by their code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from scripted_replies import Script, html_reply, json_body, json_reply

from react1.pipeline.core.errors import PresetError, ProviderError
from react1.pipeline.providers.contract import (
    Done,
    Failed,
    NoJob,
    React1Request,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    Waiting,
)
from react1.pipeline.providers.provider_settings import sync

KEY = "sk-secret0123456789"
REQUEST = React1Request(video_url="https://f.example/v.mp4", audio_url="https://f.example/a.wav", prompt="sad")
SUBMISSION = Submission(REQUEST, "nonce-1", datetime.now(UTC))


def call(replies, action):
    script = Script(list(replies))

    async def run():
        async with script.pool() as pool:
            return await action(sync({"SYNC_API_KEY": KEY}).connect(pool))

    try:
        return asyncio.run(run()), script
    finally:
        script.done()


def submit(reply):
    return call([reply], lambda client: client.submit(SUBMISSION, Path()))


def poll(reply):
    return call([reply], lambda client: client.poll("g1"))


def recover(reply, submission=SUBMISSION, **quote_headers):
    """Recover; the first reply, to the request for a quote, states the time."""
    replies = [json_reply(200, quote_headers), *([reply] if reply else [])]
    return call(replies, lambda client: client.recover(submission, ()))


def test_create_has_the_documented_form():
    """Two inputs, options, and the idempotency key of the intention."""
    ticket, script = submit(json_reply(201, id="g1", status="PENDING"))

    (request,) = script.requests
    assert ticket == Ticket("g1")
    assert (str(request.url), request.headers["idempotency-key"]) == ("https://api.sync.so/v2/generate", "nonce-1")
    assert request.headers["x-api-key"] == KEY
    assert json_body(request) == {
        "model": "react-1",
        "input": [
            {"type": "video", "url": "https://f.example/v.mp4"},
            {"type": "audio", "url": "https://f.example/a.wav"},
        ],
        "options": {
            "sync_mode": "bounce",
            "model_mode": "face",
            "prompt": "sad",
            "temperature": 0.5,
            "active_speaker_detection": {"auto_detect": False},
            "occlusion_detection_enabled": False,
        },
        "outputFileName": "nonce-1",
    }


@pytest.mark.parametrize(
    ("reply", "message", "wait_s"),
    [
        (json_reply(400, message="bad input"), "the parameters were refused (bad input)", None),
        (json_reply(401, message=f"no {KEY}"), "check SYNC_API_KEY", None),
        (json_reply(402, message="unpaid"), "check its plan and invoices", None),
        (json_reply(404), "check REACT1_SYNC_URL", None),
        (json_reply(429, errorCode="concurrency_limit_reached", retryAfterSeconds=7), "all generations of the plan", 7),
        (json_reply(429, errorCode="concurrency_limit_reached"), "all generations of the plan", 30),
        (json_reply(429, errorCode="rate_limit_exceeded"), "too many requests", 15),
    ],
)
def test_rejection_proves_that_there_is_no_job(reply, message, wait_s):
    """It says when to retry, if that helps."""
    with pytest.raises(NoJob) as caught:
        submit(reply)

    assert message in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(500),
        html_reply(502),
        json_reply(201),
        json_reply(409),
        json_reply(418),
        httpx.Response(302),
        httpx.ReadTimeout("slow"),
    ],
    ids=repr,
)
def test_ambiguous_response_counts_as_lost(reply):
    """Only the same create with the same key may be sent again."""
    with pytest.raises(ResponseLost):
        submit(reply)


def test_key_as_an_id_is_not_stored():
    """Such a response counts as lost."""
    for reply in (json_reply(201, id=KEY), json_reply(409, errorCode="IDEMPOTENCY_X", generationId=KEY)):
        with pytest.raises(ResponseLost) as caught:
            submit(reply)
        assert KEY not in str(caught.value)


def test_idempotency_error_that_names_the_generation_is_a_ticket():
    """So that it can be polled."""
    ticket, _ = submit(json_reply(409, errorCode="IDEMPOTENCY_OUTCOME_UNKNOWN", generationId="g7"))

    assert ticket == Ticket("g7")


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
def test_generation_is_waited_for(status):
    """By a long poll."""
    outcome, script = poll(json_reply(id="g1", status=status))

    assert outcome == Waiting(status)
    assert dict(script.requests[0].url.params) == {"wait": "true", "timeout": "55"}


def test_generation_ends_in_three_ways():
    """REJECTED is one; the code is reported with the error."""
    done, _ = poll(json_reply(status="COMPLETED", outputUrl="https://o.example/t.mp4", outputDuration=2.5))
    failed, _ = poll(json_reply(status="FAILED", errorCode="generation_input_face_not_found", error="no face"))
    rejected, _ = poll(json_reply(status="REJECTED", error="moderation"))

    assert done == Done("g1", "https://o.example/t.mp4", details={"output_s": 2.5})
    assert failed == Failed("g1", "failed: generation_input_face_not_found: no face", billed=False)
    assert rejected == Failed("g1", "rejected: moderation", billed=False)


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(500),
        json_reply(429),
        html_reply(404),
        httpx.Response(200),
        json_reply(status="COMPLETED"),
        httpx.ReadError("cut"),
    ],
    ids=repr,
)
def test_failed_poll_may_be_repeated(reply):
    """It loses nothing."""
    with pytest.raises(TemporarilyUnavailable):
        poll(reply)


def test_key_that_is_not_accepted_any_more_does_not_lose_the_job():
    """The message says so."""
    with pytest.raises(ProviderError, match="the job is not lost"):
        poll(json_reply(401))


def test_lost_create_is_repeated_with_the_same_key():
    """sync.so returns the generation that the first one created."""
    outcome, script = recover(json_reply(201, id="g1"))

    assert outcome == Ticket("g1")
    assert script.requests[1].headers["idempotency-key"] == "nonce-1"


@pytest.mark.parametrize("code", [400, 401, 402, 422])
def test_refusal_proves_nothing_about_the_first_create(code):
    """Its URLs may have expired since, or the key may have changed: a person has to check."""
    with pytest.raises(ProviderError) as caught:
        recover(json_reply(code, message="bad"))

    assert not isinstance(caught.value, (NoJob, TemporarilyUnavailable))
    for reply in (json_reply(429), json_reply(500), httpx.ReadError("cut"), httpx.ConnectError("down")):
        with pytest.raises(TemporarilyUnavailable):
            recover(reply)


@pytest.mark.parametrize("code", [400, 409, 422])
def test_idempotency_error_proves_nothing(code):
    """The first create may be in progress."""
    with pytest.raises(ResponseLost):
        submit(json_reply(code, errorCode="IDEMPOTENCY_KEY_IN_USE"))
    with pytest.raises(TemporarilyUnavailable):
        recover(json_reply(code, errorCode="idempotency_key_in_use"))


def test_create_is_not_repeated_when_its_key_may_be_forgotten():
    """After 20 hours it would be another job."""
    old = Submission(SUBMISSION.request, "nonce-1", datetime.now(UTC) - timedelta(hours=21))

    with pytest.raises(ProviderError, match="may have forgotten an idempotency key"):
        recover(None, old)


def test_age_of_an_idempotency_key_is_measured_by_the_clock_of_the_provider():
    """Setting the clock of this machine back or forward makes no key younger."""
    now = datetime.now(UTC)
    later = {"date": format_datetime(now + timedelta(hours=21), usegmt=True)}
    set_back = Submission(SUBMISSION.request, "nonce-1", now, server_at=now)
    set_forward = Submission(SUBMISSION.request, "nonce-1", now - timedelta(days=3), server_at=now)

    with pytest.raises(ProviderError, match="may have forgotten an idempotency key"):
        recover(None, set_back, **later)
    with pytest.raises(ProviderError, match="may have forgotten an idempotency key"):
        recover(None, SUBMISSION, **later)
    assert recover(json_reply(201, id="g1"), set_forward)[0] == Ticket("g1")


def test_generations_run_one_at_a_time_unless_the_plan_allows_more():
    """REACT1_CONCURRENCY says so; an invalid value is refused."""
    assert sync({}).limits.max_jobs == 1
    assert sync({"REACT1_CONCURRENCY": "6"}).limits.max_jobs == 6
    with pytest.raises(PresetError, match="REACT1_CONCURRENCY 'six'"):
        sync({"REACT1_CONCURRENCY": "six"})
