"""What survives: restarts, killed workers, a second server."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from web import open_web

from react1.pipeline.core.errors import PresetError
from react1.pipeline.server.job_queue import MOST_TRIES
from react1.pipeline.server.renderer import in_a_process
from react1.pipeline.server.serve import LocalServer
from react1.pipeline.server.server_job import Job
from react1.pipeline.server.server_options import ServerOptions


def test_results_survive_a_restart(serve):
    """State, take, cost and history are the same; the address has another port."""
    with serve() as server:
        job = server.submit().json()["request_id"]
        server.until(job, "COMPLETED")
        before = server.get(f"/v2/requests/{job}").json()

    with serve() as server:
        after = server.get(f"/v2/requests/{job}").json()

        assert after["metrics"] == before["metrics"]
        assert server.get(after["output"]).content == server.engine.content
        assert server.get("/v1/get-user-credits").json()["credits"] == pytest.approx(9999.666)


def test_unfinished_requests_are_taken_up_again_in_order(serve):
    """The one in work and the one that waits; each is made once."""
    with serve(workers=1) as server:
        server.engine.free.clear()
        ids = [server.submit(prompt=prompt).json()["request_id"] for prompt in ("sad", "angry")]
        server.until(ids[0], "PROCESSING")

    with serve(workers=1) as server:
        for request_id in ids:
            server.until(request_id, "COMPLETED")

        assert [order.request.prompt for order in server.engine.orders] == ["sad", "angry"]


def test_a_request_that_ends_the_server_again_and_again_fails(serve, tmp_path):
    """With a reason, and without being begun once more."""
    job = Job(id="a" * 36, api="v2", sent={}, created_s=time.time(), state="PROCESSING", tries=MOST_TRIES)
    folder = tmp_path / "home" / "server" / "jobs"
    folder.mkdir(parents=True)
    (folder / f"{job.id}.json").write_text(job.model_dump_json())
    (folder / "damaged.json").write_text("{")

    with serve() as server:
        body = server.until(job.id, "FAILED")

        assert body["error"].startswith(f"the server was stopped {MOST_TRIES} times")
        assert not server.engine.orders


def test_one_home_has_one_server(serve):
    """The second is told so, in one line."""
    with serve() as server:
        second = LocalServer(ServerOptions(server.server.options.home, port=0), ready=lambda _: second.stop())

        with pytest.raises(PresetError, match="another server works in"):
            second.run()


def test_a_port_that_is_taken_is_told(server, tmp_path):
    """With what to do."""
    with pytest.raises(PresetError, match="choose another --host or --port"):
        LocalServer(ServerOptions(tmp_path, port=server.server.options.port))


def test_a_killed_worker_fails_its_own_request_only(serve):
    """SIGKILL while it fetches: FAILED with a reason; the server and the next request live."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the worker is found through /proc")
    asked, free = threading.Event(), threading.Event()
    with open_web() as web, serve(make=in_a_process, workers=1) as server:
        web.routes["/slow.mp4"] = lambda _: (asked.set(), free.wait(10))
        web.serve("/not.mp4", b"no video at all")
        hit = server.submit(video_url=f"{web.address}/slow.mp4").json()["request_id"]
        next_one = server.submit(video_url=f"{web.address}/not.mp4").json()["request_id"]
        assert asked.wait(20)

        os.kill(_worker_of(hit), signal.SIGKILL)

        body = server.until(hit, "FAILED")
        assert body["error"].startswith("the worker that made this take was killed")
        free.set()
        assert "video_url" in server.until(next_one, "FAILED")["error"]
        assert server.get("/v1/get-user-credits").json()["credits"] == 10_000


def test_no_worker_outlives_its_server(serve):
    """Stopped in the middle of a fetch."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the worker is found through /proc")
    asked, free = threading.Event(), threading.Event()
    with open_web() as web:
        web.routes["/slow.mp4"] = lambda _: (asked.set(), free.wait(10))
        with serve(make=in_a_process) as server:
            job = server.submit(video_url=f"{web.address}/slow.mp4").json()["request_id"]
            assert asked.wait(20)
        free.set()

    assert _workers(job) == []


def _worker_of(request_id: str) -> int:
    (found,) = _workers(request_id)
    return found


def _workers(request_id: str) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:
            continue
        if request_id.encode() in line and b"worker" in line:
            found.append(int(place.parent.name))
    return found
