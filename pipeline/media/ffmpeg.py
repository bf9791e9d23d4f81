"""Which ffmpeg does the work.

The binary comes with the wheel imageio-ffmpeg, so that no system package is needed and everyone has the same one;
`REACT1_FFMPEG` names another.
"""

from __future__ import annotations

import os
import shutil
from functools import cache

from ..errors import MissingExtra, PresetError


def ffmpeg_path() -> str:
    """Give the path of the ffmpeg to call.

    Raises:
        PresetError: `REACT1_FFMPEG` names nothing that can be run.
        MissingExtra: imageio-ffmpeg has no binary for this machine.
    """
    wanted = os.environ.get("REACT1_FFMPEG", "")
    if not wanted:
        return _bundled()
    found = shutil.which(wanted)
    if found is None:
        raise PresetError(f"REACT1_FFMPEG={wanted!r} is not a program that can be run; correct or unset it")
    return found


@cache
def _bundled() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingExtra(
            "imageio-ffmpeg brings no ffmpeg for this machine: install ffmpeg and set REACT1_FFMPEG to its path"
        ) from error
