"""Downloads against a real server: resumed, limited, checked, and never half under their name."""

import hashlib
import logging
import random
import threading
from pathlib import Path

import httpx
import pytest
from web import give, status

from react1.pipeline.core.errors import InputMediaError, Interrupted, ProviderError, StorageFailed
from react1.pipeline.net.download import PageInstead, download, open_client
from react1.pipeline.net.download_response import read_answer

CONTENT = random.Random(1).randbytes(300_000)
LIMIT = 10_000_000


@pytest.fixture
def naps():
    """The waits that were asked for."""
    return []


@pytest.fixture
def get(tmp_path, naps):
    """Download to a file in the test's folder, without ever sleeping."""

    def fetch(address, **options):
        return download(address, tmp_path / "film", **{"max_bytes": LIMIT, "sleep": naps.append, **options})

    return fetch


def test_a_file_arrives_whole_with_rising_progress(web, get):
    """Byte for byte, and the shares end at 1."""
    shares = []
    address = web.serve("/film.mp4", CONTENT)

    got = get(address, progress=shares.append)

    assert got.path.read_bytes() == CONTENT
    assert (got.size_bytes, got.content_type, got.final_path) == (len(CONTENT), "video/mp4", "/film.mp4")
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_broken_download_goes_on_where_it_stopped(web, get, naps):
    """The second request asks for the rest only, on condition that the file is the same."""
    cuts = iter([100_000, 120_000, None])
    web.routes["/film.mp4"] = lambda request: give(request, CONTENT, cut_after_bytes=next(cuts))

    got = get(web.address + "/film.mp4")

    assert got.path.read_bytes() == CONTENT
    assert web.asked("Range") == ["", "bytes=100000-", "bytes=220000-"]
    assert web.asked("If-Range") == ["", '"one"', '"one"']
    assert naps == [1.0, 2.0]


def test_a_server_that_ignores_ranges_is_read_from_the_start_again(web, get):
    """Its 200 to a range request replaces what had arrived."""
    cuts = iter([100_000, None])
    web.routes["/film.mp4"] = lambda request: give(request, CONTENT, ranges=False, cut_after_bytes=next(cuts))

    got = get(web.address + "/film.mp4", sha256=hashlib.sha256(CONTENT).hexdigest())

    assert got.path.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_never_mixed(web, get):
    """The new ETag makes the server send all, and the old part is dropped."""
    newer = CONTENT[::-1]
    answers = iter([(CONTENT, '"one"', 100_000), (newer, '"two"', None)])

    def route(request):
        content, etag, cut = next(answers)
        give(request, content, etag=etag, cut_after_bytes=cut)

    web.routes["/film.mp4"] = route

    assert get(web.address + "/film.mp4").path.read_bytes() == newer


@pytest.mark.parametrize("told", [None, "bytes 5-300004/300005", "bytes 100000-299999/300001", "nonsense"])
def test_a_part_that_does_not_fit_is_thrown_away(web, get, told):
    """Another place, another whole length, or no word of either: the file is read from the start again."""

    def route(request):
        if not request.headers.get("Range"):
            return give(request, CONTENT, cut_after_bytes=100_000 if len(web.requests) == 1 else None)
        headers = {"Content_Range": told} if told else {}
        return status(206, CONTENT[100_000:], ETag='"one"', **headers)(request)

    web.routes["/film.mp4"] = route

    got = get(web.address + "/film.mp4")

    assert got.path.read_bytes() == CONTENT
    assert web.asked("Range") == ["", "bytes=100000-", ""]


def test_a_part_that_ends_early_is_not_the_whole(web, get):
    """A server may give less than was asked for; the rest is asked for again."""
    parts = iter([(0, 100_000), (100_000, 200_000), (200_000, 300_000)])

    def route(request):
        start, end = next(parts)
        place = {"Content_Range": f"bytes {start}-{end - 1}/300000"}
        status(206, CONTENT[start:end], ETag='"one"', **place)(request)

    web.routes["/film.mp4"] = route

    assert get(web.address + "/film.mp4").path.read_bytes() == CONTENT
    assert web.asked("Range") == ["", "bytes=100000-", "bytes=200000-"]


