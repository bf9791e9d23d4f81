"""The hosted contract, route by route, over real sockets and with a stubbed engine."""

import base64
import threading

import pytest

MODEL = "sync.so-react-1"


def test_v1_answers_with_the_take_and_its_accounts(server):
    """Raw bytes; cost, balance, id and time are headers."""
    answer = server.sync()

    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.content == server.engine.content
    assert float(answer.headers["x-cost"]) == pytest.approx(0.334)
    assert float(answer.headers["x-remaining-credits"]) == pytest.approx(9999.666)
    assert answer.headers["x-request-id"]
    assert float(answer.headers["x-generation-time"]) >= 0


def test_v2_goes_from_queued_to_completed(serve):
    """With one worker the second request waits for the first."""
    with serve(workers=1) as server:
        server.engine.free.clear()
        first, second = server.submit().json(), server.submit().json()

        assert first["status"] == "QUEUED"
        assert first["poll_url"] == first["status_url"] == f"{first['response_url']}/status"
        assert first["status_url"] == f"{server.address}/v2/requests/{first['request_id']}/status"
        assert server.until(first["request_id"], "PROCESSING")
        assert server.get(second["status_url"]).json()["status"] == "QUEUED"
        assert server.get(second["response_url"]).json()["status"] == "QUEUED"
        server.engine.free.set()
        server.until(second["request_id"], "COMPLETED")
        body = server.get(second["response_url"]).json()
        assert (body["status"], body["error"]) == ("COMPLETED", None)
        assert body["metrics"]["cost"] == pytest.approx(0.334)
        assert body["output"] == body["video"]["url"]
        assert server.get(body["output"], headers={"x-api-key": ""}).content == server.engine.content


def test_a_failed_request_is_422_on_both_addresses_and_tells_why(server):
    """And costs nothing."""
    server.engine.told = {"error": "no face found", "at_fault": "request"}

    job = server.submit().json()
    server.until(job["request_id"], "FAILED")

    for place in (job["status_url"], job["response_url"]):
        answer = server.get(place)
        assert answer.status_code == 422
        assert answer.json()["status"] == "FAILED"
        assert answer.json()["error"] == "no face found"
    assert server.get("/v1/get-user-credits").json() == {"credits": 10_000.0, "free-credits": 0}


@pytest.mark.parametrize(("at_fault", "code"), [("request", 400), ("server", 500)])
def test_v1_tells_a_failure_by_whose_fault_it_is(server, at_fault, code):
    """400 where what was sent cannot be used, 500 where the server broke."""
    server.engine.told = {"error": "it went wrong", "at_fault": at_fault}

    answer = server.sync()

    assert (answer.status_code, answer.json()) == (code, {"error": "it went wrong"})


def test_a_result_expires_after_an_hour_and_the_history_remembers_it(serve):
    """404 for state and result; the take's own address lives longer."""
    clock = [1_800_000_000.0]
    with serve(now=lambda: clock[0]) as server:
        job = server.submit().json()
        server.until(job["request_id"], "COMPLETED")
        output = server.get(job["response_url"]).json()["output"]
        clock[0] += 3600
        assert server.get(job["response_url"]).status_code == 200
        clock[0] += 1

        assert [server.get(job[place]).status_code for place in ("status_url", "response_url")] == [404, 404]
        assert server.get(output).status_code == 200
        row = server.get(f"/inference-request/request-history/{job['request_id']}").json()
        assert (row["model_status"], row["credits_deduction"]) == ("COMPLETED", pytest.approx(0.334))


