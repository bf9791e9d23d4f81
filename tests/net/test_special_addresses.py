"""The address guard over the IANA special-purpose registries, as a pure function: nothing is connected to."""

import ipaddress
import socket

import pytest
from loopback_only import require_loopback

from react1.pipeline.net.url import NetworkPolicy, is_allowed

NOT_GLOBAL = [
    # IPv4 Special-Purpose Address Registry
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4"),
    # IPv6 Special-Purpose Address Registry
    *("::1/128", "::/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32"),
    *("2001:2::/48", "2001:10::/28", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
    # deprecated, or never global: site-local, multicast, IPv4-compatible, IPv4-translated
    *("fec0::/10", "ff00::/8", "::/96", "::ffff:0:0:0/96"),
]
MAPPED_PUBLIC = ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
GLOBAL = ["8.8.8.8", "1.1.1.1", "192.0.1.1", "192.88.98.1", "198.20.0.1", "223.255.255.254", "172.15.0.1", "172.32.0.1"]
GLOBAL += ["2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "3ffe::1", "2003::1"]


def samples(block):
    """The first, a middle and the last address of a block."""
    network = ipaddress.ip_network(block)
    first, last = int(network.network_address), int(network.broadcast_address)
    return [type(network.network_address)(value) for value in (first, (first + last) // 2, last)]


@pytest.mark.parametrize("block", NOT_GLOBAL)
def test_no_address_of_a_special_block_is_allowed(block):
    """At its first, its middle and its last address."""
    for address in samples(block):
        assert not is_allowed(str(address), NetworkPolicy()), str(address)


@pytest.mark.parametrize("address", [*GLOBAL, *MAPPED_PUBLIC])
def test_global_unicast_is_allowed(address):
    """Right up to the edges of the special blocks."""
    assert is_allowed(address, NetworkPolicy())


@pytest.mark.parametrize(
    "address",
    ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::127.0.0.1", "::ffff:0:a00:1"],
)
def test_a_private_ipv4_address_inside_ipv6_is_refused(address):
    """Whichever of the six ways it is written."""
    assert not is_allowed(address, NetworkPolicy())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_a_policy_that_allows_it(address):
    """And that policy allows nothing else."""
    assert is_allowed(address, NetworkPolicy(allow_loopback=True))
    assert not is_allowed("10.0.0.1", NetworkPolicy(allow_loopback=True))


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "10.1.2.3", "169.254.169.254", "8.8.8.8", "2001:db8::1", "fe80::1%eth0"]
)
def test_no_test_can_connect_to_another_machine(address):
    """Connections of the whole suite pass this check, so that a hole in the guard fails a test and sends nothing."""
    assert "loopback_only" in socket.socket.connect.__qualname__
    with pytest.raises(AssertionError, match="only loopback is allowed"):
        require_loopback(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, 80))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_tests_may_connect_to_this_machine(address):
    """As their servers are there."""
    require_loopback(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, 80))
