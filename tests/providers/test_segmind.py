"""Segmind's client interprets every documented response, and sends the key to its own host only."""

from __future__ import annotations

import asyncio
import functools
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from scripted_replies import DrippingBody, Script, html_reply, json_body, json_reply

from react1.pipeline.core.errors import ProviderError
from react1.pipeline.net.api_client import RateLimiter
from react1.pipeline.net.http_pool import MAX_REQUESTS
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
from react1.pipeline.providers.provider_settings import segmind

KEY = "SG_secret0123456789"
NAME = "5e5e5e5e.mp4"
NOW = datetime.now(UTC)


class Standing(datetime):
    """A clock that stands still: a run that goes on past midnight has one day."""

    @classmethod
    def now(cls, tz=None):
        """Return the time at which the tests were loaded."""
        return NOW


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    """Let the clocks of the client and of the server that answers it stand at `NOW`."""
    for module in ("client", "responses"):
        monkeypatch.setattr(f"react1.pipeline.providers.segmind.{module}.datetime", Standing)
    monkeypatch.setattr("scripted_replies.datetime", Standing)


def submission(**choices):
    urls = {"video_url": f"https://files.example/{NAME}", "audio_url": "https://files.example/a.wav"}
    request = React1Request.model_validate(urls | choices)
    return Submission(request, "nonce", NOW)


def call(replies, action, version="v2", **environ):
    """Run an action with a client that gets these replies."""
    script = Script(list(replies))

    async def run():
        async with script.pool() as pool:
            return await action(segmind({"SEGMIND_API_KEY": KEY, **environ}, version).connect(pool))

    try:
        return asyncio.run(run()), script
    finally:
        script.done()


def submit(reply, tmp_path, version="v2"):
    return call([reply], lambda client: client.submit(submission(), tmp_path / "take.mp4"), version)


def test_submit_sends_all_eight_parameters_to_the_documented_url(tmp_path):
    """`sync_mode` is sent although nobody chose it; the key is in its header."""
    ticket, script = submit(json_reply(request_id="r1", status="QUEUED"), tmp_path)

    (request,) = script.requests
    assert ticket == Ticket("r1")
    assert (request.method, str(request.url)) == ("POST", "https://api.segmind.com/v2/sync.so-react-1")
    assert request.headers["x-api-key"] == KEY
    assert json_body(request) == {
        "video_url": f"https://files.example/{NAME}",
        "audio_url": "https://files.example/a.wav",
        "sync_mode": "bounce",
        "model_mode": "face",
        "prompt": "happy",
        "temperature": 0.5,
        "auto_active_speaker_detection": False,
        "occlusion_detection_enabled": False,
    }


REJECTED = [
    (json_reply(400, error="prompt: not allowed"), "400: the parameters were refused (prompt: not allowed)"),
    (json_reply(401, error=f"bad key {KEY}"), "401: the API key was not accepted (bad key …); check SEGMIND_API_KEY"),
    (json_reply(403, error="no"), "403: this key may not use the model"),
    (json_reply(404, error="no model"), "404: unknown model or endpoint"),
    (html_reply(405), "405: the endpoint does not accept this request (405 Oops)"),
    (json_reply(406, error="Insufficient credits"), "406: the account does not have enough credits"),
    (json_reply(406, error="Content-Type must be application/json"), "406: the Content-Type was not accepted"),
    (json_reply(406, error="temperature is odd"), "406: a value was rejected; correct it (temperature is odd)"),
    (json_reply(410, error="gone"), "410: this model or endpoint was retired"),
    (json_reply(422, error=[{"msg": "field required"}]), "422: the parameters were refused (field required)"),
    (httpx.Response(413), "413: the request is too large"),
]


@pytest.mark.parametrize(("reply", "message"), REJECTED, ids=lambda value: value if isinstance(value, str) else "")
def test_rejection_proves_that_there_is_no_job(reply, message, tmp_path):
    """The message is one line, the call is not billed, and there is no second request."""
    with pytest.raises(NoJob) as caught:
        submit(reply, tmp_path)

    assert message in str(caught.value)
    assert "not billed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert (caught.value.billed, caught.value.retry_after_s) == (False, None)


