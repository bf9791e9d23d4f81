"""Uploads to the hosts and the local server: exact bytes, attempts, refusals, memory."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import server_client
from cpu_time import cpu_time_growth
from memory import MemoryGrowth, write_sparse
from scripted_replies import Script, html_reply, json_body, json_reply

from react1.pipeline.core.errors import InputMediaError, Interrupted, ProviderError, StorageFailed
from react1.pipeline.net.api_client import ApiClient, RateLimiter
from react1.pipeline.net.http_pool import HttpPool, HttpResponse
from react1.pipeline.providers.fal.client import FalStorage
from react1.pipeline.providers.replicate.client import ReplicateStorage
from react1.pipeline.providers.segmind.client import SegmindStorage
from react1.pipeline.providers.sync.client import SyncStorage
from react1.pipeline.storage.upload import LocalServerStorage
from react1.pipeline.storage.upload_storage import StoredUpload

KEY = "SG_secret0123456789"
NONCE = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
BASE_URLS = {
    "segmind": "https://workflows-api.segmind.com",
    "sync": "https://api.sync.so",
    "local": "http://127.0.0.1:8791",
}
RESPONSES = {
    "segmind": lambda: json_reply(file_urls=["https://f.example/a/b-c.mp4"]),
    "sync": lambda: json_reply(
        201, uploadUrl="https://bucket.example/k?X-Amz-Signature=s1gn", url="https://a.example/n.mp4"
    ),
    "local": lambda: json_reply(201, url=f"http://127.0.0.1:8791/assets/{NONCE}.mp4"),
}


def storage_of(kind, pool, base_url="", **options):
    api = ApiClient(base_url or BASE_URLS.get(kind, "https://api.example"), KEY, pool, RateLimiter(60_000))
    if kind == "sync":
        return SyncStorage(api, pool, now=lambda: NOW, **options)
    if kind == "fal":
        return FalStorage(api, pool)
    if kind == "replicate":
        return ReplicateStorage(api)
    return (SegmindStorage if kind == "segmind" else LocalServerStorage)(api, **options)


def put(kind, replies, path, progress=lambda _: None, **options):
    script = Script(list(replies))

    async def run() -> StoredUpload:
        async with script.pool() as pool:
            return await storage_of(kind, pool, **options).put(path, NONCE, path.suffix, progress)

    try:
        return asyncio.run(run()), script
    finally:
        script.done()


def replies(kind, *first):
    """Return these replies, then those of a successful upload."""
    return [*first, RESPONSES[kind](), *([httpx.Response(200)] if kind == "sync" else [])]


@pytest.fixture
def film(tmp_path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(range(256)) * 7001 + b"!")
    return path


@pytest.mark.parametrize("rest", [0, 1, 2])
@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".wav", "audio/wav"), (".mp4", "video/mp4"), (".mov", "video/quicktime"), (".m4a", "audio/mp4")],
)
def test_segmind_gets_one_data_url_with_every_byte(tmp_path, suffix, kind, rest):
    """Base64 in chunks is base64, whatever remains of three bytes; the length is announced."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(bytes(range(256)) * 9216 + b"x" * rest)  # three chunks

    stored, script = put("segmind", [json_reply(file_urls=["https://f.example/up/b-c.mp4?v=1"])], path)

    (request,) = script.requests
    head, _, data = json_body(request)["data_urls"][0].partition(",")
    assert head == f"data:{kind};base64"
    assert base64.b64decode(data, validate=True) == path.read_bytes()
    assert int(request.headers["content-length"]) == len(request.content)
    assert "transfer-encoding" not in request.headers
    assert (str(request.url), request.headers["x-api-key"]) == (f"{BASE_URLS['segmind']}/upload-asset", KEY)
    assert stored == StoredUpload("https://f.example/up/b-c.mp4?v=1", "b-c.mp4")


