"""Why a splicing strategy does not apply to a film."""

from __future__ import annotations

import av


class NotApplicable(Exception):
    """A strategy cannot write this film. The next strategy is tried; the message becomes the reported reason."""


class NoSampleTable(NotApplicable):
    """The file has no single index of all its samples."""


def library_error(error: Exception) -> str:
    """Return the message of an ffmpeg error without the name of the temporary file."""
    return (isinstance(error, av.FFmpegError) and error.strerror) or str(error)
