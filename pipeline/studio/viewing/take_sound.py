"""What is heard with a take: the film's sound with the new line in it, as loud as the finished film will have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.nodes.node import NodeContext
from ...core.values import Media, Take
from ...media.audio.samples import read_all, write_wav
from ...media.tools.ffmpeg import ffmpeg_path
from ...report.preview_clip import SAMPLE_RATE_HZ
from ...splicing.audio.dialogue import line_alone, sound_with_lines
from ...splicing.splice_params import SoundParams

Samples = NDArray[np.float32]


def film_sound(
    context: NodeContext, media: Media, takes: Sequence[Take], frames: tuple[int, int], params: SoundParams
) -> Samples | None:
    """Return the sound of the source frames [start, end) as the film with these takes has it; None without sound.

    The samples are `(2, samples)` at 48 kHz.

    Raises:
        InputMediaError: the line, or the film's sound, cannot be read.
        ToolFailed: ffmpeg failed.
    """
    if not media.audio:
        return None
    samples = sound_with_lines(context, ffmpeg_path(), media, takes, frames, params)
    return _for_players(context, samples, media.audio[0].sample_rate_hz)


def line_sound(context: NodeContext, media: Media, takes: Sequence[Take], frames: tuple[int, int]) -> Samples | None:
    """Return the new line alone, at its own level, where it lies in the frames; None without a line or a sound track.

    Raises:
        InputMediaError: the line cannot be read.
    """
    if not media.audio or not any(take.segment.edit.audio for take in takes):
        return None
    samples = line_alone(context, ffmpeg_path(), media, takes, frames)
    return _for_players(context, samples, media.audio[0].sample_rate_hz)


def _for_players(context: NodeContext, samples: Samples, rate_hz: int) -> Samples:
    path = write_wav(context.temp_path("heard.wav"), samples, rate_hz)
    return read_all(path, SAMPLE_RATE_HZ, 2)