def test_429_may_be_sent_again_when_segmind_says(tmp_path):
    """By `x-rate-limit-reset-at-utc`."""
    later = (NOW + timedelta(seconds=40)).isoformat()

    with pytest.raises(NoJob) as caught:
        submit(json_reply(429, {"x-rate-limit-reset-at-utc": later}, error="slow down"), tmp_path)

    assert 38 < caught.value.retry_after_s <= 41


def test_reset_of_a_429_is_counted_by_the_clock_of_the_provider(tmp_path):
    """This machine's may be days off."""
    headers = http_date(3) | {"x-rate-limit-reset-at-utc": (NOW + timedelta(days=3, seconds=40)).isoformat()}

    with pytest.raises(NoJob) as caught:
        submit(json_reply(429, headers, error="slow down"), tmp_path)

    assert 0 <= caught.value.retry_after_s <= 41


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(500, error="boom"),
        html_reply(502),
        httpx.Response(504),
        httpx.Response(503),
        httpx.Response(408),
        httpx.Response(302, headers={"location": "https://evil.example/"}),
        httpx.Response(307, headers={"location": "/v2/sync.so-react-1"}),
        json_reply(418, error="no"),
        json_reply(451, error="no"),
        httpx.Response(200),
        json_reply(200, status="QUEUED"),
        html_reply(200),
        httpx.Response(200, json=["r1"]),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
        httpx.WriteError("pipe"),
    ],
    ids=repr,
)
def test_ambiguous_response_counts_as_lost(reply, tmp_path):
    """5xx, a redirect, an undocumented 4xx, silence, a success without an id: Segmind may have created a job."""
    with pytest.raises(ResponseLost) as caught:
        submit(reply, tmp_path)

    assert caught.value.billed is None


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")], ids=repr)
def test_request_that_was_not_sent_created_no_job(error, tmp_path):
    """It may be sent again."""
    with pytest.raises(NoJob, match="nothing was sent") as caught:
        submit(error, tmp_path)

    assert caught.value.retry_after_s is not None


def poll(*replies):
    return call(replies, lambda client: client.poll("r1"))


def test_job_is_polled_at_the_configured_host_only():
    """Whatever URLs the response to the submit has, the key goes to its own host."""
    outcome, script = poll(json_reply(status="PROCESSING", response_url="https://evil.example/v2/requests/r1"))

    assert outcome == Waiting("PROCESSING")
    assert [str(request.url) for request in script.requests] == ["https://api.segmind.com/v2/requests/r1/status"]


def test_finished_job_has_its_output_and_cost():
    """From the result; everything but `status` and `output` is optional."""
    metrics = {"cost": 1.98, "remaining_credits": 3.5, "inference_time": 300.1}

    outcome, _ = poll(
        json_reply(status="COMPLETED"),
        json_reply(status="COMPLETED", output="https://o.example/t.mp4", metrics=metrics),
    )
    bare, _ = poll(
        json_reply(status="COMPLETED"), json_reply(status="COMPLETED", video={"url": "https://o.example/v.mp4"})
    )

    assert (outcome.output, outcome.cost_usd, outcome.details["inference_time"]) == (
        "https://o.example/t.mp4",
        1.98,
        300.1,
    )
    assert (bare.output, bare.cost_usd) == ("https://o.example/v.mp4", None)


@pytest.mark.parametrize("output", [["https://o.example/t.mp4"], {"url": "https://o.example/t.mp4"}])
def test_output_of_another_shape_is_parsed_too(output):
    """A list, or an object."""
    outcome, _ = poll(json_reply(status="COMPLETED"), json_reply(status="COMPLETED", output=output))

    assert outcome.output == "https://o.example/t.mp4"


def test_failed_job_is_422_and_keeps_its_detail():
    """Content blocks included, whatever their shape; at the status and at the result."""
    blocked = {"status": "FAILED", "error": {"code": "content_block", "message": "blocked by the safety filter"}}

    at_status, _ = poll(httpx.Response(422, json=blocked))
    at_result, _ = poll(json_reply(status="COMPLETED"), httpx.Response(422, json=blocked))

    assert at_status == at_result == Failed("r1", "blocked by the safety filter", billed=False)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 504])
