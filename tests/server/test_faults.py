"""Faults on request: the file, the choice of calls, and what a client sees of each."""

import httpx
import pytest

from react1.pipeline.core.errors import PresetError
from react1.pipeline.server.faults import FaultPlan, Faults, read_faults


def one(**fault):
    return {"faults": [fault]}


def test_a_file_of_faults_is_read(tmp_path):
    """YAML with a seed, a balance, an engine and a list."""
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
    ("line", "told"),
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
def test_a_mistake_is_told_with_its_line(tmp_path, line, told):
    """File, line, and what is wrong."""
    path = tmp_path / "faults.yaml"
    path.write_text(f"seed: 1\nfaults:\n  - {line}\n")

    with pytest.raises(PresetError, match=r"faults\.yaml:3:") as caught:
        read_faults(path)

    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """In one line."""
    with pytest.raises(PresetError, match="cannot be read: No such file"):
        read_faults(tmp_path / "none.yaml")


def test_the_same_seed_gives_the_same_faults_whatever_comes_between():
    """The n-th call of a route has its own chance; another seed has others."""
    fault = {"route": "status", "do": "slow", "seconds": 0, "probability": 0.3}

    def hits(seed, between):
        faults = Faults(FaultPlan.model_validate({"seed": seed, "faults": [fault]}))
        found = []
        for number in range(200):
            if between and number % 3 == 0:
                faults.pick("result")
            found.append(bool(faults.pick("status")))
        return found

    assert hits(1, between=False) == hits(1, between=True)
    assert hits(1, between=False) != hits(2, between=False)
    assert 35 < sum(hits(1, between=False)) < 90


def test_the_nth_call_is_hit_and_no_other(serve):
    """A 502 as a page, once."""
    with serve(one(route="status", do="status", status=502, body="html", call=2)) as server:
        job = server.submit().json()

        answers = [server.get(job["status_url"]) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 502, 200]
        assert answers[1].headers["content-type"] == "text/html"
        assert "502 Bad Gateway" in answers[1].text


@pytest.mark.parametrize(("when", "jobs"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("do", ["reset", "status"])
def test_an_answer_is_lost_before_or_after_the_job_was_made(serve, do, when, jobs):
    """The client cannot tell; the history can."""
    with serve(one(route="submit", do=do, when=when, status=504, body="empty")) as server:
        if do == "reset":
            with pytest.raises(httpx.ReadError):
                server.submit()
        else:
            answer = server.submit()
            assert (answer.status_code, answer.content) == (504, b"")

        assert server.get("/inference-request/request-history").json()["total"] == jobs


@pytest.mark.parametrize("route", ["v1", "output"])
def test_a_truncated_download_ends_early(serve, route):
    """The announced length is the whole one, the bytes are a part."""
    with serve(one(route=route, do="truncate", share=0.5)) as server:
        job = server.submit().json()
        server.until(job["request_id"], "COMPLETED")
        output = server.get(job["response_url"]).json()["output"]

        got = b""
        url = ("GET", output) if route == "output" else ("POST", "/v1/sync.so-react-1")
        body = {"video_url": "https://example.com/a", "audio_url": "https://example.com/b"}
        with (
            pytest.raises(httpx.RemoteProtocolError),
            server.stream(*url, json=body if route == "v1" else None) as answer,
        ):
            assert int(answer.headers["content-length"]) == len(server.engine.content)
            for piece in answer.iter_raw():
                got += piece

        assert got == server.engine.content[: len(server.engine.content) // 2]


def test_an_expired_result_stays_expired(serve):
    """For state and result alike."""
    with serve(one(route="result", do="expired", call=1)) as server:
        job = server.submit().json()
        server.until(job["request_id"], "COMPLETED")

        codes = [server.get(job[place]).status_code for place in ("response_url", "response_url", "status_url")]

        assert codes == [404, 404, 404]


def test_a_content_block_fails_the_request(serve):
    """v2: FAILED under 422, after PROCESSING; nothing is rendered or billed."""
    with serve(one(route="submit", do="fail", error="blocked: faces of minors")) as server:
        job = server.submit().json()

        body = server.until(job["request_id"], "FAILED")

        assert body["error"] == "blocked: faces of minors"
        assert not server.engine.orders
        assert server.get("/v1/get-user-credits").json()["credits"] == 10_000


def test_a_rate_limit_carries_its_header(serve):
    """As the host's own 429 does."""
    with serve(one(route="credits", do="status", status=429)) as server:
        answer = server.get("/v1/get-user-credits")

        assert answer.status_code == 429
        assert answer.headers["x-rate-limit-reset-at-utc"].endswith("Z")
        assert answer.json() == {"error": "429 was asked for"}


def test_slow_calls_and_held_requests_take_their_time(serve):
    """An answer comes late; a request stays PROCESSING."""
    plan = {
        "faults": [
            {"route": "credits", "do": "slow", "seconds": 0.3},
            {"route": "submit", "do": "hold", "seconds": 0.3},
        ]
    }
    with serve(plan) as server:
        assert server.get("/v1/get-user-credits").elapsed.total_seconds() > 0.25

        job = server.submit().json()
        assert server.until(job["request_id"], "PROCESSING")
        server.until(job["request_id"], "COMPLETED")
        assert server.get(job["response_url"]).json()["metrics"]["inference_time"] >= 0.29


def test_a_twisted_take_is_ordered_from_the_engine(serve):
    """What the fault says goes into the order."""
    with serve(one(route="v1", do="take", take={"longer_frames": 3, "rate": "24"})) as server:
        server.sync()

        (twist,) = server.engine.orders[0].twists
        assert (twist.longer_frames, twist.rate) == (3, "24")
