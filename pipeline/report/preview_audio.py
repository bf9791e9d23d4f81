"""The sound of a span, for a preview: the film's first track."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..core.values import Media
from .previews import SOUND_HZ

_HEADROOM_S = 1


def sound_of(path: Path, media: Media, start_s: Fraction, end_s: Fraction) -> NDArray[np.float32] | None:
    """Give `(2, samples)` at 48 kHz of [start_s, end_s), in seconds of the file's own clock; None where it is silent.

    A track that cannot be decoded is left out: a preview without sound is better than no report.
    """
    import av

    if not media.audio or end_s <= start_s:
        return None
    count = round((end_s - start_s) * SOUND_HZ)
    laid = np.zeros((2, count), np.float32)
    try:
        opened = cast("Any", av.open(str(path)))
        with opened as container:
            stream = container.streams[media.audio[0].index]
            container.seek(max(0, int((start_s - _HEADROOM_S) * av.time_base)), backward=True)
            resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ))
            for frame in container.decode(stream):
                if frame.time is None or frame.pts is None:
                    continue
                if frame.time >= end_s:
                    break
                for piece in resampler.resample(frame):
                    _lay(laid, piece.to_ndarray(), piece.pts * Fraction(piece.time_base) - start_s)
    except av.FFmpegError:
        return None
    return laid


def _lay(laid: NDArray[np.float32], piece: NDArray[np.float32], at_s: Fraction) -> None:
    first = round(at_s * SOUND_HZ)
    start, end = max(0, first), min(laid.shape[1], first + piece.shape[1])
    if start < end:
        laid[:, start:end] = piece[:, start - first : end - first]
