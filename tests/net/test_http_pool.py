"""What an answer, and the lack of one, means; and which way a request takes."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from web import open_web, status

from react1.pipeline.net import http_pool
from react1.pipeline.net.http_pool import MOST_BODY_BYTES, NotSent, Pool, Unanswered

KEY = "SG_secret0123456789"
ADDRESS = "https://host.example/v2/x"
NEVER_LEFT = {
    httpx.ConnectError: "the host cannot be reached: why",
    httpx.ConnectTimeout: "the host did not answer in time",
    httpx.PoolTimeout: "the host did not answer in time",
    httpx.ProxyError: "the proxy does not let us through: why",
    httpx.UnsupportedProtocol: "the address cannot be read",
    httpx.LocalProtocolError: "the request cannot be spelled; look for a stray character in the key",
}
MAY_HAVE_ARRIVED = {
    httpx.ReadTimeout: "the host did not answer in time",
    httpx.WriteTimeout: "the host did not answer in time",
    httpx.ReadError: "the connection was broken off",
    httpx.WriteError: "the connection was broken off",
    httpx.CloseError: "the connection was broken off",
    httpx.RemoteProtocolError: "the connection was broken off",
}


def ask(handler, method="GET", url=ADDRESS, **more):
    """Ask a host that is a function of the request, or an error."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(handler, Exception):
            raise handler
        return handler(request)

    async def run():
        async with Pool(httpx.MockTransport(answer)) as http_pool:
            return await http_pool.ask(method, url, **more)

    return asyncio.run(run())


def ask_for_real(url, **more):
    async def run():
        async with Pool() as http_pool:
            return await http_pool.ask("GET", url, **more)

    return asyncio.run(run())


@pytest.mark.parametrize(("kind", "says"), NEVER_LEFT.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_never_left_was_not_sent(kind, says):
    """So a call that is paid may be made again."""
    with pytest.raises(NotSent) as caught:
        ask(kind("why"))

    assert str(caught.value) == says


@pytest.mark.parametrize(("kind", "says"), MAY_HAVE_ARRIVED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_may_have_arrived_is_unanswered(kind, says):
    """So a call that is paid may not be made again."""
    with pytest.raises(Unanswered) as caught:
        ask(kind("why"))

    assert str(caught.value) == says


def test_every_error_of_a_connection_is_one_or_the_other():
    """One that a later httpx brings must be looked at."""

    def below(kind):
        return {kind} if not kind.__subclasses__() else set().union(*map(below, kind.__subclasses__()))

    assert below(httpx.TransportError) == {*NEVER_LEFT, *MAY_HAVE_ARRIVED}


NO_HOSTS = ["http://a..b/x", f"http://{'a' * 70}/x", "http://xn--a/x"]


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://host.example/", "http://", "http://[::1", "http://\x00/", *NO_HOSTS]
)
def test_an_address_that_cannot_be_read_is_not_sent(url):
    """Nobody has seen anything."""
    with pytest.raises(NotSent, match="the address cannot be read"):
        ask_for_real(url)


def test_an_address_with_half_a_character_is_not_sent():
    """It has no bytes."""
    with pytest.raises(NotSent, match="cannot be spelled"):
        ask_for_real("http://host.example/\ud800")


@pytest.mark.parametrize("stray", ["…", "\n", "\u00a0", "\r\nx: y"], ids=ascii)
def test_a_key_with_a_stray_character_is_not_sent_and_not_told(stray):
    """As it comes along with a copy and paste."""
    with open_web() as web:
        with pytest.raises(NotSent) as caught:
            ask_for_real(f"{web.address}/x", headers={"x-api-key": f"{KEY}{stray}{KEY}"})

        assert str(caught.value) == "the request cannot be spelled; look for a stray character in the key"
        assert web.requests == []


@pytest.mark.parametrize("code", [200, 204, 302, 404, 500])
def test_every_status_is_an_answer_and_no_redirect_is_followed(code):
    """What it means is not the pool's to say."""
    reply = ask(lambda _: httpx.Response(code, headers={"location": "https://evil.example/"}, json={"a": 1}))

    assert (reply.status, reply.ok, reply.object()) == (code, code < 300, {"a": 1})


def test_a_redirect_that_names_no_host_is_unanswered():
    """The request has arrived, so it was sent."""
    with pytest.raises(Unanswered):
        ask(lambda _: httpx.Response(302, headers={"location": "https://xn--a/x"}), method="POST")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_an_empty_one(body):
    """Nobody has to look twice."""
    assert ask(lambda _: httpx.Response(200, content=body)).object() == {}


def test_a_body_is_bounded():
    """The last byte that is taken, and the first one that is not."""
    assert len(ask(lambda _: httpx.Response(200, content=bytes(MOST_BODY_BYTES))).body) == MOST_BODY_BYTES

    with pytest.raises(Unanswered, match="longer than 4194304 bytes"):
        ask(lambda _: httpx.Response(200, content=bytes(MOST_BODY_BYTES + 1)))


def test_a_small_body_that_swells_is_bounded_too():
    """It is counted as it unfolds, not as it comes."""
    swollen = gzip.compress(bytes(50 << 20))

    with pytest.raises(Unanswered, match="longer than"):
        ask(lambda _: httpx.Response(200, content=swollen, headers={"content-encoding": "gzip"}))


def test_a_body_that_cannot_be_unfolded_is_unanswered():
    """The host has worked, but nobody knows what it said."""
    with pytest.raises(Unanswered):
        ask(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"no"), headers={"content-encoding": "gzip"}))


