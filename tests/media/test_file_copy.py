"""Copies are the same bytes, whichever way the system has of making them."""

from __future__ import annotations

import errno
import os

import pytest

from react1.pipeline.media.tools import file_copy

DATA = bytes(range(256)) * 5000
"""More than one block."""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def refuse(number):
    def refused(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    return refused


def copied(source, target, offset, size_bytes):
    with source.open("rb", buffering=0) as content, target.open("wb", buffering=0) as out:
        out.write(b"head")
        return file_copy.copy_range(content, out, offset, size_bytes)


@pytest.mark.parametrize("absent", [(), ("copy_file_range",), ("copy_file_range", "sendfile")])
@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EINVAL])
def test_a_span_is_copied_whatever_the_system_lacks(source, tmp_path, monkeypatch, absent, number):
    """In the file system, in the kernel, by hand: one after the other is tried."""
    for name in absent:
        monkeypatch.setattr(file_copy.os, name, refuse(number))

    done = copied(source, tmp_path / "made", 300, 1_200_000)

    assert done == 1_200_000
    assert (tmp_path / "made").read_bytes() == b"head" + DATA[300:1_200_300]


def test_a_way_that_breaks_off_is_taken_up_by_the_next(source, tmp_path, monkeypatch):
    """What was copied is not copied twice."""
    real, calls = os.copy_file_range, []

    def once(*content, **named):
        calls.append(content)
        if len(calls) > 1:
            raise OSError(errno.EXDEV, "across")
        return real(content[0], content[1], 1000, **named)

    monkeypatch.setattr(file_copy.os, "copy_file_range", once)

    assert copied(source, tmp_path / "made", 0, 5000) == 5000
    assert (tmp_path / "made").read_bytes() == b"head" + DATA[:5000]


def test_a_full_disk_is_no_reason_to_try_another_way(source, tmp_path, monkeypatch):
    """The error is the user's to read."""
    monkeypatch.setattr(file_copy.os, "copy_file_range", refuse(errno.ENOSPC))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        copied(source, tmp_path / "made", 0, 10)


def test_a_span_beyond_the_end_is_reported_as_shorter(source, tmp_path):
    """Whoever asked for more decides what that means."""
    assert copied(source, tmp_path / "made", len(DATA) - 10, 50) == 10


def test_a_copy_describes_how_it_was_made_and_may_be_written_to(source, tmp_path, monkeypatch):
    """Shared blocks or bytes; the source stays as it is."""
    assert file_copy.copy_file(source, tmp_path / "one") in ("reflink", "bytes")
    monkeypatch.setattr(file_copy, "reflink", lambda *_: False)
    assert file_copy.copy_file(source, tmp_path / "two") == "bytes"

    for target in (tmp_path / "one", tmp_path / "two"):
        assert target.read_bytes() == DATA
        with target.open("r+b") as out:
            out.write(b"changed")
    assert source.read_bytes() == DATA


@pytest.mark.parametrize("punches", [True, False])
def test_a_cleared_span_is_zeros_and_nothing_beside_it_changes(source, monkeypatch, punches):
    """With holes or without; not aligned to blocks; the file stays as long as it was."""
    if not punches:
        monkeypatch.setattr(file_copy, "_punch_hole", lambda *_: False)
    with source.open("r+b", buffering=0) as out:
        file_copy.zero_range(out, 4097, 1_100_000)
        file_copy.zero_range(out, 100, 0)

    assert source.read_bytes() == DATA[:4097] + bytes(1_100_000) + DATA[4097 + 1_100_000 :]


def test_cleared_blocks_are_given_back(source):
    """Where the file system knows holes, as those of Linux do."""
    with source.open("r+b", buffering=0) as out:
        os.fsync(out.fileno())
        before = source.stat().st_blocks
        if not file_copy._punch_hole(out.fileno(), 0, 1):
            pytest.skip("this file system has no holes")
        file_copy.zero_range(out, 0, 1 << 20)

    assert source.stat().st_blocks * 512 <= before * 512 - (1 << 20)
