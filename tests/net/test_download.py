"""Downloads from a real server are resumed, limited and checked, and never left incomplete."""

import gzip
import hashlib
import logging
import random
import threading
import tracemalloc
from pathlib import Path

import httpx
import pytest
from web import send_file, status

from react1.pipeline.core.errors import InputMediaError, Interrupted, ProviderError, StorageFailed
from react1.pipeline.net.download import WebPageError, download, open_client
from react1.pipeline.net.download_response import parse_response

pytestmark = pytest.mark.slow

CONTENT = random.Random(1).randbytes(300_000)
LIMIT = 10_000_000


@pytest.fixture
def waits_s():
    """The waits between attempts."""
    return []


@pytest.fixture
def get(tmp_path, waits_s):
    """Download to a file in the test's folder, without sleeping."""

    def fetch(url, **options):
        return download(url, tmp_path / "film", **{"max_bytes": LIMIT, "sleep": waits_s.append, **options})

    return fetch


def test_file_arrives_complete_with_rising_progress(web, get):
    """Every byte, and the shares end at 1."""
    shares = []
    url = web.serve("/film.mp4", CONTENT)

    downloaded = get(url, progress=shares.append)

    assert downloaded.path.read_bytes() == CONTENT
    assert (downloaded.size_bytes, downloaded.content_type, downloaded.final_path) == (
        len(CONTENT),
        "video/mp4",
        "/film.mp4",
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_interrupted_download_is_resumed(web, get, waits_s):
    """The second request asks for the rest only, on condition that the file is the same."""
    cuts = iter([100_000, 120_000, None])
    web.routes["/film.mp4"] = lambda request: send_file(request, CONTENT, cut_after_bytes=next(cuts))

    downloaded = get(web.url + "/film.mp4")

    assert downloaded.path.read_bytes() == CONTENT
    assert web.sent_headers("Range") == ["", "bytes=100000-", "bytes=220000-"]
    assert web.sent_headers("If-Range") == ["", '"one"', '"one"']
    assert waits_s == [1.0, 2.0]


def test_server_that_ignores_ranges_is_read_from_the_start(web, get):
    """Its 200 to a range request replaces what was received."""
    cuts = iter([100_000, None])
    web.routes["/film.mp4"] = lambda request: send_file(request, CONTENT, ranges=False, cut_after_bytes=next(cuts))

    downloaded = get(web.url + "/film.mp4", sha256=hashlib.sha256(CONTENT).hexdigest())

    assert downloaded.path.read_bytes() == CONTENT


def test_file_that_changed_meanwhile_is_never_mixed(web, get):
    """With the new ETag the server sends everything, and the old part is dropped."""
    newer = CONTENT[::-1]
    answers = iter([(CONTENT, '"one"', 100_000), (newer, '"two"', None)])

    def route(request):
        content, etag, cut = next(answers)
        send_file(request, content, etag=etag, cut_after_bytes=cut)

    web.routes["/film.mp4"] = route

    assert get(web.url + "/film.mp4").path.read_bytes() == newer


@pytest.mark.parametrize("content_range", [None, "bytes 5-300004/300005", "bytes 100000-299999/300001", "nonsense"])
def test_range_that_does_not_fit_is_dropped(web, get, content_range):
    """Another offset, another total length, or neither: the file is read from the start again."""

    def route(request):
        if not request.headers.get("Range"):
            return send_file(request, CONTENT, cut_after_bytes=100_000 if len(web.requests) == 1 else None)
        headers = {"Content_Range": content_range} if content_range else {}
        return status(206, CONTENT[100_000:], ETag='"one"', **headers)(request)

    web.routes["/film.mp4"] = route

    downloaded = get(web.url + "/film.mp4")

    assert downloaded.path.read_bytes() == CONTENT
    assert web.sent_headers("Range") == ["", "bytes=100000-", ""]


def test_range_that_ends_early_is_continued(web, get):
    """A server may send less than was requested; the rest is requested again."""
    parts = iter([(0, 100_000), (100_000, 200_000), (200_000, 300_000)])

    def route(request):
        start, end = next(parts)
        content_range = {"Content_Range": f"bytes {start}-{end - 1}/300000"}
        status(206, CONTENT[start:end], ETag='"one"', **content_range)(request)

    web.routes["/film.mp4"] = route

    assert get(web.url + "/film.mp4").path.read_bytes() == CONTENT
    assert web.sent_headers("Range") == ["", "bytes=100000-", "bytes=200000-"]


def test_attempts_with_progress_are_not_counted(web, get):
    """A long film over a bad connection arrives in the end."""
    megabytes = random.Random(2).randbytes(8_400_000)
    web.routes["/film.mp4"] = lambda request: send_file(request, megabytes, cut_after_bytes=1_200_000)

    assert get(web.url + "/film.mp4").size_bytes == len(megabytes)
    assert len(web.requests) == 7


def test_range_of_unknown_total_is_accepted(web, get):
    """`bytes 100000-299999/*` is enough."""

    def route(request):
        if not request.headers.get("Range"):
            return send_file(request, CONTENT, cut_after_bytes=100_000)
        return status(206, CONTENT[100_000:], Content_Range="bytes 100000-299999/*")(request)

    web.routes["/film.mp4"] = route

    assert get(web.url + "/film.mp4").path.read_bytes() == CONTENT
    assert len(web.requests) == 2


@pytest.mark.parametrize("etag", ["", 'W/"one"'])
def test_nothing_is_resumed_without_a_date_or_a_strong_etag(web, get, etag):
    """A file that may have changed is requested from the start; RFC 9110 forbids a weak one in If-Range."""
    cuts = iter([100_000, None])
    web.routes["/film.mp4"] = lambda request: send_file(request, CONTENT, etag=etag, cut_after_bytes=next(cuts))

    downloaded = get(web.url + "/film.mp4")

    assert downloaded.path.read_bytes() == CONTENT
    assert web.sent_headers("Range") == ["", ""]
    assert web.sent_headers("If-Range") == ["", ""]


def test_validator_is_the_strong_etag_else_the_date():
    """Compressed bodies have none, because their bytes cannot be counted."""
    date = "Wed, 25 Nov 2026 10:00:00 GMT"

    assert parse_response(200, {"etag": '"one"', "last-modified": date}, "").validator == '"one"'
    assert parse_response(200, {"etag": 'W/"one"', "last-modified": date}, "").validator == date
    assert parse_response(200, {"etag": 'W/"one"'}, "").validator == ""
    assert parse_response(200, {"etag": '"one"', "content-encoding": "gzip"}, "").validator == ""


def test_attempts_are_limited_and_their_waits_grow(web, get, waits_s, tmp_path):
    """A server that always closes the connection ends in one line, and no file is left."""
    web.serve("/film.mp4", CONTENT, cut_after_bytes=0)

    with pytest.raises(ProviderError, match="tried 6 times") as caught:
        get(web.url + "/film.mp4")

    assert caught.value.retryable
    assert waits_s == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert not list(tmp_path.iterdir())


def test_retry_after_is_obeyed(web, get, waits_s):
    """Up to a minute."""
    answers = iter([status(503, Retry_After="7"), status(429, Retry_After="9000"), lambda r: send_file(r, CONTENT)])
    web.routes["/film.mp4"] = lambda request: next(answers)(request)

    assert get(web.url + "/film.mp4").size_bytes == len(CONTENT)
    assert waits_s == [7.0, 60.0]


@pytest.mark.parametrize("digits", [19, 400, 5000])
def test_absurd_numbers_are_ignored(web, get, waits_s, digits):
    """In Retry-After, and in Content-Range."""
    answers = iter([status(503, Retry_After="9" * digits), lambda r: send_file(r, CONTENT)])
    web.routes["/film.mp4"] = lambda request: next(answers)(request)

    assert get(web.url + "/film.mp4").size_bytes == len(CONTENT)
    assert waits_s == [1.0]
    assert parse_response(206, {"content-range": f"bytes {'9' * digits}-1/{'9' * digits}"}, "").offset == -1


@pytest.mark.parametrize("url", ["https://a..b/x.mp4", f"https://{'a' * 70}/x", "https://xn--a/x"])
def test_invalid_host_name_is_one_line(get, waits_s, tmp_path, url):
    """It is not tried again, and no file is left."""
    with pytest.raises(ProviderError, match="invalid host name"):
        get(url)

    assert waits_s == []
    assert not list(tmp_path.iterdir())


def test_redirect_to_an_invalid_host_name_is_one_line(web, get):
    """As if it had been requested."""
    web.routes["/a"] = status(302, Location="https://xn--a/x")

    with pytest.raises(ProviderError, match="invalid host name"):
        get(web.url + "/a")


@pytest.mark.parametrize(
    ("code", "message"),
    [(404, "404 Not Found; check the URL"), (403, "may have expired"), (410, "410 Gone"), (401, "a login is required")],
)
def test_refusal_is_one_line_and_not_tried_again(web, get, code, message):
    """It shows the URL without its key."""
    web.routes["/film.mp4?key=SECRET"] = status(code)

    with pytest.raises(ProviderError, match=message) as caught:
        get(web.url + "/film.mp4?key=SECRET")

    assert len(web.requests) == 1
    assert "/film.mp4?key=…" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_announced_size_over_the_limit_is_refused_before_the_download(web, get, tmp_path):
    """By Content-Length."""
    web.serve("/film.mp4", CONTENT)

    with pytest.raises(InputMediaError, match=r"0\.3 MB is more than the limit of 0\.1 MB; raise max_size_mb"):
        get(web.url + "/film.mp4", max_bytes=100_000)

    assert not list(tmp_path.iterdir())


def test_size_that_is_not_announced_is_counted(web, get):
    """A server that hides the length cannot get around the limit."""

    def endless(request):
        request.send_response(200)
        request.end_headers()
        for _ in range(10):
            request.wfile.write(CONTENT)

    web.routes["/film.mp4"] = endless

    with pytest.raises(InputMediaError, match="more than the limit"):
        get(web.url + "/film.mp4", max_bytes=1_000_000)


def test_redirect_loop_ends(web, get):
    """Eleven requests, then one line."""
    web.routes["/a"] = status(302, Location="/a")

    with pytest.raises(ProviderError, match="more than 10 redirects"):
        get(web.url + "/a")

    assert len(web.requests) == 11


def test_redirects_are_followed(web, get):
    """The suffix comes from the last URL."""
    web.serve("/real.webm", CONTENT, "video/webm")
    web.routes["/a"] = status(302, Location="/real.webm")

    assert get(web.url + "/a").final_path == "/real.webm"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!DOCTYPE html><p>Log in", "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf\n<html>", "video/mp4"),
        (b"#EXTM3U\n", "application/octet-stream"),
        (b"anything", "application/dash+xml"),
    ],
)
def test_web_page_is_recognized_by_type_and_first_bytes(web, get, body, content_type):
    """A login page with status 200 is not a film."""
    url = web.serve("/film.mp4", body, content_type)

    with pytest.raises(WebPageError, match="a web page"):
        get(url)


