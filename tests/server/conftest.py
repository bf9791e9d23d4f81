"""Servers on loopback with a stub renderer."""

from __future__ import annotations

import pytest
from server_client import open_server


@pytest.fixture
def serve(tmp_path):
    """Open servers that share one home."""

    def open_with(plan=None, **options):
        return open_server(tmp_path / "home", plan, **options)

    return open_with


@pytest.fixture
def server(serve):
    """One server with a stub renderer."""
    with serve() as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all tests of a file that leave nothing behind."""
    with open_server(tmp_path_factory.mktemp("shared")) as client:
        yield client
