"""Why a film's packets cannot be read by its index, or replaced."""

from __future__ import annotations

import av


class NotApplicable(Exception):
    """This way does not work for this film. Another one is tried; a splice reports the message as the reason."""


class NoSampleTable(NotApplicable):
    """The file has no single index of all its samples."""


def library_error(error: Exception) -> str:
    """Return the message of an ffmpeg error without the name of the temporary file."""
    return (isinstance(error, av.FFmpegError) and error.strerror) or str(error)
