"""Refuse connections of the test process to anything but loopback."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager


def require_loopback(family: int, address: object) -> None:
    """Raise AssertionError for an address outside this machine."""
    if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host = str(address[0])
    is_loopback = host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    assert is_loopback, f"a test connects to {host}; only loopback is allowed"


@contextmanager
def loopback_only() -> Iterator[None]:
    """Check every connection that is opened while the block runs."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def checked_connect(self: socket.socket, address: object) -> None:
        require_loopback(self.family, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: object) -> int:
        require_loopback(self.family, address)
        return connect_ex(self, address)

    socket.socket.connect, socket.socket.connect_ex = checked_connect, checked_connect_ex
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
