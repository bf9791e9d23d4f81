"""sync.so's client: its own form of a call, idempotency keys, long polls, errors by their code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from scripted_replies import Script, html_reply, json_body, json_reply

from react1.pipeline.core.errors import PresetError, ProviderError
from react1.pipeline.providers.contract import (
    Done,
    Failed,
    NoJob,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    Waiting,
)
from react1.pipeline.providers.parameters import React1Request
from react1.pipeline.providers.provider_settings import sync

KEY = "sk-secret0123456789"
REQUEST = React1Request(video_url="https://f.example/v.mp4", audio_url="https://f.example/a.wav", prompt="sad")
ORDER = Submission(REQUEST, "nonce-1", datetime.now(UTC))


def call(replies, what):
    script = Script(list(replies))

    async def run():
        async with script.pool() as pool:
            return await what(sync({"SYNC_API_KEY": KEY}).connect(pool))

    try:
        return asyncio.run(run()), script
    finally:
        script.done()


def submitted(reply):
    return call([reply], lambda client: client.submit(ORDER, Path()))


def polled(reply):
    return call([reply], lambda client: client.poll("g1"))


def recovered(reply):
    return call([reply], lambda client: client.recover(ORDER, ()))


def test_a_call_is_spelled_as_the_host_documents_it():
    """Two inputs, options, and the key of the intention."""
    ticket, script = submitted(json_reply(201, id="g1", status="PENDING"))

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
    ("reply", "says", "wait_s"),
    [
        (json_reply(400, message="bad input"), "the parameters were refused (bad input)", None),
        (json_reply(401, message=f"no {KEY}"), "check SYNC_API_KEY", None),
        (json_reply(402, message="unpaid"), "look at its plan and invoices", None),
        (json_reply(404), "check REACT1_SYNC_URL", None),
        (json_reply(429, errorCode="concurrency_limit_reached", retryAfterSeconds=7), "all generations of the plan", 7),
        (json_reply(429, errorCode="concurrency_limit_reached"), "all generations of the plan", 30),
        (json_reply(429, errorCode="rate_limit_exceeded"), "asked too often", 15),
    ],
)
def test_an_answer_that_proves_that_there_is_no_job(reply, says, wait_s):
    """With when to come back, where that helps."""
    with pytest.raises(NoJob) as caught:
        submitted(reply)

    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("reply", [json_reply(500), html_reply(502), json_reply(201), json_reply(409), httpx.ReadTimeout("slow")], ids=repr)
def test_an_answer_that_proves_nothing_is_lost(reply):
    """Only the same create under the same key may be sent again."""
    with pytest.raises(ResponseLost):
        submitted(reply)


def test_an_idempotency_error_that_names_the_generation_gives_it():
    """So that it can be followed."""
    ticket, _ = submitted(json_reply(409, errorCode="IDEMPOTENCY_OUTCOME_UNKNOWN", generationId="g7"))

    assert ticket == Ticket("g7")


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
def test_a_generation_is_waited_for(status):
    """By a long poll."""
    found, script = polled(json_reply(id="g1", status=status))

    assert found == Waiting(status)
    assert dict(script.requests[0].url.params) == {"wait": "true", "timeout": "55"}


def test_the_three_ends_of_a_generation():
    """REJECTED is one; the code is told with the error."""
    done, _ = polled(json_reply(status="COMPLETED", outputUrl="https://o.example/t.mp4", outputDuration=2.5))
    failed, _ = polled(json_reply(status="FAILED", errorCode="generation_input_face_not_found", error="no face"))
    rejected, _ = polled(json_reply(status="REJECTED", error="moderation"))

    assert done == Done("g1", "https://o.example/t.mp4", details={"output_s": 2.5})
    assert failed == Failed("g1", "failed: generation_input_face_not_found: no face", billed=False)
    assert rejected == Failed("g1", "rejected: moderation", billed=False)


@pytest.mark.parametrize(
    "reply",
    [json_reply(500), json_reply(429), html_reply(404), httpx.Response(200), json_reply(status="COMPLETED"), httpx.ReadError("cut")],
    ids=repr,
)
def test_a_look_that_fails_may_be_made_again(reply):
    """It loses nothing."""
    with pytest.raises(TemporarilyUnavailable):
        polled(reply)


def test_a_key_that_is_not_taken_any_more_does_not_lose_the_job():
    """The message says so."""
    with pytest.raises(ProviderError, match="the job is not lost"):
        polled(json_reply(401))


def test_a_lost_create_is_sent_again_under_the_same_key():
    """The host answers with the generation that the first one made."""
    found, script = recovered(json_reply(201, id="g1"))

    assert found == Ticket("g1")
    assert script.requests[0].headers["idempotency-key"] == "nonce-1"


@pytest.mark.parametrize("code", [400, 401, 402, 422])
def test_a_refusal_proves_nothing_of_the_first_create(code):
    """Its addresses may have expired since, its key may have been changed: a person has to look."""
    with pytest.raises(ProviderError) as caught:
        recovered(json_reply(code, message="bad"))

    assert not isinstance(caught.value, (NoJob, TemporarilyUnavailable))
    for reply in (json_reply(429), json_reply(500), httpx.ReadError("cut"), httpx.ConnectError("down")):
        with pytest.raises(TemporarilyUnavailable):
            recovered(reply)


@pytest.mark.parametrize("code", [400, 409, 422])
def test_a_word_about_keys_proves_nothing(code):
    """The first create may be under way."""
    with pytest.raises(ResponseLost):
        submitted(json_reply(code, errorCode="IDEMPOTENCY_KEY_IN_USE"))
    with pytest.raises(TemporarilyUnavailable):
        recovered(json_reply(code, errorCode="idempotency_key_in_use"))


def test_a_create_is_not_sent_again_when_its_key_may_be_forgotten():
    """After 20 hours: it would be another job."""
    old = Submission(ORDER.request, "nonce-1", datetime.now(UTC) - timedelta(hours=21))

    with pytest.raises(ProviderError, match="may have forgotten a key"):
        call([], lambda client: client.recover(old, ()))


def test_one_generation_at_a_time_unless_the_plan_allows_more():
    """REACT1_CONCURRENCY says so; a wrong value is refused."""
    assert sync({}).limits.max_jobs == 1
    assert sync({"REACT1_CONCURRENCY": "6"}).limits.max_jobs == 6
    with pytest.raises(PresetError, match="REACT1_CONCURRENCY 'six'"):
        sync({"REACT1_CONCURRENCY": "six"})
