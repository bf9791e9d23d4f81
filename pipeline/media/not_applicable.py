"""Why a film's packets cannot be read by its index, or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av


class NotApplicable(Exception):
    """This way does not work for this film. Another one is tried; a splice reports the message as the reason."""


class NoSampleTable(NotApplicable):
    """The file has no single index of all its samples."""


@contextmanager
def refused_as(problem: str) -> Iterator[None]:
    """Raise NotApplicable with a problem, and the message of an ffmpeg library without a file's name, if it refuses."""
    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        message = (isinstance(error, av.FFmpegError) and error.strerror) or str(error)
        raise NotApplicable(f"{problem}: {message}") from error