@pytest.mark.parametrize("word", ["failed", "FAILED"])
def test_error_of_a_poll_never_ends_a_job(status, word):
    """Whatever state its body names: only a 422 or a success does, at the status and at the result."""
    error = {"status": word, "error": "unauthorized"}

    for replies in ([json_reply(status, **error)], [json_reply(status="COMPLETED"), json_reply(status, **error)]):
        with pytest.raises(ProviderError, match=f"segmind returned {status}"):
            poll(*replies)


def test_error_of_the_history_never_ends_a_job():
    """A 404 that has a row is no row."""
    row = {"request_id": "r1", "model_status": "FAILED", "credits_deduction": 0}

    with pytest.raises(TemporarilyUnavailable, match="neither among the requests"):
        poll(json_reply(404), json_reply(404, **row))


TEMPORARY = [
    json_reply(500),
    html_reply(502),
    httpx.Response(504),
    json_reply(429),
    httpx.Response(200),
    html_reply(200),
    json_reply(status="ODD"),
]
TEMPORARY += [
    json_reply(state="QUEUED"),
    httpx.ReadError("reset"),
    httpx.ConnectError("refused"),
    httpx.Response(200, json=3),
]


@pytest.mark.parametrize("reply", TEMPORARY, ids=repr)
def test_failed_poll_may_be_repeated(reply):
    """It loses nothing."""
    with pytest.raises(TemporarilyUnavailable):
        poll(reply)


def test_state_that_is_not_documented_is_named():
    """Where the job then does not end in time, the message says what segmind made of it."""
    with pytest.raises(TemporarilyUnavailable, match="segmind returned an undocumented state: TIMED_OUT"):
        poll(json_reply(status="TIMED_OUT"))


def test_completed_without_an_output_is_polled_again():
    """It is paid for, so it is not given up at the first poll."""
    with pytest.raises(TemporarilyUnavailable, match="has no output"):
        poll(json_reply(status="COMPLETED"), json_reply(status="COMPLETED", output=None))


@pytest.mark.parametrize("status", [401, 403, 405])
def test_key_that_is_not_accepted_any_more_does_not_lose_the_job(status):
    """The message says so."""
    with pytest.raises(ProviderError, match="the job is not lost") as caught:
        poll(json_reply(status, error="no"))

    assert not isinstance(caught.value, TemporarilyUnavailable)


def test_expired_job_is_found_in_the_history():
    """Its output is kept longer than the request."""
    row = {"request_id": "r1", "model_status": "COMPLETED", "generation_url": "https://o.example/t.mp4"}

    outcome, script = poll(json_reply(404, error="expired"), json_reply(**row, credits_deduction=1.5))
    listed, _ = poll(json_reply(404), json_reply(**row | {"generation_url": ["https://o.example/t.mp4"]}))

    assert outcome == Done("r1", "https://o.example/t.mp4", cost_usd=1.5)
    assert listed.output == "https://o.example/t.mp4"
    assert script.requests[1].url.host == "api.spotprod.segmind.com"


@pytest.mark.parametrize(
    "reply",
    [json_reply(404), json_reply(503), html_reply(200), json_reply(data=[]), json_reply(request_id="other")],
    ids=repr,
)
def test_job_that_is_unknown_at_the_moment_is_polled_again(reply):
    """One failure of the history must not end what is paid for."""
    with pytest.raises(TemporarilyUnavailable):
        poll(json_reply(404), reply)


@pytest.mark.parametrize("cost", ["1e999", "1" + "0" * 400, '"NaN"', "-1", '"much"', "[1]"])
def test_invalid_cost_is_ignored(cost):
    """The take counts, and so does the estimate."""
    body = f'{{"status": "COMPLETED", "output": "https://o.example/t.mp4", "metrics": {{"cost": {cost}}}}}'

    outcome, _ = poll(json_reply(status="COMPLETED"), httpx.Response(200, content=body))

    assert (outcome.output, outcome.cost_usd) == ("https://o.example/t.mp4", None)


@pytest.mark.parametrize("name", ["\ud800x", "..", "a\nb", "x" * 300, " r1", "\x1b[2J", "é"])
def test_request_id_that_cannot_be_stored_is_invalid(name, tmp_path):
    """The response counts as lost."""
    body = json.dumps({"request_id": name}).encode()

    with pytest.raises(ResponseLost):
        submit(httpx.Response(200, content=body), tmp_path)


