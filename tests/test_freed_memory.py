"""What a call has freed goes back to the system when it ends."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from react1.pipeline.core import freed_memory


def test_a_large_process_returns_freed_memory_if_the_c_library_can(monkeypatch):
    """A smaller one keeps it, and without glibc nothing happens."""
    trims = []
    monkeypatch.setattr(freed_memory, "glibc", lambda: SimpleNamespace(malloc_trim=trims.append))
    monkeypatch.setattr(freed_memory, "LARGE_BYTES", 1 << 40)
    freed_memory.return_freed_memory()
    assert trims == []

    monkeypatch.setattr(freed_memory, "LARGE_BYTES", 1 << 20)
    freed_memory.return_freed_memory()
    assert trims == [0]

    monkeypatch.setattr(freed_memory, "glibc", lambda: None)
    freed_memory.return_freed_memory()
    assert trims == [0]


@pytest.mark.parametrize("name", ["malloc_trim", "mallopt"])
def test_another_c_library_is_left_alone(monkeypatch, name):
    """Of glibc's own calls both are needed."""
    others = {"malloc_trim": 1, "mallopt": 1}
    del others[name]
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda _: SimpleNamespace(**others))

    assert freed_memory.glibc() is None