def test_an_unknown_request_is_404(shared):
    """With one line as JSON."""
    for place in ("/v2/requests/nothing", "/v2/requests/nothing/status", "/inference-request/request-history/nothing"):
        answer = shared.get(place)
        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prompt": "joyful"}, "prompt"),
        ({"temperature": 1.2}, "temperature"),
        ({"sync_mode": "stretch"}, "sync_mode"),
        ({"model_mode": "body"}, "model_mode"),
        ({"occlusion_detection_enabled": "perhaps"}, "occlusion_detection_enabled"),
        ({"auto_active_speaker_detection": 7}, "auto_active_speaker_detection"),
        ({"seed": 1}, "seed"),
        ({"video_url": ""}, "video_url"),
        ({"audio_url": "file:///etc/passwd"}, "audio_url"),
        ({"video_url": "http://10.0.0.1/a.mp4"}, "private"),
        ({"video_url": "http://169.254.169.254/latest"}, "private"),
        ({"video_url": "http://[::ffff:192.168.0.1]/a.mp4"}, "private"),
    ],
)
@pytest.mark.parametrize("call", ["submit", "sync"])
def test_wrong_parameters_are_400_and_make_no_job(shared, call, change, told):
    """The one line names the parameter."""
    answer = getattr(shared, call)(**change)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert shared.get("/inference-request/request-history").json()["total"] == 0


def test_every_route_wants_a_key(serve):
    """Any key will do, unless the server was started with one."""
    routes = [("POST", f"/v1/{MODEL}"), ("POST", f"/v2/{MODEL}"), ("GET", "/v2/requests/x"), ("POST", "/upload-asset")]
    routes += [("GET", "/v2/requests/x/status"), ("GET", "/v1/get-user-credits")]
    routes += [("GET", "/inference-request/request-history"), ("GET", "/inference-request/request-history/x")]
    with serve(key="SG_right") as server:
        for method, path in routes:
            for key, told in (("", "missing API key"), ("SG_wrong", "invalid API key")):
                answer = server.request(method, path, headers={"x-api-key": key})
                assert answer.status_code == 401
                assert told in answer.json()["error"]
        assert server.get("/v1/get-user-credits", headers={"x-api-key": "SG_right"}).status_code == 200


def test_odd_requests_get_the_documented_codes(shared):
    """406 for another content type, 400 for no JSON, 413, 404, and 405 as a page."""
    path = f"/v2/{MODEL}"

    assert shared.post(path, data={"prompt": "sad"}).status_code == 406
    assert shared.post(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert shared.post(path, json=[]).status_code == 400
    assert shared.post(path, json={"prompt": "x" * 70_000}).status_code == 413
    assert shared.post("/v2/other-model", json={}).status_code == 404
    assert shared.get("/nowhere").json() == {"error": "not found: there is no such endpoint"}
    wrong = shared.get(path)
    assert (wrong.status_code, wrong.headers["content-type"].split(";")[0]) == (405, "text/html")


def test_a_chunked_body_is_bounded_too(shared):
    """Without a Content-Length the bytes are counted."""
    pieces = (b"x" * 8192 for _ in range(20))

    answer = shared.post(f"/v2/{MODEL}", content=pieces, headers={"content-type": "application/json"})

    assert answer.status_code == 413


def test_a_full_queue_is_429_and_says_when_to_come_back(serve):
    """Nothing is made of what was refused."""
    with serve(workers=1, queue_size=2) as server:
        server.engine.free.clear()
        first = server.submit().json()
        server.until(first["request_id"], "PROCESSING")
        accepted = [server.submit().status_code for _ in range(2)]

        answer = server.submit()

        assert accepted == [200, 200]
        assert answer.status_code == 429
        assert answer.headers["x-rate-limit-reset-at-utc"].endswith("Z")
        assert server.get("/inference-request/request-history").json()["total"] == 3
        server.engine.free.set()


def test_credits_run_out(serve):
    """406 once the balance is spent; what was begun is finished."""
    with serve({"credits": 0.5}) as server:
        codes = [server.sync().status_code for _ in range(3)]

        assert codes == [200, 200, 406]
        assert "Insufficient credits" in server.sync().json()["error"]
        assert server.get("/v1/get-user-credits").json()["credits"] == 0


def test_uploads_are_kept_under_new_names(server):
    """The same bytes twice are two files; they are served as they came."""
    url = "data:audio/wav;base64," + base64.b64encode(b"RIFF" * 10).decode()

    answer = server.post("/upload-asset", json={"data_urls": [url, url]}).json()

    first, second = answer["file_urls"]
    assert first != second
    assert first.startswith(f"{server.address}/assets/")
    assert server.get(first).content == b"RIFF" * 10
    assert server.get(first, headers={"Range": "bytes=4-7"}).content == b"RIFF"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "data_urls"),
        ({"data_urls": []}, "data_urls"),
        ({"data_urls": ["https://example.com"]}, "data_urls.0"),
        ({"data_urls": ["data:video/mp4;base64,****"]}, "base64"),
        ({"data_urls": ["data:text/html;base64,PGI+"]}, "no media type"),
        ({"data_urls": ["data:video/mp4;base64,"]}, "empty"),
        ({"data_urls": ["data:video/mp4;base64,QUJD"] * 11}, "at most 10"),
    ],
)
def test_uploads_that_are_none_are_400(shared, body, told):
    """With the number of the one that is wrong; none of them is kept."""
    answer = shared.post("/upload-asset", json=body)

    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert not list((shared.server.options.home / "server" / "assets").iterdir())