def test_silent_server_times_out(web, get, waits_s):
    """Each attempt ends at the client's read limit."""
    client = open_client(timeout=httpx.Timeout(0.05))
    video_filter = threading.Event()
    web.routes["/film.mp4"] = lambda request: video_filter.wait(5)

    with client, pytest.raises(ProviderError, match="did not respond in time"):
        get(web.url + "/film.mp4", client=client, waits_s=(1.0,))
    video_filter.set()

    assert waits_s == [1.0]


def test_refused_connection_is_reported_at_once(get, waits_s):
    """There is no wait, because most likely the URL is wrong."""
    with pytest.raises(
        ProviderError, match=r"http://127\.0\.0\.1:1/a: the server cannot be reached: Connection refused"
    ):
        get("http://127.0.0.1:1/a")

    assert waits_s == []


def test_another_digest_is_refused(web, get, tmp_path):
    """What arrived is not what was expected."""
    url = web.serve("/film.mp4", CONTENT)

    with pytest.raises(InputMediaError, match=r"SHA-256 is .*, expected"):
        get(url, sha256="0" * 64)

    assert not list(tmp_path.iterdir())


def test_empty_file_is_refused(web, get):
    """It cannot be used."""
    with pytest.raises(InputMediaError, match="an empty file"):
        get(web.serve("/film.mp4", b""))