@pytest.mark.parametrize("kind", ["video/mp4", "application/octet-stream", "Video/MP4; x=y", ""])
def test_a_take_goes_to_the_file(tmp_path, kind):
    """However long it is: the bound is for what stays in memory."""
    into, content = tmp_path / "take.mp4", bytes(range(256)) * (MOST_BODY_BYTES // 256 + 1)
    headers = {"content-type": kind} if kind else {}

    reply = ask(lambda _: httpx.Response(200, content=content, headers=headers), into=into)

    assert (reply.file, reply.body) == (into, b"")
    assert into.read_bytes() == content


def test_a_take_is_bounded_too(tmp_path, monkeypatch):
    """A host that never ends does not fill the disk."""
    monkeypatch.setattr(http_pool, "MOST_FILE_BYTES", 1000)
    headers = {"content-type": "video/mp4"}

    assert ask(lambda _: httpx.Response(200, content=bytes(1000), headers=headers), into=tmp_path / "a").file
    with pytest.raises(Unanswered, match="longer than 1000 bytes"):
        ask(lambda _: httpx.Response(200, content=bytes(1001), headers=headers), into=tmp_path / "b")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "application/json"), (200, "Application/JSON; charset=utf-8"), (200, "text/html"), (500, "video/mp4")],
)
def test_what_is_no_take_stays_a_body(tmp_path, code, kind):
    """Text, or an answer that is no success."""
    into = tmp_path / "take.mp4"

    reply = ask(lambda _: httpx.Response(code, content=b'{"a": 1}', headers={"content-type": kind}), into=into)

    assert (reply.file, reply.body, reply.kind) == (None, b'{"a": 1}', kind.partition(";")[0].lower())
    assert not into.exists()


@pytest.mark.parametrize(("place", "says"), [("gone/take.mp4", "No such file"), ("/dev/full", "No space left")])
def test_a_take_that_the_disk_will_not_have_is_unanswered(tmp_path, place, says):
    """The host has made it, and perhaps billed it: such a call may not be made again."""
    if place.startswith("/") and not Path(place).exists():
        pytest.skip("this system has no disk that is always full")
    into = tmp_path / place

    with pytest.raises(Unanswered, match=f"could not be written to {into}: {says}"):
        ask(lambda _: httpx.Response(200, content=bytes(100_000), headers={"content-type": "video/mp4"}), into=into)


@pytest.mark.parametrize("wanted", [True, False])
def test_an_answer_that_breaks_off_is_unanswered(tmp_path, wanted):
    """Over a real socket, as a file and as a body."""
    with open_web() as web, pytest.raises(Unanswered, match="broken off"):
        address = web.serve("/take", bytes(100_000), "video/mp4", cut_after_bytes=50_000)
        ask_for_real(address, into=tmp_path / "take.mp4" if wanted else None)


def test_so_many_requests_are_under_way_and_no_more():
    """The others wait at the gate."""
    under_way, most = 0, 0

    async def handle(_request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        return httpx.Response(200)

    async def run() -> None:
        async with Pool(httpx.MockTransport(handle), at_once=3) as http_pool:
            await asyncio.gather(*(http_pool.ask("GET", ADDRESS) for _ in range(20)))

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
def test_no_proxy_comes_between_us_and_this_machine(dead_proxy, host):
    """A rehearsal works where a proxy leads to the world."""
    with open_web() as web:
        web.routes["/x"] = status(200, b"here")

        reply = ask_for_real(f"{web.address.replace('127.0.0.1', host)}/x")

    assert reply.body == b"here"


def test_no_proxy_comes_between_us_and_this_machine_by_ipv6(dead_proxy):
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
        async with served() as port, Pool() as http_pool:
            return await http_pool.ask("GET", f"http://[::1]:{port}/x")

    assert asyncio.run(run()).body == b"here"


def test_the_world_is_reached_by_the_proxy(dead_proxy):
    """Which is not there, so nothing was sent."""
    with pytest.raises(NotSent, match="the host cannot be reached"):
        ask_for_real("http://host.example/x")