@pytest.mark.parametrize("name", ["..%2f..%2fjobs%2fx.json", "%2e%2e/lock", "lock", "../jobs", "a" * 300])
def test_nothing_but_outputs_and_uploads_is_served(shared, name):
    """A name is one of ours, or it is 404."""
    assert shared.get(f"/outputs/{name}").status_code == 404
    assert shared.get(f"/assets/{name}").status_code == 404


def test_the_history_is_paged_and_filtered(serve):
    """The newest first; wrong filters are 400."""
    path = "/inference-request/request-history"
    with serve(workers=1) as server:
        ids = [server.submit(prompt=prompt).json()["request_id"] for prompt in ("sad", "angry", "happy")]
        for request_id in ids:
            server.until(request_id, "COMPLETED")

        page = server.get(path, params={"per_page": 2, "page": 2}).json()

        assert [row["request_id"] for row in page["data"]] == ids[:1]
        assert page["data"][0]["request_body"]["prompt"] == "sad"
        assert (page["total"], page["total_pages"]) == (3, 2)
        assert server.get(path, params={"status": "FAILED"}).json()["data"] == []
        assert server.get(path, params={"model_name": "other"}).json()["data"] == []
        wrong = [
            {"per_page": "101"},
            {"status": "DONE"},
            {"from_date": "1.2.2026"},
            {"page": "0"},
            {"sort_order": "up"},
        ]
        wrong += [{"from_date": "2026-01-01", "to_date": "2026-03-01"}]
        assert [server.get(path, params=each).status_code for each in wrong] == [400] * len(wrong)


def test_the_openapi_page_names_the_eight_parameters(shared):
    """For both calls of the model."""
    described = shared.get("/openapi.json").json()["paths"]

    assert shared.get("/docs").status_code == 200
    for version in ("v1", "v2"):
        body = described[f"/{version}/{MODEL}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert len(body["properties"]) == 8
        assert body["properties"]["prompt"]["enum"][0] == "happy"


def test_a_client_that_leaves_does_not_end_its_request(server):
    """The take is made all the same, and is in the history."""
    server.engine.free.clear()
    waiting = threading.Thread(target=_sync_and_leave, args=(server,))
    waiting.start()
    waiting.join()

    server.engine.free.set()
    row = server.get("/inference-request/request-history").json()["data"][0]
    server.until(row["request_id"], "COMPLETED")

    assert server.sync().status_code == 200


def _sync_and_leave(server):
    import httpx

    with httpx.Client(timeout=0.3, trust_env=False) as client, pytest.raises(httpx.ReadTimeout):
        body = {"video_url": "https://example.com/a.mp4", "audio_url": "https://example.com/a.wav"}
        client.post(f"{server.address}/v1/{MODEL}", json=body, headers={"x-api-key": "k"})
