"""A paid film is the same wherever its steps run and whatever is killed or full, and nothing is paid for twice."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from pathlib import Path

import pytest
from bucket import BUCKET, open_bucket
from job_runner import no_precheck
from numbered_clips import make_clip
from server_client import open_server

from react1.pipeline.api import run
from react1.pipeline.core.errors import StorageFailed
from react1.pipeline.jobs import budget
from react1.pipeline.runner.events import StepMoved
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source
from react1.pipeline.store import store_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("no_precheck"),
    pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc"),
]
__all__ = ["no_precheck"]
KEY = "SG_secret0123456789abcdef"
STEPS = {"transcode", "conform", "splice"}
EDITS = ["4f-10f:sad", "16f-22f:happy"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A local server that draws on what it receives."""
    folder = tmp_path_factory.mktemp("srv")
    with open_server(folder, {"engine": "mark"}, renderer=mark_source, key=KEY) as client:
        client.folder = folder
        yield client


@pytest.fixture
def make_film(server, tmp_path, monkeypatch):
    """Return a function that makes the film in a home folder, and says how many jobs that has created."""
    clip = make_clip(tmp_path / "film.mp4", frames=30, size=(160, 90), audio_codec="aac")
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))  # it has no face
    for name, value in {"SEGMIND_URL": server.url, "POLL_S": "0.05"}.items():
        monkeypatch.setenv(f"REACT1_{name}", value)
    monkeypatch.setenv("SEGMIND_API_KEY", KEY)

    def make(home, **more):
        out, before = tmp_path / f"{home}.mp4", len(list(JobStore(server.folder).jobs()))
        options = {
            "source": clip,
            "edits": EDITS,
            "out": out,
            "home": tmp_path / home,
            "provider": "segmind",
            "checks": {"seam_delta_e": None},
        }
        try:
            result = run("emotion-edit", yes=True, **options, **more)
        except StorageFailed:
            return None, len(list(JobStore(server.folder).jobs())) - before
        assert result.status == "done"
        return out.read_bytes(), len(list(JobStore(server.folder).jobs())) - before

    return make


@pytest.fixture(scope="module")
def films():
    """The films that tests compare theirs with."""
    return {}


@pytest.fixture
def film(make_film, films, tmp_path, monkeypatch):
    """The film as threads of this process make it, once."""
    if not films:
        monkeypatch.delenv("REACT1_EXECUTOR", raising=False)
        films["local"], jobs = make_film("local")
        assert jobs == 2
        assert films["local"] != (tmp_path / "film.mp4").read_bytes()
    return films["local"]


class Killer:
    """A watcher that kills every worker once in the middle of each of `STEPS`."""

    def __init__(self) -> None:
        self.killed: set[str] = set()

    def on(self, event: object) -> None:
        if isinstance(event, StepMoved) and event.step in STEPS - self.killed:
            workers = _workers()
            if workers:
                self.killed.add(event.step)
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _workers() -> list[int]:
    """Return the processes of calls that this process has started."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"process_executor" in (path / "cmdline").read_bytes():
                pids.append(int(path.name))
    return pids


def test_workers_killed_in_every_step_change_no_byte(film, make_film, monkeypatch):
    """The steps run again in other processes; the two takes are paid for once, by the coordinator."""
    monkeypatch.setenv("REACT1_EXECUTOR", "processes")
    killer = Killer()

    content, jobs = make_film("processes", watcher=killer)

    assert killer.killed == STEPS
    assert content == film
    assert jobs == 2
    assert _workers() == []


def test_a_store_that_is_full_at_any_write_changes_no_byte(film, make_film, tmp_path, monkeypatch):
    """Each run gets two writes further until its disk is full; the last one finishes, and nothing is paid for twice."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    real_publish, space = store_backend.publish, [0]

    def publish(part, final):
        if not space[0]:
            raise StorageFailed("the disk is full") from OSError(errno.ENOSPC, "No space left on device")
        space[0] -= 1
        real_publish(part, final)

    monkeypatch.setattr(store_backend, "publish", publish)
    content, jobs, runs = None, 0, 0
    while content is None and runs < 40:
        space[0] = 2
        content, new_jobs = make_film("full")
        jobs, runs = jobs + new_jobs, runs + 1

    assert content == film
    assert runs > 3
    assert jobs == 2


@pytest.fixture(params=["folder", "bucket"])
def shared_place(request, tmp_path, monkeypatch):
    """The value of REACT1_STORE: an empty folder, or an empty bucket of a server on loopback."""
    if request.param == "folder":
        (tmp_path / "mounted").mkdir()
        yield str(tmp_path / "mounted")
        return
    pytest.importorskip("moto", reason="an S3 server needs the extra test")
    with open_bucket() as bucket:
        for name, value in bucket.environ.items():
            monkeypatch.setenv(name, value)
        yield f"s3://{BUCKET}/store"


def test_a_second_machine_with_the_shared_store_pays_nothing(film, make_film, shared_place, monkeypatch):
    """Another home folder finds the takes and every result of the first one."""
    monkeypatch.setenv("REACT1_STORE", shared_place)
    first, second = make_film("first"), make_film("second")

    assert first == (film, 2)
    assert second == (film, 0)
