"""Restarts, killed workers, and a second server with the same home."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from web import open_web

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.server import asgi_app
from react1.pipeline.server.asgi_app import LocalServer
from react1.pipeline.server.job_queue import MAX_ATTEMPTS
from react1.pipeline.server.job_store import Job, JobStore
from react1.pipeline.server.renderers import render_in_process
from react1.pipeline.server.server_options import ServerOptions
from react1.pipeline.store.atomic import is_locked

pytestmark = pytest.mark.slow


def test_results_survive_a_restart(serve):
    """State, take, cost and balance are the same."""
    with serve() as server:
        job = server.submit().json()["request_id"]
        server.wait_for(job, "COMPLETED")
        before = server.get(f"/v2/requests/{job}").json()

    with serve() as server:
        after = server.get(f"/v2/requests/{job}").json()

        assert after["metrics"] == before["metrics"]
        assert after["said"] == before["said"] == ["stubbed"]
        assert server.get(after["output"]).content == server.stub.content
        assert server.get("/v1/get-user-credits").json()["credits"] == pytest.approx(9999.666)


def test_unfinished_requests_are_queued_again_in_order(serve):
    """The one in progress and the waiting one; each is rendered once."""
    with serve(workers=1) as server:
        server.stub.released.clear()
        ids = [server.submit(prompt=prompt).json()["request_id"] for prompt in ("sad", "angry")]
        server.wait_for(ids[0], "PROCESSING")

    with serve(workers=1) as server:
        for request_id in ids:
            server.wait_for(request_id, "COMPLETED")

        assert [request.parameters.prompt for request in server.stub.requests] == ["sad", "angry"]


def test_a_request_that_repeatedly_stops_the_server_fails(serve, tmp_path):
    """It is FAILED with a reason, without another attempt."""
    job = Job(id="a" * 36, api="v2", sent={}, created_s=time.time(), state="PROCESSING", attempts=MAX_ATTEMPTS)
    folder = tmp_path / "home" / "server" / "jobs"
    folder.mkdir(parents=True)
    (folder / f"{job.id}.json").write_text(job.model_dump_json())
    (folder / "damaged.json").write_text("{")

    with serve() as server:
        body = server.wait_for(job.id, "FAILED")

        assert body["error"].startswith(f"the server was stopped {MAX_ATTEMPTS} times")
        assert not server.stub.requests


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that does not take the end of a request until `freed` is set; `refused` is set at each attempt."""
    refused, freed, put = threading.Event(), threading.Event(), JobStore.put

    def write(store, job):
        if job.ended and not freed.is_set():
            refused.set()
            raise StorageFailed("the disk is full")
        put(store, job)

    monkeypatch.setattr(JobStore, "put", write)
    monkeypatch.setattr("react1.pipeline.server.job_queue.DISK_RETRY_S", 0.02, raising=False)
    return refused, freed


def test_state_that_a_full_disk_does_not_take_is_not_shown(serve, full_disk):
    """It is shown once it is on disk; the take is rendered once."""
    refused, freed = full_disk
    with serve() as server:
        job = server.submit().json()["request_id"]
        assert refused.wait(10)
        before = server.get(f"/v2/requests/{job}/status").json()["status"]
        freed.set()
        server.wait_for(job, "COMPLETED")

        assert before == "PROCESSING"
        assert len(server.stub.requests) == 1


def test_state_after_a_full_disk_is_true_after_a_restart(serve, full_disk):
    """The next server continues from what clients have seen."""
    refused, freed = full_disk
    with serve() as server:
        job = server.submit().json()["request_id"]
        assert refused.wait(10)
        assert server.get(f"/v2/requests/{job}/status").json()["status"] == "PROCESSING"

    freed.set()
    with serve() as server:
        server.wait_for(job, "COMPLETED")
        assert server.get(f"/v2/requests/{job}").json()["status"] == "COMPLETED"


def test_one_home_has_one_server(serve):
    """A second server is refused."""
    with serve() as server:
        second = LocalServer(ServerOptions(server.server.options.home, port=0), ready=lambda _: second.stop())

        with pytest.raises(PresetError, match="another server uses"):
            second.run()


def test_a_server_holds_its_folder_from_its_first_check_on(serve, monkeypatch):
    """Another one that starts at the same time would let it say that it listens, and end without a word."""
    held, build = [], asgi_app.build_app

    def build_while_held(queue, faults):
        held.append(is_locked(queue.store.root / "lock"))
        return build(queue, faults)

    monkeypatch.setattr(asgi_app, "build_app", build_while_held)
    with serve():
        pass

    assert held == [True]


def test_old_files_are_removed_beside_uploads_that_end(tmp_path):
    """A name that is gone by the time it is looked at is passed over."""
    store = JobStore(tmp_path)
    store.open()
    name = store.keep_asset(b"film", "video/mp4")
    (store.root / "assets" / ".gone.part").symlink_to("nowhere")

    store.sweep(time.time() + 60, files_s=3600)
    assert store.served_file("assets", name)
    store.sweep(time.time() + 7200, files_s=3600)
    store.close()

    assert store.served_file("assets", name) is None


def test_a_port_in_use_is_reported(server, tmp_path):
    """The error names the options to change."""
    with pytest.raises(PresetError, match="choose another --host or --port"):
        LocalServer(ServerOptions(tmp_path, port=server.server.options.port))


def test_a_killed_worker_fails_only_its_own_request(serve):
    """SIGKILL during a fetch: FAILED with a reason; the server and the next request continue."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the worker is found through /proc")
    fetching, released = threading.Event(), threading.Event()
    with open_web() as web, serve(renderer=render_in_process, workers=1) as server:
        web.routes["/slow.mp4"] = lambda _: (fetching.set(), released.wait(10))
        web.serve("/not.mp4", b"no video at all")
        killed = server.submit(video_url=f"{web.url}/slow.mp4").json()["request_id"]
        following = server.submit(video_url=f"{web.url}/not.mp4").json()["request_id"]
        assert fetching.wait(20)

        os.kill(_worker_of(killed), signal.SIGKILL)

        body = server.wait_for(killed, "FAILED")
        assert body["error"].startswith("the worker that rendered this take was killed")
        released.set()
        assert "video_url" in server.wait_for(following, "FAILED")["error"]
        assert server.get("/v1/get-user-credits").json()["credits"] == 10_000


def test_no_worker_outlives_its_server(serve):
    """The server is stopped during a fetch."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the worker is found through /proc")
    fetching, released = threading.Event(), threading.Event()
    with open_web() as web:
        web.routes["/slow.mp4"] = lambda _: (fetching.set(), released.wait(10))
        with serve(renderer=render_in_process) as server:
            job = server.submit(video_url=f"{web.url}/slow.mp4").json()["request_id"]
            assert fetching.wait(20)
        released.set()

    assert _workers(job) == []


def _worker_of(request_id: str) -> int:
    (process_id,) = _workers(request_id)
    return process_id


def _workers(request_id: str) -> list[int]:
    process_ids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command_line = path.read_bytes()
        except OSError:
            continue
        if request_id.encode() in command_line and b"worker" in command_line:
            process_ids.append(int(path.parent.name))
    return process_ids