def test_segmind_response_has_one_of_two_shapes(film):
    """`file_urls` or `urls`."""
    assert put("segmind", [json_reply(urls=["https://f.example/x.mp4"])], film)[0].name == "x.mp4"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (json_reply(links=["https://f.example/x.mp4"]), "neither file_urls nor urls, but links"),
        (json_reply(file_urls=[]), "neither file_urls nor urls, but file_urls"),
        (json_reply(file_urls=["/tmp/x.mp4"]), "returned '/tmp/x.mp4' instead of a URL"),
        (json_reply(file_urls=[None]), "returned nothing instead of a URL"),
        (json_reply(file_urls=["http://f.example/x.mp4"]), "returned http://f.example/x.mp4, which is not https"),
        (json_reply(file_urls=["https://f.example/"]), "without a file name"),
        (httpx.Response(200, json=["https://f.example/x.mp4"]), "no JSON object"),
        (html_reply(200, "<html>fine</html>"), "no JSON object"),
        (httpx.Response(204), "no JSON object"),
    ],
    ids=lambda value: "" if isinstance(value, httpx.Response) else value,
)
def test_response_of_another_shape_is_one_line_and_not_tried_again(film, reply, message):
    """The file may be there, but its URL is unknown."""
    with pytest.raises(ProviderError) as caught:
        put("segmind", [reply], film)

    assert message in str(caught.value)
    assert (caught.value.retryable, caught.value.billed) == (False, False)


@pytest.mark.parametrize("kind", ["segmind", "sync", "local", "fal", "replicate"])
def test_a_large_file_may_take_as_long_as_a_slow_connection_needs(kind, tmp_path, monkeypatch):
    """60 MB at 50 kB/s take 20 minutes; the limit of a small request would end every attempt."""
    path, limits_s = write_sparse(tmp_path / "film.mp4", 60 << 20), []
    urls = {"fal": {"upload_url": "https://b.example/k", "file_url": "https://f.example/n.mp4"}}
    urls["replicate"] = {"id": "f1", "urls": {"get": "https://f.example/n.mp4"}}
    reply = httpx.Response(200, json=urls[kind]) if kind in urls else RESPONSES[kind]()

    async def request(_pool, _method, _url, *, timeout_s=60.0, limit_s=None, **_):
        limits_s.append(timeout_s if limit_s is None else limit_s)
        return HttpResponse(reply.status_code, reply.headers, reply.content)

    monkeypatch.setattr(HttpPool, "request", request)

    async def send():
        async with HttpPool() as pool:
            await storage_of(kind, pool).put(path, NONCE, path.suffix, lambda _: None)

    asyncio.run(send())
    assert limits_s[-1] > 1200


def test_sync_gets_the_bytes_without_the_key(film):
    """The key is sent only to request the presigned URL, which is at another origin."""
    stored, script = put("sync", replies("sync"), film)

    ask, send = script.requests
    assert (str(ask.url), ask.headers["x-api-key"]) == (f"{BASE_URLS['sync']}/v2/assets/upload", KEY)
    assert json_body(ask) == {"fileName": f"{NONCE}.mp4", "contentType": "video/mp4", "size": film.stat().st_size}
    assert (send.method, str(send.url)) == ("PUT", "https://bucket.example/k?X-Amz-Signature=s1gn")
    assert "x-api-key" not in send.headers
    assert KEY not in str(send.headers.raw)
    assert send.headers["content-type"] == "video/mp4"
    assert int(send.headers["content-length"]) == film.stat().st_size
    assert send.content == film.read_bytes()
    assert stored == StoredUpload("https://a.example/n.mp4", f"{NONCE}.mp4")


