"""The hosted contract, route by route, over real sockets and with a stub renderer."""

import base64
import threading

import pytest

pytestmark = pytest.mark.slow

MODEL = "sync.so-react-1"


def test_v1_returns_the_take_with_its_cost(server):
    """The body is the file; cost, balance, id and time are headers."""
    response = server.run_sync()

    assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
    assert response.content == server.stub.content
    assert float(response.headers["x-cost"]) == pytest.approx(0.334)
    assert float(response.headers["x-remaining-credits"]) == pytest.approx(9999.666)
    assert response.headers["x-request-id"]
    assert float(response.headers["x-generation-time"]) >= 0


def test_v2_goes_from_queued_to_completed(serve):
    """With one worker the second request waits for the first."""
    with serve(workers=1) as server:
        server.stub.released.clear()
        first, second = server.submit().json(), server.submit().json()

        assert first["status"] == "QUEUED"
        assert first["poll_url"] == first["status_url"] == f"{first['response_url']}/status"
        assert first["status_url"] == f"{server.url}/v2/requests/{first['request_id']}/status"
        assert server.wait_for(first["request_id"], "PROCESSING")
        assert server.get(second["status_url"]).json()["status"] == "QUEUED"
        assert server.get(second["response_url"]).json()["status"] == "QUEUED"
        server.stub.released.set()
        server.wait_for(second["request_id"], "COMPLETED")
        body = server.get(second["response_url"]).json()
        assert (body["status"], body["error"]) == ("COMPLETED", None)
        assert body["metrics"]["cost"] == pytest.approx(0.334)
        assert body["output"] == body["video"]["url"]
        assert server.get(body["output"], headers={"x-api-key": ""}).content == server.stub.content


def test_a_failed_request_is_422_on_both_urls_with_its_reason(server):
    """A failed request costs nothing."""
    server.stub.failure = {"error": "no face found", "at_fault": "request"}

    job = server.submit().json()
    server.wait_for(job["request_id"], "FAILED")

    for place in (job["status_url"], job["response_url"]):
        response = server.get(place)
        assert response.status_code == 422
        assert response.json()["status"] == "FAILED"
        assert response.json()["error"] == "no face found"
    assert server.get("/v1/get-user-credits").json() == {"credits": 10_000.0, "free-credits": 0}


@pytest.mark.parametrize(("at_fault", "code"), [("request", 400), ("server", 500)])
def test_v1_status_depends_on_the_side_at_fault(server, at_fault, code):
    """400 if the media cannot be used, 500 if the server failed."""
    server.stub.failure = {"error": "it went wrong", "at_fault": at_fault}

    response = server.run_sync()

    assert (response.status_code, response.json()) == (code, {"error": "it went wrong"})


def test_a_result_expires_after_an_hour_but_stays_in_the_history(serve):
    """State and result are 404; the URL of the take lives longer."""
    clock = [1_800_000_000.0]
    with serve(now=lambda: clock[0]) as server:
        job = server.submit().json()
        server.wait_for(job["request_id"], "COMPLETED")
        output = server.get(job["response_url"]).json()["output"]
        clock[0] += 3600
        assert server.get(job["response_url"]).status_code == 200
        clock[0] += 1

        assert [server.get(job[place]).status_code for place in ("status_url", "response_url")] == [404, 404]
        assert server.get(output).status_code == 200
        row = server.get(f"/inference-request/request-history/{job['request_id']}").json()
        assert (row["model_status"], row["credits_deduction"]) == ("COMPLETED", pytest.approx(0.334))


def test_an_unknown_request_is_404(shared):
    """The body is JSON with one error line."""
    for place in ("/v2/requests/nothing", "/v2/requests/nothing/status", "/inference-request/request-history/nothing"):
        response = shared.get(place)
        assert response.status_code == 404
        assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("change", "message"),
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
@pytest.mark.parametrize("call", ["submit", "run_sync"])
def test_invalid_parameters_are_400_and_create_no_job(shared, call, change, message):
    """The error names the parameter."""
    response = getattr(shared, call)(**change)

    assert response.status_code == 400
    assert message in response.json()["error"]
    assert shared.get("/inference-request/request-history").json()["total"] == 0


def test_every_route_requires_a_key(serve):
    """Any key is accepted unless the server was started with one."""
    routes = [("POST", f"/v1/{MODEL}"), ("POST", f"/v2/{MODEL}"), ("GET", "/v2/requests/x"), ("POST", "/upload-asset")]
    routes += [("GET", "/v2/requests/x/status"), ("GET", "/v1/get-user-credits")]
    routes += [("GET", "/inference-request/request-history"), ("GET", "/inference-request/request-history/x")]
    with serve(key="SG_right") as server:
        for method, path in routes:
            for key, message in (("", "missing API key"), ("SG_wrong", "invalid API key")):
                response = server.request(method, path, headers={"x-api-key": key})
                assert response.status_code == 401
                assert message in response.json()["error"]
        assert server.get("/v1/get-user-credits", headers={"x-api-key": "SG_right"}).status_code == 200