def row(request_id="r9", **changes):
    body = submission().request.model_dump(mode="json")
    return {"request_id": request_id, "model_status": "PENDING", "request_body": body | changes, "generation_url": None}


def recover(*replies, known=()):
    outcome, script = call(replies, lambda client: client.recover(submission(), known))
    return outcome, script


def test_lost_submit_is_found_by_its_urls_and_choices():
    """Another emotion of the same clip is another call, and so is one that belongs to another entry."""
    rows = [row("other", prompt="sad"), row("elsewhere", video_url="https://files.example/x.mp4"), row("taken"), row()]

    outcome, script = recover(json_reply(data=rows), known={"taken"})

    assert outcome == Ticket("r9")
    assert dict(script.requests[0].url.params)["per_page"] == "100"


def test_lost_submit_may_have_ended_already():
    """Finished or failed, it is not sent again."""
    done = row() | {"model_status": "COMPLETED", "generation_url": "https://o.example/t.mp4", "credits_deduction": 2.0}
    failed = row() | {"model_status": "FAILED", "error": "no face", "credits_deduction": 0}

    assert recover(json_reply(data=[done]))[0] == Done("r9", "https://o.example/t.mp4", cost_usd=2.0)
    assert recover(json_reply(data=[failed]))[0] == Failed("r9", "no face", billed=False)


def test_history_is_read_page_by_page_to_its_end():
    """An empty page means that it lists no more."""
    few = [row(f"o{number}", prompt="sad") for number in range(20)]

    assert recover(json_reply(data=few), json_reply(data=[row()]))[0] == Ticket("r9")
    assert recover(json_reply(data=few), json_reply(data=[]))[0] is None
    assert recover(json_reply(data=few), json_reply(data=few))[0] is None
    assert recover(json_reply(data=few, total_pages=1))[0] is None
    assert recover(json_reply(requests=[]))[0] is None
    assert recover(httpx.Response(200, json=[]))[0] is None


OWN_ROWS = [
    row() | {"request_body": json.dumps(row()["request_body"])},
    row(temperature="0.5"),
    row(occlusion_detection_enabled="False"),
    row(video_url=f"https://files.example/{NAME}?signature=other"),
]


@pytest.mark.parametrize("listed_row", OWN_ROWS)
def test_row_in_another_form_is_recognized(listed_row):
    """JSON as text, numbers as text, another signature."""
    assert recover(json_reply(data=[listed_row]))[0] == Ticket("r9")
    assert recover(json_reply(data=[listed_row | {"request_id": 17}]))[0] == Ticket("17")


def test_file_of_the_same_name_at_another_path_is_not_ours():
    """A storage that names files itself may call each of them `input.mp4`."""
    elsewhere = row(video_url=f"https://files.example/other/{NAME}")

    assert recover(json_reply(data=[elsewhere]), json_reply(data=[]))[0] is None


UNCLEAR = [
    row() | {"request_id": None},
    row() | {"request_body": None, "inputs": f"https://files.example/{NAME}"},
    {**row(), "request_body": {"video_url": f"https://files.example/{NAME}"}},
    row() | {"request_body": {k: v for k, v in row()["request_body"].items() if k != "prompt"}},
    f"a row as text: https://files.example/{NAME}",
]


@pytest.mark.parametrize("listed_row", UNCLEAR, ids=range(len(UNCLEAR)))
def test_row_that_may_be_ours_never_counts_as_absence(listed_row):
    """Only a person can decide then."""
    with pytest.raises(ProviderError, match="cannot be identified for sure"):
        recover(json_reply(data=[listed_row]), json_reply(data=[]))


def test_history_that_does_not_reach_back_far_enough_proves_nothing():
    """It covers 31 days."""
    old = Submission(submission().request, "nonce", NOW - timedelta(days=40))

    with pytest.raises(ProviderError, match="does not reach back"):
        call([json_reply(data=[])], lambda client: client.recover(old, ()))
    assert call([json_reply(data=[row()])], lambda client: client.recover(old, ()))[0] == Ticket("r9")


def http_date(days):
    """Return the `Date` header of a server whose clock is so many days ahead of this machine's."""
    return {"date": format_datetime(NOW + timedelta(days=days), usegmt=True)}