@pytest.mark.parametrize(
    ("fields", "expires_at"),
    [
        ({"expiresAt": "2026-11-25T12:00:00Z"}, NOW + timedelta(hours=2)),
        ({"expiresAt": "2026-11-25T12:00:00"}, NOW + timedelta(hours=2)),
        ({"expiresIn": 90}, NOW + timedelta(seconds=90)),
        ({"expiresAt": "soon", "expiresIn": "?"}, None),
        ({"expiresIn": 1e300}, None),
    ],
)
def test_expiry_of_sync_is_obeyed(film, fields, expires_at):
    """As a time or in seconds."""
    response = json_reply(201, uploadUrl="https://bucket.example/k", url="https://a.example/n.mp4", **fields)

    assert put("sync", [response, httpx.Response(200)], film)[0].expires_at == expires_at


@pytest.mark.parametrize(
    "urls", [{"url": "https://a.example/n"}, {"uploadUrl": "http://b.example/k", "url": "https://a.example/n"}, {}]
)
def test_upload_url_that_is_not_https_is_not_used(film, urls):
    """Nothing is sent unencrypted, and nothing without a URL."""
    with pytest.raises(ProviderError, match=r"instead of a URL|which is not https"):
        put("sync", [json_reply(201, **urls)], film)


@pytest.mark.parametrize("kind", list(BASE_URLS))
@pytest.mark.parametrize(
    "wrong",
    [
        html_reply(500),
        json_reply(502),
        json_reply(429),
        httpx.ConnectError("no route"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
    ],
    ids=repr,
)
def test_temporary_failure_is_tried_again(film, kind, wrong, waits_s):
    """The file is read again, and sent completely."""
    stored, script = put(kind, replies(kind, wrong), film)

    assert waits_s == [1.0]
    assert stored.url
    assert film.read_bytes() in (script.requests[-1].content, base64.b64decode(_data(script.requests[-1])))


def test_sync_upload_is_repeated_to_the_same_url(film):
    """One presigned URL, two attempts."""
    script = put("sync", [RESPONSES["sync"](), html_reply(503), httpx.Response(200)], film)[1]

    assert [request.method for request in script.requests] == ["POST", "PUT", "PUT"]
    assert script.requests[1].content == script.requests[2].content == film.read_bytes()


@pytest.mark.parametrize("kind", list(BASE_URLS))
def test_upload_is_given_up_after_four_attempts(film, kind, waits_s):
    """The message has the storage's own text without its secrets."""
    words = f"no {KEY} at https://u:p@h.example/x?X-Amz-Signature=s1gn"

    with pytest.raises(ProviderError) as caught:
        put(kind, [json_reply(500, error=words)] * 4, film)

    assert waits_s == [1.0, 2.0, 4.0]
    assert str(caught.value).startswith(f"the upload to {kind} failed 4 times: 500: no … at https://h.example/x?")
    assert "s1gn" not in str(caught.value)
    assert "u:p" not in str(caught.value)
    assert (caught.value.retryable, caught.value.billed) == (True, False)


@pytest.mark.parametrize(("retry_after", "wait_s"), [("7", 7.0), ("0", 1.0), ("9000", 60.0), ("soon", 1.0)])
def test_retry_after_lengthens_the_wait(film, waits_s, retry_after, wait_s):
    """Up to a minute; it never shortens a wait."""
    busy = httpx.Response(503, headers={"retry-after": retry_after})

    put("sync", [RESPONSES["sync"](), busy, httpx.Response(200)], film)

    assert waits_s == [wait_s]


@pytest.mark.parametrize("kind", list(BASE_URLS))
@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (json_reply(401, error=f"bad {KEY}"), "refused: 401: bad …; check the key"),
        (json_reply(400, error={"message": "a\nb"}), "refused: 400: a b"),
        (json_reply(413), "refused: 413; choose another storage, such as s3"),
        (html_reply(403), "refused: 403: 403 Oops; the key does not allow it"),
        (httpx.Response(404), "refused: 404"),
        (httpx.Response(307, headers={"location": "https://other.example/"}), "refused: 307"),
    ],
    ids=lambda value: "" if isinstance(value, httpx.Response) else value,
)
def test_refusal_is_reported_at_once(film, kind, reply, message, waits_s):
    """A redirect is one too: the file is sent nowhere else."""
    with pytest.raises(ProviderError) as caught:
        put(kind, [reply], film)

    assert message in str(caught.value)
    assert KEY not in str(caught.value)
    assert (waits_s, caught.value.retryable, caught.value.billed) == ([], False, False)


