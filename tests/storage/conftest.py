"""A server for every test here that asks for one."""

import pytest
from web import open_web


@pytest.fixture
def web(monkeypatch):
    """A web server on loopback, reached without any proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with open_web() as server:
        yield server