def test_tries_that_bring_much_are_not_counted(web, get):
    """A long film over a bad line arrives in the end."""
    megabytes = random.Random(2).randbytes(8_400_000)
    web.routes["/film.mp4"] = lambda request: give(request, megabytes, cut_after_bytes=1_200_000)

    assert get(web.address + "/film.mp4").size_bytes == len(megabytes)
    assert len(web.requests) == 7


def test_a_part_of_unknown_whole_is_taken(web, get):
    """`bytes 100000-299999/*` says enough."""

    def route(request):
        if not request.headers.get("Range"):
            return give(request, CONTENT, cut_after_bytes=100_000)
        return status(206, CONTENT[100_000:], Content_Range="bytes 100000-299999/*")(request)

    web.routes["/film.mp4"] = route

    assert get(web.address + "/film.mp4").path.read_bytes() == CONTENT
    assert len(web.requests) == 2


def test_without_an_etag_or_a_date_nothing_is_resumed(web, get):
    """What cannot be held to the same file is asked for from the start."""
    cuts = iter([100_000, None])
    web.routes["/film.mp4"] = lambda request: give(request, CONTENT, etag="", cut_after_bytes=next(cuts))

    got = get(web.address + "/film.mp4")

    assert got.path.read_bytes() == CONTENT
    assert web.asked("Range") == ["", ""]


def test_tries_are_limited_and_their_waits_grow(web, get, naps, tmp_path):
    """A server that always hangs up ends in one line, and no file is left."""
    web.serve("/film.mp4", CONTENT, cut_after_bytes=0)

    with pytest.raises(ProviderError, match="tried 6 times") as caught:
        get(web.address + "/film.mp4")

    assert caught.value.retryable
    assert naps == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert not list(tmp_path.iterdir())


def test_a_busy_server_is_given_the_time_it_asks_for(web, get, naps):
    """Retry-After is obeyed, up to a minute."""
    answers = iter([status(503, Retry_After="7"), status(429, Retry_After="9000"), lambda r: give(r, CONTENT)])
    web.routes["/film.mp4"] = lambda request: next(answers)(request)

    assert get(web.address + "/film.mp4").size_bytes == len(CONTENT)
    assert naps == [7.0, 60.0]


@pytest.mark.parametrize("digits", [19, 400, 5000])
def test_a_time_that_no_clock_can_hold_is_none(web, get, naps, digits):
    """Neither is a place in a file that no disk can hold."""
    answers = iter([status(503, Retry_After="9" * digits), lambda r: give(r, CONTENT)])
    web.routes["/film.mp4"] = lambda request: next(answers)(request)

    assert get(web.address + "/film.mp4").size_bytes == len(CONTENT)
    assert naps == [1.0]
    assert read_answer(206, {"content-range": f"bytes {'9' * digits}-1/{'9' * digits}"}, "").offset == -1


@pytest.mark.parametrize("address", ["https://a..b/x.mp4", f"https://{'a' * 70}/x", "https://xn--a/x"])
def test_a_name_that_no_host_can_have_is_one_line(get, naps, tmp_path, address):
    """It is not tried again, and no file is left."""
    with pytest.raises(ProviderError, match="no host can have such a name"):
        get(address)

    assert naps == []
    assert not list(tmp_path.iterdir())


def test_a_redirect_to_a_name_that_no_host_can_have_is_one_line(web, get):
    """As if it had been asked for."""
    web.routes["/a"] = status(302, Location="https://xn--a/x")

    with pytest.raises(ProviderError, match="no host can have such a name"):
        get(web.address + "/a")


@pytest.mark.parametrize(
    ("code", "told"),
    [(404, "404 Not Found; check the address"), (403, "may have expired"), (410, "410 Gone"), (401, "wants a login")],
)
def test_a_refusal_is_one_line_and_not_tried_again(web, get, code, told):
    """It names the address without its key."""
    web.routes["/film.mp4?key=SECRET"] = status(code)

    with pytest.raises(ProviderError, match=told) as caught:
        get(web.address + "/film.mp4?key=SECRET")

    assert len(web.requests) == 1
    assert "/film.mp4?key=…" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_what_is_announced_as_too_large_is_refused_before_it_comes(web, get, tmp_path):
    """Content-Length is enough."""
    web.serve("/film.mp4", CONTENT)

    with pytest.raises(InputMediaError, match=r"0\.3 MB is more than the limit of 0\.1 MB; raise max_size_mb"):
        get(web.address + "/film.mp4", max_bytes=100_000)

    assert not list(tmp_path.iterdir())


