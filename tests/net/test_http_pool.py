"""What a response, or the lack of one, means; and when a proxy is used."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from scripted_replies import DrippingBody
from web import open_web, status

from react1.pipeline.net import http_pool
from react1.pipeline.net.http_pool import MAX_BODY_BYTES, HttpPool, NotSent, Unanswered

pytestmark = pytest.mark.slow

KEY = "SG_secret0123456789"
URL = "https://host.example/v2/x"
NOT_SENT = {
    httpx.ConnectError: "the server cannot be reached: why",
    httpx.ConnectTimeout: "the server did not respond in time",
    httpx.PoolTimeout: "the server did not respond in time",
    httpx.ProxyError: "the proxy refused the connection: why",
    httpx.UnsupportedProtocol: "the URL is invalid",
    httpx.LocalProtocolError: "the request contains an invalid character; check the key",
}
UNANSWERED = {
    httpx.ReadTimeout: "the server did not respond in time",
    httpx.WriteTimeout: "the server did not respond in time",
    httpx.ReadError: "the connection was lost",
    httpx.WriteError: "the connection was lost",
    httpx.CloseError: "the connection was lost",
    httpx.RemoteProtocolError: "the connection was lost",
}


def request(handler, method="GET", url=URL, **options):
    """Send a request to a server that is a function of the request, or an error."""

    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(handler, Exception):
            raise handler
        return handler(request)

    async def run():
        async with HttpPool(httpx.MockTransport(respond)) as pool:
            return await pool.request(method, url, **options)

    return asyncio.run(run())


def request_real(url, **options):
    async def run():
        async with HttpPool() as pool:
            return await pool.request("GET", url, **options)

    return asyncio.run(run())


@pytest.mark.parametrize(("kind", "message"), NOT_SENT.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_request_without_a_connection_was_not_sent(kind, message):
    """So a paid call may be repeated."""
    with pytest.raises(NotSent) as caught:
        request(kind("why"))

    assert str(caught.value) == message


@pytest.mark.parametrize(("kind", "message"), UNANSWERED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_request_that_may_have_arrived_is_unanswered(kind, message):
    """So a paid call may not be repeated."""
    with pytest.raises(Unanswered) as caught:
        request(kind("why"))

    assert str(caught.value) == message


def test_every_transport_error_is_classified():
    """A new error class of a later httpx must be classified too."""

    def leaves(kind):
        return {kind} if not kind.__subclasses__() else set().union(*map(leaves, kind.__subclasses__()))

    assert leaves(httpx.TransportError) == {*NOT_SENT, *UNANSWERED}


INVALID_HOSTS = ["http://a..b/x", f"http://{'a' * 70}/x", "http://xn--a/x"]


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://host.example/", "http://", "http://[::1", "http://\x00/", *INVALID_HOSTS]
)
def test_invalid_url_is_not_sent(url):
    """No server has received anything."""
    with pytest.raises(NotSent, match="the URL is invalid"):
        request_real(url)


def test_url_with_an_unpaired_surrogate_is_not_sent():
    """It cannot be encoded."""
    with pytest.raises(NotSent, match="invalid character"):
        request_real("http://host.example/\ud800")


@pytest.mark.parametrize("stray", ["…", "\n", "\u00a0", "\r\nx: y"], ids=ascii)
def test_key_with_an_invalid_character_is_not_sent_and_not_shown(stray):
    """As it may come with copy and paste."""
    with open_web() as web:
        with pytest.raises(NotSent) as caught:
            request_real(f"{web.url}/x", headers={"x-api-key": f"{KEY}{stray}{KEY}"})

        assert str(caught.value) == "the request contains an invalid character; check the key"
        assert web.requests == []


@pytest.mark.parametrize("code", [200, 204, 302, 404, 500])
def test_every_status_is_a_response_and_no_redirect_is_followed(code):
    """The pool does not interpret them."""
    response = request(lambda _: httpx.Response(code, headers={"location": "https://evil.example/"}, json={"a": 1}))

    assert (response.status, response.ok, response.json_object()) == (code, code < 300, {"a": 1})


def test_redirect_to_an_invalid_host_is_unanswered():
    """The request has arrived, so it was sent."""
    with pytest.raises(Unanswered):
        request(lambda _: httpx.Response(302, headers={"location": "https://xn--a/x"}), method="POST")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_body_that_is_not_an_object_is_an_empty_one(body):
    """Callers need no second check."""
    assert request(lambda _: httpx.Response(200, content=body)).json_object() == {}


def test_body_is_limited():
    """The last accepted byte, and the first refused one."""
    assert len(request(lambda _: httpx.Response(200, content=bytes(MAX_BODY_BYTES))).body) == MAX_BODY_BYTES

    with pytest.raises(Unanswered, match="longer than 4194304 bytes"):
        request(lambda _: httpx.Response(200, content=bytes(MAX_BODY_BYTES + 1)))


def test_decompressed_body_is_limited():
    """It is counted while it is decompressed, so that a bomb never fills the memory."""
    bomb = gzip.compress(bytes(200 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(Unanswered, match="longer than"):
            request(lambda _: httpx.Response(200, stream=httpx.ByteStream(bomb), headers={"content-encoding": "gzip"}))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 20 << 20


def test_compressed_body_is_read_although_none_was_asked_for():
    """Some gateways compress whatever they are asked."""
    seen = []

    def respond(request):
        seen.append(request.headers["accept-encoding"])
        return httpx.Response(
            200, stream=httpx.ByteStream(gzip.compress(b'{"a": 1}')), headers={"content-encoding": "gzip"}
        )

    assert request(respond).json_object() == {"a": 1}
    assert seen == ["identity"]


@pytest.mark.parametrize(("limits", "limit_s"), [({}, 60), ({"limit_s": 300}, 300), ({"timeout_s": 120}, 120)])
@pytest.mark.parametrize("to_file", [False, True])
def test_body_that_drips_ends_at_the_limit_of_the_request(limits, limit_s, to_file, tmp_path):
    """Each byte comes in time; the complete response does not."""

    async def run():
        loop, time_s = asyncio.get_running_loop(), [0.0]
        loop.time = lambda: time_s[0]
        body = DrippingBody(lambda at_s: time_s.__setitem__(0, at_s))

        async def respond(_):
            return httpx.Response(200, stream=body, headers={"content-type": "video/mp4"})

        options = limits | ({"to_file": tmp_path / "take.mp4"} if to_file else {})
        async with HttpPool(httpx.MockTransport(respond)) as pool:
            with pytest.raises(Unanswered, match=f"the response was not complete after {limit_s} s"):
                await pool.request("GET", URL, **options)
        return body.sent_bytes

    assert asyncio.run(run()) <= limit_s / 10 + 2


def test_body_that_cannot_be_decompressed_is_unanswered():
    """The server has worked, but its response is unknown."""
    with pytest.raises(Unanswered):
        request(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"no"), headers={"content-encoding": "gzip"}))


@pytest.mark.parametrize("kind", ["video/mp4", "application/octet-stream", "Video/MP4; x=y", ""])
def test_take_is_written_to_the_file(tmp_path, kind):
    """However long it is: the limit is for bodies in memory."""
    path, content = tmp_path / "take.mp4", bytes(range(256)) * (MAX_BODY_BYTES // 256 + 1)
    headers = {"content-type": kind} if kind else {}

    response = request(lambda _: httpx.Response(200, content=content, headers=headers), to_file=path)

    assert (response.file, response.body) == (path, b"")
    assert path.read_bytes() == content


def test_take_is_limited_too(tmp_path, monkeypatch):
    """An endless response does not fill the disk."""
    monkeypatch.setattr(http_pool, "MAX_FILE_BYTES", 1000)
    headers = {"content-type": "video/mp4"}

    assert request(lambda _: httpx.Response(200, content=bytes(1000), headers=headers), to_file=tmp_path / "a").file
    with pytest.raises(Unanswered, match="longer than 1000 bytes"):
        request(lambda _: httpx.Response(200, content=bytes(1001), headers=headers), to_file=tmp_path / "b")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "application/json"), (200, "Application/JSON; charset=utf-8"), (200, "text/html"), (500, "video/mp4")],
)
def test_response_without_a_take_stays_in_memory(tmp_path, code, kind):
    """Text, or a response that is not a success."""
    path = tmp_path / "take.mp4"

    response = request(
        lambda _: httpx.Response(code, content=b'{"a": 1}', headers={"content-type": kind}), to_file=path
    )

    assert (response.file, response.body, response.content_type) == (None, b'{"a": 1}', kind.partition(";")[0].lower())
    assert not path.exists()


@pytest.mark.parametrize(("place", "message"), [("gone/take.mp4", "No such file"), ("/dev/full", "No space left")])
def test_take_that_cannot_be_written_is_unanswered(tmp_path, place, message):
    """The provider has made it, and perhaps billed it: the call may not be repeated."""
    if place.startswith("/") and not Path(place).exists():
        pytest.skip("this system has no disk that is always full")
    path = tmp_path / place

    with pytest.raises(Unanswered, match=f"could not be written to {path}: {message}"):
        request(
            lambda _: httpx.Response(200, content=bytes(100_000), headers={"content-type": "video/mp4"}), to_file=path
        )


@pytest.mark.parametrize("wanted", [True, False])
def test_truncated_response_is_unanswered(tmp_path, wanted):
    """Over a real socket, as a file and as a body."""
    with open_web() as web, pytest.raises(Unanswered, match="was lost"):
        address = web.serve("/take", bytes(100_000), "video/mp4", cut_after_bytes=50_000)
        request_real(address, to_file=tmp_path / "take.mp4" if wanted else None)


def test_requests_in_flight_are_limited():
    """The others wait."""
    in_flight, most = 0, 0

    async def handle(_request: httpx.Request) -> httpx.Response:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        for _ in range(5):
            await asyncio.sleep(0)
        in_flight -= 1
        return httpx.Response(200)

    async def run() -> None:
        async with HttpPool(httpx.MockTransport(handle), max_requests=3) as pool:
            await asyncio.gather(*(pool.request("GET", URL) for _ in range(20)))

    asyncio.run(run())

    assert most == 3


@pytest.fixture
def dead_proxy(monkeypatch):
    """A proxy for everything, at a port where nobody is."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_uses_no_proxy(dead_proxy, host):
    """A rehearsal works where a proxy leads to the internet."""
    with open_web() as web:
        web.routes["/x"] = status(200, b"here")

        response = request_real(f"{web.url.replace('127.0.0.1', host)}/x")

    assert response.body == b"here"


def test_ipv6_loopback_uses_no_proxy(dead_proxy):
    """Its address is written in brackets."""

    @asynccontextmanager
    async def served():
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere")
            await writer.drain()
            writer.close()

        try:
            server = await asyncio.start_server(answer, "::1", 0)
        except OSError:
            pytest.skip("this machine has no IPv6")
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def run():
        async with served() as port, HttpPool() as pool:
            return await pool.request("GET", f"http://[::1]:{port}/x")

    assert asyncio.run(run()).body == b"here"


def test_other_hosts_use_the_proxy(dead_proxy):
    """Which is not there, so nothing was sent."""
    with pytest.raises(NotSent, match="the server cannot be reached"):
        request_real("http://host.example/x")
