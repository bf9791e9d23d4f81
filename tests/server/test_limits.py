"""What a careless or hostile client may use of the server: time for a head, memory and time for a file."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import takes
from numbered_clips import make_clip

from react1.pipeline.core.errors import PresetError
from react1.pipeline.server import sources
from react1.pipeline.server.asgi_app import LocalServer
from react1.pipeline.server.server_options import ServerOptions
from react1.pipeline.server.sources import MEMORY_BYTES, MediaChecker
from react1.testing import FolderContext

pytestmark = pytest.mark.slow

NAMES = ("11111111-2222-4333-8444-555555555555", "21111111-2222-4333-8444-555555555555")


@pytest.fixture(scope="module")
def checker():
    """A checker with a process of its own."""
    checker = MediaChecker()
    yield checker
    checker.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small clip, one that is a little too wide, a voice, and a file of nothing."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "nothing.mp4").write_bytes(b"nothing")
    context = FolderContext(folder / "context")
    voice = context.path(takes.dialogue_line(context, seconds=0.2))
    return {
        "good": make_clip(folder / "good.mp4", frames=5, size=(64, 64), tracks=0),
        "wide": make_clip(folder / "wide.mp4", frames=2, size=(4112, 64), tracks=0),
        "voice": voice,
        "nothing": folder / "nothing.mp4",
    }


def put(server, path: Path, name: str) -> str:
    response = server.put(f"/assets/{name}{path.suffix}", content=path.read_bytes())
    return response.json()["url"]


def test_uploads_are_not_decoded_in_the_server(server, files, monkeypatch):
    """But in a process of its own."""

    def refuse(*_):
        raise AssertionError("decoded here")

    monkeypatch.setattr("react1.pipeline.server.sources.probe_file", refuse)
    monkeypatch.setattr("react1.pipeline.server.api_routes.probe_file", refuse, raising=False)
    urls = [put(server, files[name], upload) for name, upload in zip(("good", "voice"), NAMES, strict=True)]

    response = server.submit(video_url=urls[0], audio_url=urls[1])

    assert response.status_code == 200
    server.wait_for(response.json()["request_id"], "COMPLETED")


def test_video_that_is_too_large_is_refused_from_its_header(server, files, monkeypatch):
    """Before anything is decoded, also where it is fetched by a worker."""
    url = put(server, files["wide"], NAMES[0])

    response = server.submit(video_url=url, audio_url=url)

    assert response.status_code == 400
    message = "video_url is 4112x64; the model accepts at most 4096x2160: scale it down"
    assert response.json() == {"error": message}
    with pytest.raises(sources.InputMediaError, match="video_url is 4112x64"):
        sources.check_header(files["wide"], "video_url")


def test_checker_reports_what_is_wrong_and_what_is_not(checker, files):
    """In one line each."""
    assert checker.problem(files["good"], "video_url") == ""
    assert checker.problem(files["voice"], "audio_url") == ""
    assert checker.problem(files["good"], "audio_url") == "audio_url has no audio stream"
    assert "video_url" in checker.problem(files["nothing"], "video_url")


def test_check_that_takes_too_long_ends_its_process_only(files):
    """The next check gets a new one."""
    checker = MediaChecker(time_s=0.0)

    problem = checker.problem(files["good"], "video_url")
    checker._time_s = 30.0
    again = checker.problem(files["good"], "video_url")
    checker.close()

    assert problem == "video_url needs more than 0 s or 1024 MiB to be read; transcode it"
    assert again == ""


def test_an_upload_whose_check_was_cut_short_is_checked_again(server, files, monkeypatch):
    """A busy machine, or a killed process, says nothing of the file."""
    urls = [put(server, files[name], upload) for name, upload in zip(("good", "voice"), NAMES, strict=True)]
    with monkeypatch.context() as patch:
        patch.setattr(sources.media_checker(), "_time_s", 0.0)
        busy = server.submit(video_url=urls[0], audio_url=urls[1])

    again = server.submit(video_url=urls[0], audio_url=urls[1])

    assert (busy.status_code, again.status_code) == (400, 200)
    assert "needs more than 0 s" in busy.json()["error"]


def test_a_kept_answer_waits_for_no_other_check(checker, files):
    """One that takes half a minute would hold up every submit, whose files were all checked before."""
    assert checker.problem(files["good"], "video_url") == ""
    with checker._lock, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(checker.problem, files["good"], "video_url")
        wait([answer], timeout=2)
        was_done = answer.done()
        checker._lock.release()  # so that a failure does not hang
        answer.result()
        checker._lock.acquire()

    assert was_done


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are read on Linux")
def test_memory_of_a_check_is_limited(checker, files):
    """To what the process has at its start and 1 GiB."""
    import resource

    checker.problem(files["good"], "video_url")

    process_id = checker._process.pid
    size_bytes = int(Path(f"/proc/{process_id}/statm").read_text().split()[0]) * resource.getpagesize()
    assert 0 < resource.prlimit(process_id, resource.RLIMIT_AS)[0] <= size_bytes + MEMORY_BYTES


@pytest.mark.parametrize("sent", [b"", b"GET /v1/get-user-cr", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_connection_without_a_complete_head_is_closed(serve, monkeypatch, sent):
    """It is not held; one that has been answered may be used again."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.HEAD_TIMEOUT_S", 0.2, raising=False)
    with serve() as server, socket.create_connection(("127.0.0.1", server.server.options.port), timeout=5) as idle:
        idle.sendall(sent)

        assert idle.recv(100) == b""
        assert server.get("/v1/get-user-credits").status_code == 200


def test_answered_connection_is_kept_and_its_next_head_is_limited(serve, monkeypatch):
    """A head that began in time has the same limit as the first one."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.HEAD_TIMEOUT_S", 0.2, raising=False)
    request = b"GET /v1/get-user-credits HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\n\r\n"
    with serve() as server, socket.create_connection(("127.0.0.1", server.server.options.port), timeout=5) as client:
        for _ in range(2):
            client.sendall(request)
            response = b""
            while not response.endswith(b"}"):
                response += client.recv(1000)
            assert response.startswith(b"HTTP/1.1 200")
        client.sendall(b"GET ")

        assert client.recv(1000) == b""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example"])
def test_server_for_other_machines_needs_a_key(tmp_path, host):
    """It is refused before it listens."""
    with pytest.raises(PresetError, match="can be reached by other machines, and there is no key"):
        LocalServer(ServerOptions(tmp_path, host=host, port=0))