def test_malformed_requests_get_the_documented_status(shared):
    """406 for another content type, 400 for invalid JSON, 413, 404, and 405 as HTML."""
    path = f"/v2/{MODEL}"

    assert shared.post(path, data={"prompt": "sad"}).status_code == 406
    assert shared.post(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert shared.post(path, json=[]).status_code == 400
    assert shared.post(path, json={"prompt": "x" * 70_000}).status_code == 413
    assert shared.post("/v2/other-model", json={}).status_code == 404
    assert shared.get("/nowhere").json() == {"error": "not found: there is no such endpoint"}
    response = shared.get(path)
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (405, "text/html")


def test_a_chunked_body_is_limited_too(shared):
    """Without Content-Length the received bytes are counted."""
    pieces = (b"x" * 8192 for _ in range(20))

    response = shared.post(f"/v2/{MODEL}", content=pieces, headers={"content-type": "application/json"})

    assert response.status_code == 413


def test_a_full_queue_is_429_with_a_time_to_retry(serve):
    """The refused request creates no job."""
    with serve(workers=1, queue_size=2) as server:
        server.stub.released.clear()
        first = server.submit().json()
        server.wait_for(first["request_id"], "PROCESSING")
        accepted = [server.submit().status_code for _ in range(2)]

        response = server.submit()

        assert accepted == [200, 200]
        assert response.status_code == 429
        assert response.headers["x-rate-limit-reset-at-utc"].endswith("Z")
        assert server.get("/inference-request/request-history").json()["total"] == 3
        server.stub.released.set()


def test_credits_run_out(serve):
    """406 once the balance is spent; started requests finish."""
    with serve({"credits": 0.5}) as server:
        codes = [server.run_sync().status_code for _ in range(3)]

        assert codes == [200, 200, 406]
        assert "Insufficient credits" in server.run_sync().json()["error"]
        assert server.get("/v1/get-user-credits").json()["credits"] == 0


def test_uploads_get_new_names(server):
    """The same bytes twice are two files; they are served unchanged, with ranges."""
    url = "data:audio/wav;base64," + base64.b64encode(b"RIFF" * 10).decode()

    response = server.post("/upload-asset", json={"data_urls": [url, url]}).json()

    first, second = response["file_urls"]
    assert first != second
    assert first.startswith(f"{server.url}/assets/")
    assert server.get(first).content == b"RIFF" * 10
    assert server.get(first, headers={"Range": "bytes=4-7"}).content == b"RIFF"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "data_urls"),
        ({"data_urls": []}, "data_urls"),
        ({"data_urls": ["https://example.com"]}, "data_urls.0"),
        ({"data_urls": ["data:video/mp4;base64,****"]}, "base64"),
        ({"data_urls": ["data:text/html;base64,PGI+"]}, "is not a media type"),
        ({"data_urls": ["data:video/mp4;base64,"]}, "empty"),
        ({"data_urls": ["data:video/mp4;base64,QUJD"] * 11}, "at most 10"),
    ],
)
def test_invalid_uploads_are_400(shared, body, message):
    """The error has the index of the invalid upload; none is stored."""
    response = shared.post("/upload-asset", json=body)

    assert response.status_code == 400
    assert message in response.json()["error"]
    assert not list((shared.server.options.home / "server" / "assets").iterdir())


@pytest.mark.parametrize("name", ["..%2f..%2fjobs%2fx.json", "%2e%2e/lock", "lock", "../jobs", "a" * 300])
def test_only_outputs_and_uploads_are_served(shared, name):
    """Any other name is 404."""
    assert shared.get(f"/outputs/{name}").status_code == 404
    assert shared.get(f"/assets/{name}").status_code == 404


def test_the_history_is_paged_and_filtered(serve):
    """Newest first; invalid filters are 400."""
    path = "/inference-request/request-history"
    with serve(workers=1) as server:
        ids = [server.submit(prompt=prompt).json()["request_id"] for prompt in ("sad", "angry", "happy")]
        for request_id in ids:
            server.wait_for(request_id, "COMPLETED")

        page = server.get(path, params={"per_page": 2, "page": 2}).json()

        assert [row["request_id"] for row in page["data"]] == ids[:1]
        assert page["data"][0]["request_body"]["prompt"] == "sad"
        assert (page["total"], page["total_pages"]) == (3, 2)
        assert server.get(path, params={"status": "FAILED"}).json()["data"] == []
        assert server.get(path, params={"model_name": "other"}).json()["data"] == []
        invalid = [
            {"per_page": "101"},
            {"status": "DONE"},
            {"from_date": "1.2.2026"},
            {"page": "0"},
            {"per_page": "0000000001999999"},
            {"sort_order": "up"},
            {"to_date": "9999-12-31"},
            {"to_date": "0001-01-01"},
        ]
        invalid += [{"from_date": "2026-01-01", "to_date": "2026-03-01"}]
        assert [server.get(path, params=query).status_code for query in invalid] == [400] * len(invalid)


def test_the_openapi_document_has_the_eight_parameters(shared):
    """For both routes of the model."""
    paths = shared.get("/openapi.json").json()["paths"]

    assert shared.get("/docs").status_code == 200
    for version in ("v1", "v2"):
        body = paths[f"/{version}/{MODEL}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert len(body["properties"]) == 8
        assert body["properties"]["prompt"]["enum"][0] == "happy"


def test_a_client_that_disconnects_does_not_cancel_its_request(server):
    """The take is rendered, and the request is in the history."""
    server.stub.released.clear()
    waiting = threading.Thread(target=_run_sync_and_disconnect, args=(server,))
    waiting.start()
    waiting.join()

    server.stub.released.set()
    row = server.get("/inference-request/request-history").json()["data"][0]
    server.wait_for(row["request_id"], "COMPLETED")

    assert server.run_sync().status_code == 200


def _run_sync_and_disconnect(server):
    import httpx

    with httpx.Client(timeout=0.3, trust_env=False) as client, pytest.raises(httpx.ReadTimeout):
        body = {"video_url": "https://example.com/a.mp4", "audio_url": "https://example.com/a.wav"}
        client.post(f"{server.url}/v1/{MODEL}", json=body, headers={"x-api-key": "k"})
