"""Guarded downloads do not reach private networks."""

import pytest
from web import status

from react1.pipeline.core.errors import InputMediaError, ProviderError
from react1.pipeline.net.download import download
from react1.pipeline.net.guarded_client import open_guarded_client
from react1.pipeline.net.url import NetworkPolicy, check_url, is_allowed

LOOPBACK = NetworkPolicy(allow_loopback=True)


@pytest.mark.parametrize("ip", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(ip):
    """Of either family."""
    assert is_allowed(ip, NetworkPolicy())


PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "fe80::1", "fd00::1"]
PRIVATE += ["::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::a00:1", "0.0.0.0", "192.0.2.1"]


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_addresses_are_allowed_by_policy_only(ip):
    """Embedded IPv4 is checked, and allowing loopback does not allow the rest."""
    assert not is_allowed(ip, NetworkPolicy())
    assert not is_allowed(ip, LOOPBACK)
    assert is_allowed(ip, NetworkPolicy(allow_private=True))


@pytest.mark.parametrize("ip", ["224.0.0.1", "255.255.255.255", "ff02::1"])
def test_multicast_is_never_public(ip):
    """Though some of it counts as global."""
    assert not is_allowed(ip, LOOPBACK)


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_allowed_separately(ip):
    """For a server that only this machine can reach."""
    assert not is_allowed(ip, NetworkPolicy())
    assert is_allowed(ip, LOOPBACK)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/a", "http://localhost/a", "http://a.localhost./a", "http://[::1]:8080/a", "ftp://e.org/a"],
)
def test_url_is_refused_by_its_text_before_any_request(url):
    """Literal addresses, localhost, other schemes."""
    with pytest.raises(InputMediaError):
        check_url(url, NetworkPolicy())


def test_name_is_checked_by_what_it_resolves_to(tmp_path):
    """One private url among several is enough to refuse."""
    client = open_guarded_client(NetworkPolicy(), resolve=lambda _host, _port: ["93.184.216.34", "192.168.0.7"])

    with client, pytest.raises(InputMediaError, match="start the server with --allow-private"):
        download("http://films.example/a.mp4", tmp_path / "a", max_bytes=100, client=client)


def test_connection_goes_to_the_address_that_was_checked(web, tmp_path):
    """The name is resolved once; the site still gets its own name as Host."""
    port = web.url.rpartition(":")[2]
    resolved = []

    def resolve(host, _port):
        resolved.append(host)
        return ["127.0.0.1"]

    web.serve("/a.mp4", b"film")
    with open_guarded_client(LOOPBACK, resolve=resolve) as client:
        downloaded = download(f"http://films.example:{port}/a.mp4", tmp_path / "a", max_bytes=100, client=client)

    assert downloaded.path.read_bytes() == b"film"
    assert resolved == ["films.example"]
    assert web.sent_headers("host") == [f"films.example:{port}"]


def test_redirect_is_checked_again(web, tmp_path):
    """From an allowed address to a private one."""
    web.routes["/a.mp4"] = status(302, Location="http://192.168.0.1/b.mp4")

    with open_guarded_client(LOOPBACK) as client, pytest.raises(InputMediaError, match=r"192\.168\.0\.1"):
        download(f"{web.url}/a.mp4", tmp_path / "a", max_bytes=100, client=client)

    assert not (tmp_path / "a").exists()


def test_redirect_to_a_file_is_refused(web, tmp_path):
    """Only http and https are requested."""
    web.routes["/a.mp4"] = status(302, Location="file:///etc/passwd")

    with open_guarded_client(LOOPBACK) as client, pytest.raises(ProviderError, match="unusable response"):
        download(f"{web.url}/a.mp4", tmp_path / "a", max_bytes=100, client=client)


@pytest.mark.parametrize("url", ["https://a..b/x.mp4", f"https://{'a' * 70}/x", "https://xn--a/x"])
def test_invalid_host_name_is_reported(tmp_path, url):
    """It passes the check of the text and fails at the request."""
    check_url(url, NetworkPolicy())

    with (
        open_guarded_client(NetworkPolicy()) as client,
        pytest.raises(ProviderError, match="invalid host name"),
    ):
        download(url, tmp_path / "a", max_bytes=100, client=client)


def test_unpaired_surrogate_is_refused_before_any_request():
    """It could not even be printed."""
    with pytest.raises(InputMediaError, match="unpaired surrogate"):
        check_url("https://host.example/\ud800", NetworkPolicy())


def test_unknown_host_name_is_reported(tmp_path):
    """As a server that cannot be reached."""

    def resolve(_host, _port):
        raise OSError(-2, "Name or service not known")

    with (
        open_guarded_client(NetworkPolicy(), resolve=resolve) as client,
        pytest.raises(ProviderError, match="not known"),
    ):
        download("http://nowhere.example/a", tmp_path / "a", max_bytes=100, client=client)
