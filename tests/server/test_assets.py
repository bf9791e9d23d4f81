"""Uploads that are sent as they are, under names that their senders choose."""

import socket
from uuid import uuid4

import pytest
from server_client import VIDEO

from react1.pipeline.server.server_options import Limits

NONCE = "11111111-2222-4333-8444-555555555555"
TIMED = "537040d0-e890-11f1-96b3-02fc00000001"
"""A uuid1, which tells when and where it was made."""


def stored(home):
    return sorted(path.name for path in (home / "home" / "server" / "assets").iterdir())


def test_a_file_is_kept_under_the_name_that_its_sender_chose(server, tmp_path):
    """It is served without a key, as a file of its kind; sent once more it is the same file."""
    name, content = f"{uuid4()}.wav", b"RIFF" + bytes(70_000)

    first = server.put(f"/assets/{name}", content=content)
    again = server.put(f"/assets/{name}", content=content)

    assert (first.status_code, first.json()) == (201, {"url": f"{server.address}/assets/{name}"})
    assert (again.status_code, again.json()) == (201, first.json())
    got = server.get(first.json()["url"], headers={"x-api-key": ""})
    assert (got.content, got.headers["content-type"]) == (content, "audio/x-wav")
    assert stored(tmp_path) == [name]


def test_a_name_keeps_its_first_file(server, tmp_path):
    """Another one under it is 409, and leaves nothing behind."""
    name = f"{uuid4()}.mp4"
    server.put(f"/assets/{name}", content=b"first")

    other = server.put(f"/assets/{name}", content=b"other")

    assert other.status_code == 409
    assert "choose a new uuid4" in other.json()["error"]
    assert server.get(f"/assets/{name}").content == b"first"
    assert stored(tmp_path) == [name]


@pytest.mark.parametrize(
    "name",
    ["film.mp4", NONCE, f"{NONCE}.html", f"{NONCE}.mp4.html", f"{TIMED}.mp4", f"{NONCE}x.mp4", "..mp4"],
)
def test_a_name_that_is_no_uuid4_with_a_media_suffix_is_refused(shared, name):
    """So nobody chooses where on the disk a file lies, or that it is a page."""
    answer = shared.put(f"/assets/{name}", content=b"x")

    assert answer.status_code == 400
    assert "<uuid4>.<suffix>" in answer.json()["error"]


def test_a_file_needs_a_key_and_some_content(server, tmp_path):
    """Neither leaves a part behind."""
    name = f"{uuid4()}.mp4"

    assert server.put(f"/assets/{name}", content=b"x", headers={"x-api-key": ""}).status_code == 401
    assert server.put(f"/assets/{name}", content=b"").status_code == 400
    assert stored(tmp_path) == []


@pytest.mark.parametrize("told", [True, False])
def test_a_file_is_bounded_whether_or_not_it_says_how_long_it_is(serve, tmp_path, told):
    """413, and the part that came is gone."""
    with serve(limits=Limits(asset_bytes=100_000)) as server:
        content = bytes(100_001) if told else iter([bytes(60_000), bytes(60_000)])
        answer = server.put(f"/assets/{uuid4()}.mp4", content=content)

        assert answer.status_code == 413
        assert server.put(f"/assets/{uuid4()}.mp4", content=bytes(100_000)).status_code == 201
    assert len(stored(tmp_path)) == 1


def test_a_sender_that_stalls_or_leaves_keeps_no_place(serve, tmp_path):
    """A body that stays away is 400 in the end; one that breaks off leaves nothing."""
    with serve(limits=Limits(body_s=0.2)) as server:
        host, port = server.address.removeprefix("http://").split(":")
        head = f"PUT /assets/{uuid4()}.mp4 HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\ncontent-length: 99\r\n\r\nsome"
        with socket.create_connection((host, int(port)), timeout=10) as stalling:
            stalling.sendall(head.encode())
            answer = stalling.recv(4096)
        with socket.create_connection((host, int(port)), timeout=10) as leaving:
            leaving.sendall(head.encode())
        assert server.get("/v1/get-user-credits").status_code == 200

    assert b" 400 " in answer.split(b"\r\n")[0]
    assert stored(tmp_path) == []


def test_a_call_uses_such_a_file_without_fetching_it(server):
    """As it does with every upload of this server: one that is no media is 400 at once."""
    address = server.put(f"/assets/{uuid4()}.mp4", content=b"no film").json()["url"]

    answer = server.submit(**VIDEO | {"video_url": address})

    assert answer.status_code == 400
    assert "video_url" in answer.json()["error"]


def test_faults_of_uploads_meet_these_too(serve):
    """The first one is answered with what was asked for."""
    with serve({"faults": [{"route": "upload", "do": "status", "status": 503, "call": 1}]}) as server:
        name = f"{uuid4()}.mp4"

        assert [server.put(f"/assets/{name}", content=b"x").status_code for _ in range(2)] == [503, 201]