@pytest.mark.parametrize("days", [3, -3, 40, -40])
def test_history_is_searched_by_the_clock_of_the_provider(days):
    """The days that are asked for end after its today; a search by the wrong day is repeated."""
    replies = [json_reply(200, http_date(days), data=[]), json_reply(200, http_date(days), data=[row()])]

    outcome, script = recover(*replies)

    assert outcome == Ticket("r9")
    queries = [dict(request.url.params) for request in script.requests]
    today = NOW + timedelta(days=days)
    assert [query["to_date"] for query in queries] == [
        f"{NOW + timedelta(days=1):%Y-%m-%d}",
        f"{today + timedelta(days=1):%Y-%m-%d}",
    ]
    assert queries[1]["from_date"] == f"{today - timedelta(days=29):%Y-%m-%d}"


def test_search_begins_with_the_intention_if_its_time_is_known():
    """By the clock of the provider; an intention whose time is not known may be of any day."""
    known = Submission(submission().request, "nonce", NOW, server_at=NOW - timedelta(days=3))

    _, script = call([json_reply(data=[])], lambda client: client.recover(known, ()))

    assert script.requests[0].url.params["from_date"] == f"{NOW - timedelta(days=4):%Y-%m-%d}"
    _, script = recover(json_reply(data=[]))
    assert script.requests[0].url.params["from_date"] == f"{NOW - timedelta(days=29):%Y-%m-%d}"