def test_interruption_passes_through_and_leaves_nothing(web, get, tmp_path):
    """What `progress` raises is not caught."""

    def stop(_share):
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        get(web.serve("/film.mp4", CONTENT), progress=stop)

    assert not list(tmp_path.iterdir())


def test_interruption_works_while_waiting_for_the_next_attempt(web, get):
    """Ctrl-C does not take a minute."""
    web.routes["/film.mp4"] = status(503, Retry_After="60")

    def stop(_share):
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        get(web.url + "/film.mp4", progress=stop, sleep=None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_reported_as_such(web, get, tmp_path):
    """An OSError of the file is an error of the disk, not of the server."""
    (tmp_path / "film").symlink_to("/dev/full")

    with pytest.raises(StorageFailed, match="film could not be written: No space left"):
        get(web.serve("/film.mp4", CONTENT))

    assert not list(tmp_path.iterdir())


def test_no_log_contains_a_secret(web, get, caplog):
    """The HTTP library logs complete URLs; its logger is silenced."""
    caplog.set_level(logging.DEBUG)
    cuts = iter([100, None])
    web.routes["/film.mp4?sig=SECRET"] = lambda request: send_file(request, CONTENT, cut_after_bytes=next(cuts))

    get(web.url.replace("//", "//user:HUNTER2@") + "/film.mp4?sig=SECRET")

    assert "download_interrupted" in caplog.text
    assert "SECRET" not in caplog.text
    assert "HUNTER2" not in caplog.text


def compressed(content, encoding="gzip", content_type="video/mp4"):
    """Return a route that compresses although identity was asked for."""
    return status(200, gzip.compress(content, 9), Content_Encoding=encoding, Content_Type=content_type)


def test_compressed_file_is_decompressed_in_small_pieces(web, get):
    """A bomb is refused at the limit, before it fills the memory or the disk."""
    web.routes["/film.mp4"] = compressed(CONTENT)
    web.routes["/bomb.mp4"] = compressed(bytes(200 << 20))

    assert get(web.url + "/film.mp4").path.read_bytes() == CONTENT
    tracemalloc.start()
    try:
        with pytest.raises(InputMediaError, match="more than the limit of 10 MB"):
            get(web.url + "/bomb.mp4")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 30 << 20
    assert set(web.sent_headers("Accept-Encoding")) == {"identity"}


def test_encoding_that_cannot_be_read_is_refused(web, get):
    """At once; a web page is still recognized as one, and a truncated file is asked for again."""
    cut = gzip.compress(CONTENT)[:-100]
    answers = iter([status(200, cut, Content_Encoding="gzip"), compressed(CONTENT)])
    web.routes["/film.mp4"] = compressed(CONTENT, "br")
    web.routes["/page"] = compressed(b"<html>", "br", "text/html")
    web.routes["/cut.mp4"] = lambda request: next(answers)(request)

    with pytest.raises(ProviderError, match="compressed with 'br'"):
        get(web.url + "/film.mp4")
    with pytest.raises(WebPageError):
        get(web.url + "/page")
    assert len(web.requests) == 2
    assert get(web.url + "/cut.mp4").path.read_bytes() == CONTENT


DRIP_S = 0.02


def drip_body(request):
    """Send one byte of the body at a time, until the client is gone."""
    request.send_response(200)
    request.send_header("Content-Type", "video/mp4")
    request.end_headers()
    _drip(request, b"x")


def drip_headers(request):
    """Send one byte of a header at a time, until the client is gone."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(request, b"x")


def _drip(request, byte):
    gone = threading.Event()
    request.close_connection = True
    for _ in range(500):
        try:
            request.wfile.write(byte)
            request.wfile.flush()
        except OSError:
            return
        gone.wait(DRIP_S)


@pytest.mark.parametrize("route", [drip_body, drip_headers])
def test_download_that_drips_ends_at_its_limit(web, get, tmp_path, route):
    """Each byte comes in time; the complete file does not. Nothing is tried again, and no file stays."""
    web.routes["/film.mp4"] = route

    with pytest.raises(
        ProviderError, match=r"/film.mp4: the download took longer than 0.3 s, for \d+ of unknown bytes"
    ):
        get(web.url + "/film.mp4", limit_s=0.3)

    assert len(web.requests) == 1
    assert not (tmp_path / "film").exists()