@pytest.mark.parametrize("padding", range(170, 205))
@pytest.mark.parametrize(
    "reply", [lambda words: json_reply(400, error=words), lambda words: html_reply(400, f"<p>{words}</p>")]
)
def test_key_at_the_end_of_the_message_is_redacted_completely(film, reply, padding):
    """Half of it is a secret too."""
    with pytest.raises(ProviderError) as caught:
        put("segmind", [reply("x" * padding + KEY + " and more")], film)

    assert KEY[:4] not in str(caught.value)


def test_key_at_the_end_of_a_page_is_redacted_completely(film):
    """White space before it takes no space in the message."""
    with pytest.raises(ProviderError) as caught:
        put("segmind", [html_reply(400, " " * 3990 + KEY)], film)

    assert KEY[:4] not in str(caught.value)


@pytest.mark.parametrize("kind", list(BASE_URLS))
@pytest.mark.parametrize("form", [KEY, KEY.replace("_", "%5F"), KEY.lower()])
def test_url_with_the_key_in_it_is_not_used(film, kind, form):
    """It would stand in the ledger; nor is it in the message."""
    url = f"https://f.example/{form}/{NONCE}.mp4"
    replies = {
        "segmind": json_reply(file_urls=[url]),
        "sync": json_reply(201, uploadUrl="https://bucket.example/k", url=url),
        "local": json_reply(201, url=url),
    }

    with pytest.raises(ProviderError, match="returned a URL with the API key in it; not used") as caught:
        put(kind, [replies[kind]], film)

    assert form not in str(caught.value)


def test_key_among_the_names_of_an_answer_is_redacted(film):
    """Where the URL should be."""
    with pytest.raises(ProviderError, match=r"neither file_urls nor urls, but …, a") as caught:
        put("segmind", [json_reply(**{KEY: 1, "a": 2})], film)

    assert KEY not in str(caught.value)


@pytest.mark.slow
def test_time_for_an_error_message_is_linear_in_its_length(film):
    """Other jobs share the event loop."""

    def fail(length):
        with pytest.raises(ProviderError, match="refused: 400: aaa"):
            put("segmind", [json_reply(400, error="a" * length)], film)

    assert cpu_time_growth(fail, 100_000, 1_000_000) < 30


@pytest.mark.parametrize("location", ["https://[", "//["])
def test_redirect_to_an_invalid_url_is_one_line(location):
    """Whatever it was meant to be."""
    script = Script([httpx.Response(302, headers={"location": location})])

    async def run() -> None:
        async with script.pool() as pool:
            await ApiClient(BASE_URLS["sync"], KEY, pool, RateLimiter(60_000)).get("v2/x")

    with pytest.raises(ProviderError, match="/v2/x: redirects to an invalid URL"):
        asyncio.run(run())


def test_error_of_an_expired_upload_url_is_its_own_message(film):
    """S3 returns XML."""
    answer = httpx.Response(403, text="<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")

    with pytest.raises(ProviderError, match="refused: 403: Request has expired; the key does not allow it, or"):
        put("sync", [RESPONSES["sync"](), answer], film)


@pytest.mark.parametrize("kind", list(BASE_URLS))
def test_progress_rises_to_one_and_its_error_stops_the_upload(film, kind):
    """It is called for every chunk."""
    shares: list[float] = []
    put(kind, replies(kind), film, shares.append)

    def stop(_share: float) -> None:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        put(kind, [RESPONSES["sync"]()] if kind == "sync" else [], film, stop)

    assert (shares, shares[-1], len(shares)) == (sorted(shares), 1.0, 3)


