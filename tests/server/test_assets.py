"""Uploads by PUT, under names that clients choose."""

import socket
from uuid import uuid4

import pytest
from server_client import VIDEO

from react1.pipeline.server.server_options import Limits

UUID4 = "11111111-2222-4333-8444-555555555555"
UUID1 = "537040d0-e890-11f1-96b3-02fc00000001"
"""A uuid1, which reveals when and on which machine it was created."""


def asset_names(home):
    return sorted(path.name for path in (home / "home" / "server" / "assets").iterdir())


def test_a_file_is_stored_under_the_name_that_the_client_chose(server, tmp_path):
    """It is served without an API key, with its content type; uploading it again changes nothing."""
    name, content = f"{uuid4()}.wav", b"RIFF" + bytes(70_000)

    first = server.put(f"/assets/{name}", content=content)
    again = server.put(f"/assets/{name}", content=content)

    assert (first.status_code, first.json()) == (201, {"url": f"{server.url}/assets/{name}"})
    assert (again.status_code, again.json()) == (201, first.json())
    response = server.get(first.json()["url"], headers={"x-api-key": ""})
    assert (response.content, response.headers["content-type"]) == (content, "audio/x-wav")
    assert asset_names(tmp_path) == [name]


def test_a_name_cannot_be_reused_for_other_content(server, tmp_path):
    """The second file is 409 and leaves nothing behind; the first one stays."""
    name = f"{uuid4()}.mp4"
    server.put(f"/assets/{name}", content=b"first")

    other = server.put(f"/assets/{name}", content=b"other")

    assert other.status_code == 409
    assert "choose a new uuid4" in other.json()["error"]
    assert server.get(f"/assets/{name}").content == b"first"
    assert asset_names(tmp_path) == [name]


@pytest.mark.parametrize(
    "name",
    ["film.mp4", UUID4, f"{UUID4}.html", f"{UUID4}.mp4.html", f"{UUID1}.mp4", f"{UUID4}x.mp4", "..mp4"],
)
def test_a_name_other_than_uuid4_and_media_suffix_is_refused(shared, name):
    """So no client chooses the path of a file, or uploads a page."""
    response = shared.put(f"/assets/{name}", content=b"x")

    assert response.status_code == 400
    assert "<uuid4>.<suffix>" in response.json()["error"]


def test_an_upload_needs_a_key_and_content(server, tmp_path):
    """A refused upload leaves no part file."""
    name = f"{uuid4()}.mp4"

    assert server.put(f"/assets/{name}", content=b"x", headers={"x-api-key": ""}).status_code == 401
    assert server.put(f"/assets/{name}", content=b"").status_code == 400
    assert asset_names(tmp_path) == []


@pytest.mark.parametrize("has_length", [True, False])
def test_an_upload_is_limited_with_and_without_content_length(serve, tmp_path, has_length):
    """A file that is too large is 413, and its part file is removed."""
    with serve(limits=Limits(asset_bytes=100_000)) as server:
        content = bytes(100_001) if has_length else iter([bytes(60_000), bytes(60_000)])
        response = server.put(f"/assets/{uuid4()}.mp4", content=content)

        assert response.status_code == 413
        assert server.put(f"/assets/{uuid4()}.mp4", content=bytes(100_000)).status_code == 201
    assert len(asset_names(tmp_path)) == 1


def test_a_client_that_stalls_or_disconnects_leaves_no_file(serve, tmp_path):
    """A body that does not arrive in time is 400; a disconnect leaves nothing."""
    with serve(limits=Limits(body_s=0.2)) as server:
        host, port = server.url.removeprefix("http://").split(":")
        head = f"PUT /assets/{uuid4()}.mp4 HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\ncontent-length: 99\r\n\r\nsome"
        with socket.create_connection((host, int(port)), timeout=10) as stalling:
            stalling.sendall(head.encode())
            response = stalling.recv(4096)
        with socket.create_connection((host, int(port)), timeout=10) as leaving:
            leaving.sendall(head.encode())
        assert server.get("/v1/get-user-credits").status_code == 200

    assert b" 400 " in response.split(b"\r\n")[0]
    assert asset_names(tmp_path) == []


@pytest.mark.slow
def test_a_request_reads_an_upload_without_fetching_it(server):
    """An upload that is not media is 400 at once."""
    url = server.put(f"/assets/{uuid4()}.mp4", content=b"no film").json()["url"]

    response = server.submit(**VIDEO | {"video_url": url})

    assert response.status_code == 400
    assert "video_url" in response.json()["error"]


def test_upload_faults_apply_to_put(serve):
    """The first upload gets the injected status."""
    with serve({"faults": [{"route": "upload", "do": "status", "status": 503, "call": 1}]}) as server:
        name = f"{uuid4()}.mp4"

        assert [server.put(f"/assets/{name}", content=b"x").status_code for _ in range(2)] == [503, 201]
