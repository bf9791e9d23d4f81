"""Downloads that must not reach into private networks."""

import pytest
from web import status

from react1.pipeline.core.errors import InputMediaError, ProviderError
from react1.pipeline.net.download import download
from react1.pipeline.net.ssrf import Reach, check_spelled, may_reach, open_guarded_client

LOOPBACK = Reach(loopback=True)


@pytest.mark.parametrize("ip", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_may_be_reached(ip):
    """Of either family."""
    assert may_reach(ip, Reach())


INNER = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "fe80::1", "fd00::1"]
INNER += ["::ffff:10.0.0.1", "2002:a00:1::1", "64:ff9b::a00:1", "0.0.0.0", "192.0.2.1"]


@pytest.mark.parametrize("ip", INNER)
def test_inner_addresses_may_be_reached_only_when_allowed(ip):
    """IPv4 inside IPv6 is seen through; loopback's permit is no permit for the rest."""
    assert not may_reach(ip, Reach())
    assert not may_reach(ip, LOOPBACK)
    assert may_reach(ip, Reach(private=True))


@pytest.mark.parametrize("ip", ["224.0.0.1", "255.255.255.255", "ff02::1"])
def test_multicast_is_never_public(ip):
    """Though some of it counts as global."""
    assert not may_reach(ip, LOOPBACK)


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_a_permit_of_its_own(ip):
    """For a server that only this machine can ask."""
    assert not may_reach(ip, Reach())
    assert may_reach(ip, LOOPBACK)


@pytest.mark.parametrize(
    "address",
    ["http://10.0.0.1/a", "http://localhost/a", "http://a.localhost./a", "http://[::1]:8080/a", "ftp://e.org/a"],
)
def test_what_an_address_spells_is_refused_before_anything_is_asked(address):
    """Literal addresses, localhost, other schemes."""
    with pytest.raises(InputMediaError):
        check_spelled(address, Reach())


def test_a_name_is_judged_by_what_it_resolves_to(tmp_path):
    """One inner address among several is enough to refuse."""
    client = open_guarded_client(Reach(), resolve=lambda _host, _port: ["93.184.216.34", "192.168.0.7"])

    with client, pytest.raises(InputMediaError, match="start the server with --allow-private"):
        download("http://films.example/a.mp4", tmp_path / "a", max_bytes=100, client=client)


def test_the_address_that_was_checked_is_the_one_that_is_asked(web, tmp_path):
    """The name is resolved once; the site still sees its own name as Host."""
    port = web.address.rpartition(":")[2]
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"]

    web.serve("/a.mp4", b"film")
    with open_guarded_client(LOOPBACK, resolve=resolve) as client:
        got = download(f"http://films.example:{port}/a.mp4", tmp_path / "a", max_bytes=100, client=client)

    assert got.path.read_bytes() == b"film"
    assert asked == ["films.example"]
    assert web.asked("host") == [f"films.example:{port}"]


def test_a_redirect_is_checked_again(web, tmp_path):
    """From a place that may be asked to one that may not."""
    web.routes["/a.mp4"] = status(302, Location="http://192.168.0.1/b.mp4")

    with open_guarded_client(LOOPBACK) as client, pytest.raises(InputMediaError, match=r"192\.168\.0\.1"):
        download(f"{web.address}/a.mp4", tmp_path / "a", max_bytes=100, client=client)

    assert not (tmp_path / "a").exists()


def test_a_redirect_to_a_file_is_refused(web, tmp_path):
    """Only http and https are asked."""
    web.routes["/a.mp4"] = status(302, Location="file:///etc/passwd")

    with open_guarded_client(LOOPBACK) as client, pytest.raises(ProviderError, match="cannot be used"):
        download(f"{web.address}/a.mp4", tmp_path / "a", max_bytes=100, client=client)


@pytest.mark.parametrize("address", ["https://a..b/x.mp4", f"https://{'a' * 70}/x", "https://xn--a/x"])
def test_a_name_that_no_host_can_have_is_told(tmp_path, address):
    """As one that nobody can ask."""
    check_spelled(address, Reach())

    with open_guarded_client(Reach()) as client, pytest.raises(ProviderError, match="no host can have such a name"):
        download(address, tmp_path / "a", max_bytes=100, client=client)


def test_half_a_character_is_refused_before_anything_is_asked():
    """It could not even be printed."""
    with pytest.raises(InputMediaError, match="half a character"):
        check_spelled("https://host.example/\ud800", Reach())


def test_a_name_that_does_not_exist_is_told(tmp_path):
    """As a host that cannot be reached."""

    def resolve(_host, _port):
        raise OSError(-2, "Name or service not known")

    with open_guarded_client(Reach(), resolve=resolve) as client, pytest.raises(ProviderError, match="not known"):
        download("http://nowhere.example/a", tmp_path / "a", max_bytes=100, client=client)