@pytest.mark.parametrize("kind", ["segmind", "sync"])
def test_file_over_the_limit_is_refused_before_anything_is_sent(film, kind):
    """No limit is documented, so there is none by default."""
    with pytest.raises(
        InputMediaError, match=f"1.8 MB is too large for storage {kind}, whose limit is 1 MB; choose another"
    ):
        put(kind, [], film, max_bytes=1_000_000)


def test_local_server_accepts_half_a_gigabyte(tmp_path):
    """By its own limit."""
    with pytest.raises(InputMediaError, match=r"storage local, whose limit is 536\.871 MB"):
        put("local", [], write_sparse(tmp_path / "large.mp4", (512 << 20) + 1))


def test_file_that_disappears_or_shrinks_is_reported(film):
    """It is not tried again."""

    def shorten(_share: float) -> None:
        film.write_bytes(b"short")

    with pytest.raises(StorageFailed, match="became shorter during the upload"):
        put("segmind", [], film, shorten)
    film.unlink()
    with pytest.raises(StorageFailed, match="cannot be read for the upload: No such file"):
        put("segmind", [], film)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(BASE_URLS))
def test_large_film_needs_little_memory(tmp_path, kind):
    """A few chunks of 300 MB."""
    film, growth = write_sparse(tmp_path / "large.mp4", 300 << 20), MemoryGrowth()
    sizes: list[int] = []

    async def swallow(request: httpx.Request) -> httpx.Response:
        sizes.append(sum([len(chunk) async for chunk in request.stream]))
        return RESPONSES[kind]() if request.method == "POST" or kind == "local" else httpx.Response(200)

    async def run() -> None:
        async with HttpPool(_Streaming(swallow)) as pool:
            await storage_of(kind, pool).put(film, NONCE, ".mp4", growth)

    asyncio.run(run())

    assert sizes[-1] >= 300 << 20
    assert growth.samples == 400
    assert growth.most_bytes < 40 << 20


class _Streaming(httpx.AsyncBaseTransport):
    """A transport whose handler reads the body itself, and need not hold it."""

    def __init__(self, handler) -> None:
        self._handle = handler

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._handle(request)


def _data(request: httpx.Request) -> str:
    """The base64 of a data URL, where the request is one."""
    try:
        return json.loads(request.content)["data_urls"][0].partition(",")[2]
    except (ValueError, KeyError):
        return ""


@asynccontextmanager
async def at(kind, server):
    async with HttpPool() as pool:
        yield storage_of(kind, pool, server.url)


@pytest.mark.parametrize("kind", ["segmind", "local"])
@pytest.mark.parametrize("wrong", ["status", "reset", "after"])
def test_local_server_gets_the_file_after_a_fault(tmp_path, film, kind, wrong):
    """Over real sockets; a reset after the work leaves a file that the second attempt finds, or duplicates."""
    defect = {"route": "upload", "call": 1, "do": "status", "status": 500}
    if wrong != "status":
        defect = {"route": "upload", "call": 1, "do": "reset", "when": "after" if wrong == "after" else "before"}

    async def run(server) -> StoredUpload:
        async with at(kind, server) as there:
            return await there.put(film, NONCE, ".mp4", lambda _: None)

    with server_client.open_server(tmp_path / "home", {"faults": [defect]}) as server:
        stored = asyncio.run(run(server))
        got = server.get(stored.url, headers={"x-api-key": ""})

    assert got.content == film.read_bytes()
    assert stored.url.endswith(f"/assets/{stored.name}")
    assert (stored.name == f"{NONCE}.mp4") == (kind == "local")


def test_key_that_the_local_server_refuses_is_reported(tmp_path, film):
    """Even while the file is still being sent."""

    async def run(server) -> None:
        async with at("local", server) as there:
            await there.put(film, NONCE, ".mp4", lambda _: None)

    with (
        server_client.open_server(tmp_path / "home", key="another") as server,
        pytest.raises(ProviderError, match="401"),
    ):
        asyncio.run(run(server))