def test_history_that_is_too_long_says_how_far_it_was_searched(monkeypatch):
    """The request may be on the pages that were not."""
    all_at_once = functools.partial(RateLimiter, burst=20)
    monkeypatch.setattr("react1.pipeline.providers.provider_settings.RateLimiter", all_at_once)
    pages = [json_reply(data=[row(f"o{page}", prompt="sad")]) for page in range(20)]

    with pytest.raises(ProviderError) as caught:
        recover(*pages)

    first, last = NOW - timedelta(days=29), NOW + timedelta(days=1)
    assert str(caught.value).endswith(
        f"more requests than were searched: 20, on 20 pages of the period from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    )


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_history_without_a_time_proves_nothing(date):
    """It lists nothing, of days that it does not name."""
    with pytest.raises(ProviderError, match="does not state its time"):
        recover(json_reply(200, {"date": date}, data=[]))
    assert recover(json_reply(200, {"date": date}, data=[row()]))[0] == Ticket("r9")


def test_key_in_an_error_of_the_history_is_redacted():
    """The error is stored in the ledger."""
    failed = row() | {"model_status": "FAILED", "error": f"bad key {KEY}"}

    assert recover(json_reply(data=[failed]))[0].error == "bad key …"


@pytest.mark.parametrize("form", [KEY, KEY.lower(), KEY.replace("_", "%5f")])
def test_key_as_a_request_id_is_not_stored(form, tmp_path):
    """Neither of a submit nor of the history; the message does not have it either."""
    submits = [(json_reply(request_id=form), "v2")]
    submits += [(httpx.Response(200, content=b"t", headers={"content-type": "video/mp4", "x-request-id": form}), "v1")]
    for reply, version in submits:
        with pytest.raises(ResponseLost, match="the API key as its request_id; not stored") as caught:
            submit(reply, tmp_path, version)
        assert form not in str(caught.value)
    with pytest.raises(ProviderError, match="lists the API key as a request_id"):
        recover(json_reply(data=[row(form)]))


def test_key_in_headers_is_redacted(tmp_path):
    """In a content type, an encoding, and the target of a redirect."""
    strange = httpx.Response(200, content=b"x", headers={"content-type": f"text/{KEY}"})
    packed = httpx.Response(200, stream=httpx.ByteStream(b"x"), headers={"content-encoding": KEY})
    moved = httpx.Response(302, headers={"location": f"https://evil.example/{KEY}"})

    errors = []
    for action in (
        lambda: submit(strange, tmp_path, "v1"),
        lambda: submit(packed, tmp_path),
        lambda: poll(moved),
    ):
        with pytest.raises(ProviderError) as caught:
            action()
        errors.append(str(caught.value))
    assert not [error for error in errors if KEY.lower() in error.lower()]
    assert all("…" in error for error in errors)


def test_unreadable_history_proves_nothing():
    """Another shape, a web page, an error."""
    with pytest.raises(ProviderError, match="an unexpected shape"):
        recover(json_reply(rows_of_what="x"))
    for reply in (
        html_reply(200),
        json_reply(500),
        httpx.ReadError("cut"),
        httpx.Response(200, content=b"[" * 200_000),
    ):
        with pytest.raises(TemporarilyUnavailable):
            recover(reply)


def test_v1_returns_the_take_itself(tmp_path):
    """The bytes are streamed to a file; cost and credits are in the headers."""
    headers = {"content-type": "video/mp4", "x-cost": "1.2", "x-request-id": "r3", "x-remaining-credits": "8"}

    done, script = submit(httpx.Response(200, content=b"take" * 1000, headers=headers), tmp_path, "v1")

    assert done.file.read_bytes() == b"take" * 1000
    assert (done.request_id, done.cost_usd, done.details["remaining_credits"]) == ("r3", 1.2, 8.0)
    assert script.requests[0].url.path == "/v1/sync.so-react-1"


def test_calls_of_v1_leave_connections_for_uploads_and_queries():
    """Each holds one until it ends; one that waits unsent would lose its response at a deadline that runs already."""
    many = {"REACT1_CONCURRENCY": "50"}

    assert segmind({}, "v1").limits.max_jobs == segmind(many, "v1").limits.max_jobs < MAX_REQUESTS
    assert (segmind({}).limits.max_jobs, segmind(many).limits.max_jobs) == (None, 50)
    assert segmind({"REACT1_CONCURRENCY": "2"}, "v1").limits.max_jobs == 2


def test_v1_may_return_json(tmp_path):
    """By Content-Type."""
    done, _ = submit(json_reply(output="https://o.example/t.mp4", metrics={"cost": 2}), tmp_path, "v1")

    assert (done.output, done.cost_usd, done.file) == ("https://o.example/t.mp4", 2.0, None)
    with pytest.raises(ResponseLost, match="no video"):
        submit(json_reply(status="COMPLETED"), tmp_path, "v1")


def test_redirect_is_followed_within_the_host_only():
    """The key is never sent elsewhere."""
    inside = httpx.Response(307, headers={"location": "/v2/requests/r1/status?again=1"})
    outside = httpx.Response(302, headers={"location": "https://evil.example/v2/requests/r1/status"})

    outcome, script = poll(inside, json_reply(status="QUEUED"))
    with pytest.raises(ProviderError, match="the key was not sent there"):
        poll(outside)

    assert outcome == Waiting("QUEUED")
    assert {request.url.host for request in script.requests} == {"api.segmind.com"}


def test_other_base_url_applies_to_uploads_and_history_too():
    """So that a rehearsal sends nothing to the real hosts."""
    settings = segmind({"SEGMIND_API_KEY": KEY, "REACT1_SEGMIND_URL": "http://127.0.0.1:8791/"}).settings

    assert (settings.base_url, settings.upload_url, settings.history_url) == ("http://127.0.0.1:8791",) * 3
    assert settings.is_local_server
    assert KEY not in repr(settings)


@pytest.mark.parametrize(("route", "requests"), [("poll", 2), ("recover", 1)])
def test_a_history_that_drips_ends_at_the_limit_of_the_request(route, requests):
    """Each byte comes in time, the page does not: the poll goes on later, and a lost call stays unknown."""
    script = Script([json_reply(404, error="expired")] if route == "poll" else [])

    async def run():
        loop, time_s = asyncio.get_running_loop(), [0.0]
        loop.time = lambda: time_s[0]
        body = DrippingBody(lambda at_s: time_s.__setitem__(0, at_s))
        script.replies.append(httpx.Response(200, stream=body))
        async with script.pool() as pool:
            client = segmind({"SEGMIND_API_KEY": KEY}, "v2").connect(pool)
            with pytest.raises((TemporarilyUnavailable, ProviderError), match="not complete after 60 s"):
                await (client.poll("r1") if route == "poll" else client.recover(submission(), ()))
        return body.sent_bytes

    assert asyncio.run(run()) <= 8
    assert len(script.requests) == requests
