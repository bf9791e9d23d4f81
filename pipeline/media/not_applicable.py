"""Why a film's packets cannot be read by its index, or replaced."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av


class NotApplicable(Exception):
    """This way does not work for this film. Another one is tried; a splice reports the message as the reason."""


class NoSampleTable(NotApplicable):
    """The file has no single index of all its samples."""


_OF_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


def is_write_error(error: BaseException) -> bool:
    """Return whether an error is of a disk that takes no more, which says nothing about a film that is read."""
    return isinstance(error, OSError) and error.errno in _OF_WRITING


@contextmanager
def refused_as(problem: str) -> Iterator[None]:
    """Raise NotApplicable with a problem, and the message of an ffmpeg library without a file's name, if it refuses.

    The error of a full disk stays: another way would be slower and no better, and need the same space.
    """
    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        if is_write_error(error):
            raise
        message = (isinstance(error, av.FFmpegError) and error.strerror) or str(error)
        raise NotApplicable(f"{problem}: {message}") from error
