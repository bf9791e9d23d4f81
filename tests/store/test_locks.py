"""A lock is held by one holder at a time, and released when it is closed or its process exits."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from react1.pipeline.core.errors import StorageFailed
from react1.pipeline.store import atomic
from react1.pipeline.store.atomic import is_locked, try_acquire

HOLD = """
import sys
from pathlib import Path
from react1.pipeline.store.atomic import try_acquire
lock = try_acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def test_a_lock_has_one_holder_until_it_is_closed(path):
    """A second attempt fails, in the same process too; closing twice is harmless."""
    lock = try_acquire(path)

    assert is_locked(path)
    assert try_acquire(path) is None
    lock.close()
    lock.close()
    assert not is_locked(path)
    assert try_acquire(path) is not None


def test_a_failed_attempt_closes_the_file(path, monkeypatch):
    """A process that polls a lock does not run out of descriptors."""
    lock, closed, close = try_acquire(path), [], os.close
    monkeypatch.setattr(atomic.os, "close", lambda descriptor: (closed.append(descriptor), close(descriptor)))

    assert try_acquire(path) is None
    assert len(closed) == 1
    lock.close()


@pytest.mark.slow
def test_a_killed_process_releases_its_lock(path):
    """SIGKILL leaves the file, but no lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        held = is_locked(path), try_acquire(path)
        holder.kill()

    assert held == (True, None)
    assert path.exists()
    assert not is_locked(path)
    assert try_acquire(path) is not None


def test_asking_for_a_holder_neither_creates_the_file_nor_keeps_the_lock(path):
    """A missing file is not locked."""
    assert not is_locked(path)
    assert not path.exists()
    path.touch()

    assert not is_locked(path)
    assert try_acquire(path) is not None


@pytest.mark.parametrize("recreated", [False, True])
def test_a_file_that_is_removed_before_it_is_locked_is_not_acquired(path, monkeypatch, recreated):
    """Otherwise two processes would hold locks of one path, on different files."""

    def remove_then_lock(descriptor, *, blocking):
        path.unlink()
        if recreated:
            path.touch()
        return True

    monkeypatch.setattr(atomic, "lock_descriptor", remove_then_lock)

    assert try_acquire(path) is None


def test_a_file_system_without_locks_is_reported(path, monkeypatch):
    """Acquiring raises and closes the file; whether another process holds the lock is unknown, so assume it does."""

    def fail(_descriptor, *, blocking):
        raise OSError(errno.ENOLCK, "No locks available")

    closed = []
    monkeypatch.setattr(atomic, "lock_descriptor", fail)
    monkeypatch.setattr(atomic.os, "close", closed.append)

    with pytest.raises(StorageFailed, match="No locks available"):
        try_acquire(path)
    assert len(closed) == 1
    assert is_locked(path)


def test_a_folder_that_is_missing_is_an_os_error(path):
    """The caller creates it, or takes it for removed."""
    with pytest.raises(FileNotFoundError):
        try_acquire(path / "lock")


def test_a_group_can_share_a_lock(path):
    """The umask decides who may lock a file, as for every other one of a shared store."""
    before = os.umask(0o002)
    try:
        try_acquire(path).close()
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o664


@pytest.mark.slow
def test_no_two_processes_write_the_same_temporary_file(path):
    """Also if both have the same process id, as in two containers that share a store."""
    code = f"import os; os.getpid = lambda: 7; from react1.pipeline.store.atomic import temporary_path as temporary; \
import pathlib; print(temporary(pathlib.Path({str(path)!r})))"
    names = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)]

    assert names[0] != names[1]
    assert b"-7-0.part" in names[0]


@pytest.mark.parametrize("name", ["x" * 255, "映" * 85], ids=["one byte a letter", "three bytes a letter"])
def test_a_temporary_name_is_never_too_long(tmp_path, name):
    """Whatever the name that the file gets at last, which is as long as the system allows."""
    (tmp_path / name).write_text("film")

    atomic.write_text(tmp_path / name, "another film")

    assert (tmp_path / name).read_text() == "another film"
