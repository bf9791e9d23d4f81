"""Injected faults: the file, which requests are hit, and what a client sees."""

import httpx
import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.server.faults import FaultInjector, FaultPlan, read_faults


def plan_of(**rule):
    return {"faults": [rule]}


def test_a_fault_file_is_read(tmp_path):
    """YAML with a seed, a balance, an engine and a list of faults."""
    path = tmp_path / "faults.yaml"
    path.write_text(
        "seed: 7\ncredits: 3.5\nengine: copy\nfaults:\n"
        "  - {route: submit, do: reset, when: after, call: [1, 3]}\n"
        "  - {route: v1, do: take, take: {round_lines_to: 16}, probability: 0.5}\n"
    )

    plan = read_faults(path)

    assert (plan.seed, plan.credits, plan.engine) == (7, 3.5, "copy")
    assert plan.faults[0].call == [1, 3]
    assert plan.faults[1].take.round_lines_to == 16


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{route: submits, do: reset}", "route"),
        ("{route: submit, do: explode}", "do"),
        ("{route: submit, do: status}", "needs status"),
        ("{route: status, do: take, take: {}}", "is for the routes v1, submit"),
        ("{route: submit, do: reset, call: 0}", "call"),
        ("{route: submit, do: reset, call: 1, probability: 0.5}", "not both"),
        ("{route: submit, do: reset, probability: 2}", "probability"),
        ("{route: submit, do: reset, often: true}", "often"),
        ("{route: submit, do: status, status: 200}", "status"),
    ],
)
def test_a_mistake_is_reported_with_its_line(tmp_path, line, message):
    """The error has the file, the line and the problem."""
    path = tmp_path / "faults.yaml"
    path.write_text(f"seed: 1\nfaults:\n  - {line}\n")

    with pytest.raises(PresetError, match=r"faults\.yaml:3:") as caught:
        read_faults(path)

    assert message in str(caught.value)


def test_a_missing_fault_file_is_reported(tmp_path):
    """The error has the reason."""
    with pytest.raises(PresetError, match="cannot be read: No such file"):
        read_faults(tmp_path / "none.yaml")


def test_the_same_seed_gives_the_same_faults_whatever_other_routes_get():
    """The n-th request of a route has its own draw; another seed gives other draws."""
    rule = {"route": "status", "do": "slow", "seconds": 0, "probability": 0.3}

    def hits(seed, other_routes):
        faults = FaultInjector(FaultPlan.model_validate({"seed": seed, "faults": [rule]}))
        results = []
        for number in range(200):
            if other_routes and number % 3 == 0:
                faults.pick("result")
            results.append(bool(faults.pick("status")))
        return results

    assert hits(1, other_routes=False) == hits(1, other_routes=True)
    assert hits(1, other_routes=False) != hits(2, other_routes=False)
    assert 35 < sum(hits(1, other_routes=False)) < 90


def test_only_the_nth_request_is_hit(serve):
    """One request gets a 502 as HTML."""
    with serve(plan_of(route="status", do="status", status=502, body="html", call=2)) as server:
        job = server.submit().json()

        responses = [server.get(job["status_url"]) for _ in range(3)]

        assert [response.status_code for response in responses] == [200, 502, 200]
        assert responses[1].headers["content-type"] == "text/html"
        assert "502 Bad Gateway" in responses[1].text


@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("do", ["reset", "status"])
def test_a_response_is_lost_before_or_after_the_job_was_created(serve, do, when, jobs):
    """The client cannot distinguish the two; the history can."""
    with serve(plan_of(route="submit", do=do, when=when, status=504, body="empty")) as server:
        if do == "reset":
            with pytest.raises(httpx.ReadError):
                server.submit()
        else:
            response = server.submit()
            assert (response.status_code, response.content) == (504, b"")

        assert server.get("/inference-request/request-history").json()["total"] == jobs


@pytest.mark.parametrize("route", ["v1", "output"])
def test_a_truncated_download_ends_early(serve, route):
    """Content-Length is that of the complete file, the bytes are a part."""
    with serve(plan_of(route=route, do="truncate", share=0.5)) as server:
        job = server.submit().json()
        server.wait_for(job["request_id"], "COMPLETED")
        output = server.get(job["response_url"]).json()["output"]

        received = b""
        call = ("GET", output) if route == "output" else ("POST", "/v1/sync.so-react-1")
        body = {"video_url": "https://example.com/a", "audio_url": "https://example.com/b"}
        with (
            pytest.raises(httpx.RemoteProtocolError),
            server.stream(*call, json=body if route == "v1" else None) as response,
        ):
            assert int(response.headers["content-length"]) == len(server.stub.content)
            for piece in response.iter_raw():
                received += piece

        assert received == server.stub.content[: len(server.stub.content) // 2]


def test_an_expired_result_stays_expired(serve):
    """Both the state and the result are 404 from then on."""
    with serve(plan_of(route="result", do="expired", call=1)) as server:
        job = server.submit().json()
        server.wait_for(job["request_id"], "COMPLETED")

        codes = [server.get(job[place]).status_code for place in ("response_url", "response_url", "status_url")]

        assert codes == [404, 404, 404]


def test_a_content_block_fails_the_request(serve):
    """The request is FAILED; nothing is rendered or billed."""
    with serve(plan_of(route="submit", do="fail", error="blocked: faces of minors")) as server:
        job = server.submit().json()

        body = server.wait_for(job["request_id"], "FAILED")

        assert body["error"] == "blocked: faces of minors"
        assert not server.stub.requests
        assert server.get("/v1/get-user-credits").json()["credits"] == 10_000


def test_a_rate_limit_carries_its_header(serve):
    """As the provider's own 429 does."""
    with serve(plan_of(route="credits", do="status", status=429)) as server:
        response = server.get("/v1/get-user-credits")

        assert response.status_code == 429
        assert response.headers["x-rate-limit-reset-at-utc"].endswith("Z")
        assert response.json() == {"error": "injected fault: status 429"}


@pytest.mark.slow
def test_slow_responses_and_held_requests_are_delayed(serve):
    """A response is late; a request stays PROCESSING."""
    plan = {
        "faults": [
            {"route": "credits", "do": "slow", "seconds": 0.3},
            {"route": "submit", "do": "hold", "seconds": 0.3},
        ]
    }
    with serve(plan) as server:
        assert server.get("/v1/get-user-credits").elapsed.total_seconds() > 0.25

        job = server.submit().json()
        assert server.wait_for(job["request_id"], "PROCESSING")
        server.wait_for(job["request_id"], "COMPLETED")
        assert server.get(job["response_url"]).json()["metrics"]["inference_time"] >= 0.29


def test_a_perturbation_is_passed_to_the_renderer(serve):
    """The worker request has what the fault file says."""
    with serve(plan_of(route="v1", do="take", take={"longer_frames": 3, "rate": "24"})) as server:
        server.run_sync()

        (perturbation,) = server.stub.requests[0].perturbations
        assert (perturbation.longer_frames, perturbation.rate) == (3, "24")
