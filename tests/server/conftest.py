"""Servers on loopback whose engine is a function of the test."""

from __future__ import annotations

import pytest
from server_client import opened


@pytest.fixture
def serve(tmp_path):
    """Open servers that share one home."""

    def begin(plan=None, **options):
        return opened(tmp_path / "home", plan, **options)

    return begin


@pytest.fixture
def server(serve):
    """One server with a stubbed engine."""
    with serve() as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all tests of a file that leave nothing behind."""
    with opened(tmp_path_factory.mktemp("shared")) as client:
        yield client