def test_what_is_not_announced_is_counted(web, get):
    """A server that hides the length cannot get around the limit."""

    def endless(request):
        request.send_response(200)
        request.end_headers()
        for _ in range(10):
            request.wfile.write(CONTENT)

    web.routes["/film.mp4"] = endless

    with pytest.raises(InputMediaError, match="more than the limit"):
        get(web.address + "/film.mp4", max_bytes=1_000_000)


def test_a_redirect_loop_ends(web, get):
    """Eleven requests, then a line."""
    web.routes["/a"] = status(302, Location="/a")

    with pytest.raises(ProviderError, match="more than 10 redirects"):
        get(web.address + "/a")

    assert len(web.requests) == 11


def test_redirects_lead_to_the_file(web, get):
    """The suffix comes from where they end."""
    web.serve("/real.webm", CONTENT, "video/webm")
    web.routes["/a"] = status(302, Location="/real.webm")

    assert get(web.address + "/a").final_path == "/real.webm"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!DOCTYPE html><p>Log in", "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf\n<html>", "video/mp4"),
        (b"#EXTM3U\n", "application/octet-stream"),
        (b"anything", "application/dash+xml"),
    ],
)
def test_a_page_is_told_from_a_file_by_type_and_first_bytes(web, get, body, content_type):
    """A login page with status 200 is no film."""
    address = web.serve("/film.mp4", body, content_type)

    with pytest.raises(PageInstead, match="a page"):
        get(address)


def test_a_server_that_says_nothing_is_left(web, get, naps):
    """Each try ends at the read limit; how long that is belongs to the client."""
    client = open_client(timeout=httpx.Timeout(0.05))
    gate = threading.Event()
    web.routes["/film.mp4"] = lambda request: gate.wait(5)

    with client, pytest.raises(ProviderError, match="did not answer in time"):
        get(web.address + "/film.mp4", client=client, waits_s=(1.0,))
    gate.set()

    assert naps == [1.0]


def test_a_host_that_refuses_is_named_at_once(get, naps):
    """No waiting where the address is most likely wrong."""
    with pytest.raises(ProviderError, match=r"http://127\.0\.0\.1:1/a: the host cannot be reached: Connection refused"):
        get("http://127.0.0.1:1/a")

    assert naps == []


def test_another_digest_is_refused(web, get, tmp_path):
    """What arrived is not what was meant."""
    address = web.serve("/film.mp4", CONTENT)

    with pytest.raises(InputMediaError, match="its SHA-256 is"):
        get(address, sha256="0" * 64)

    assert not list(tmp_path.iterdir())


def test_an_empty_file_is_refused(web, get):
    """Nothing can be made of it."""
    with pytest.raises(InputMediaError, match="an empty file"):
        get(web.serve("/film.mp4", b""))


def test_a_stop_passes_through_and_leaves_nothing(web, get, tmp_path):
    """What progress raises is not caught."""

    def stop(_share):
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        get(web.serve("/film.mp4", CONTENT), progress=stop)

    assert not list(tmp_path.iterdir())


def test_a_stop_is_heard_while_waiting_for_the_next_try(web, get):
    """Nobody waits a minute for Ctrl-C."""
    web.routes["/film.mp4"] = status(503, Retry_After="60")

    def stop(_share):
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        get(web.address + "/film.mp4", progress=stop, sleep=None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_as_such(web, get, tmp_path):
    """An OSError from the file is a fault of the disk, not of the server."""
    (tmp_path / "film").symlink_to("/dev/full")

    with pytest.raises(StorageFailed, match="film could not be written: No space left"):
        get(web.serve("/film.mp4", CONTENT))

    assert not list(tmp_path.iterdir())


def test_no_log_holds_a_secret(web, get, caplog):
    """The HTTP library logs whole addresses; here it does not."""
    caplog.set_level(logging.DEBUG)
    cuts = iter([100, None])
    web.routes["/film.mp4?sig=SECRET"] = lambda request: give(request, CONTENT, cut_after_bytes=next(cuts))

    get(web.address.replace("//", "//user:HUNTER2@") + "/film.mp4?sig=SECRET")

    assert "download_broken_off" in caplog.text
    assert "SECRET" not in caplog.text
    assert "HUNTER2" not in caplog.text
