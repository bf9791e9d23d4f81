"""Compose two films into one comparison clip, with MoviePy.

The clip is an MP4 in H.264 High 4:2:0 BT.709, with one frame per frame at the first film's times, and the second
film's audio as AAC.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError
from ..core.file import File
from ..core.nodes.node import NodeContext
from ..core.values import Media
from ..media.probe import require_video
from ..media.timing.clock import frame_time_s
from ..scripting.moviepy_clips import Reader, picture_at
from .preview_clip import PreviewWriter, audio_frames
from .stills import Picture, screen_picture

Layout = Literal["side-by-side", "wipe", "stacked"]
_CRF = 18
_SWEEP_S = 4.0
"""Period of the wipe."""
_DIVIDER_PX = 3
_LABEL_SHADE = 0.4
"""Factor on the picture's light behind a label."""


def compare_films(context: NodeContext, before: Media, after: Media, layout: Layout, max_height_px: int) -> File:
    """Write the comparison clip and return its file.

    Raises:
        InputMediaError: a film has no video, or the two have different numbers of frames.
    """
    before_video, after_video = require_video(before), require_video(after)
    if before_video.frame_count != after_video.frame_count:
        raise InputMediaError(
            f"before has {before_video.frame_count} frames, after has {after_video.frame_count}; "
            "only films of the same length can be compared"
        )
    rate, frame_count = before_video.rate, before_video.frame_count
    size = picture_size(before_video.shown_size_px, max_height_px)
    clips = [
        Reader(context.path(media.file), video, partial(screen_picture, video=video, size=size)).clip()
        for media, video in ((before, before_video), (after, after_video))
    ]
    composite = compose(clips[0], clips[1], layout, float(frame_count / rate))
    path = context.temp_path("compare.mp4")
    writer = PreviewWriter(path, tuple(composite.size), rate, crf=_CRF, has_sound=bool(after.audio))
    for frame in range(frame_count):
        writer.add(picture_at(composite, frame, rate), frame_time_s(before, frame))
        context.progress((frame + 1) / frame_count)
    if after.audio:
        writer.add_sound(audio_frames(context.path(after.file), after))
    writer.finish()
    composite.close()
    return context.store(path)


def picture_size(size: tuple[int, int], max_height_px: int) -> tuple[int, int]:
    """Return the (width, height) of one film in the clip: not enlarged, both even."""
    scale = min(Fraction(1), Fraction(max_height_px, size[1]))
    return max(2, round(size[0] * scale / 2) * 2), max(2, round(size[1] * scale / 2) * 2)


def compose(before: Any, after: Any, layout: Layout, duration_s: float) -> Any:
    """Compose two MoviePy clips of the same size into one."""
    from moviepy import CompositeVideoClip, clips_array

    width, height = before.size
    left = before.image_transform(_draw_label("before", width, height))
    right = after.image_transform(_draw_label("after", width, height, right=layout == "wipe"))
    if layout == "wipe":
        layers = [left, _wiped(right, duration_s), _divider(width, height, duration_s)]
        return CompositeVideoClip(layers, size=(width, height)).with_duration(duration_s)
    return clips_array([[left, right]] if layout == "side-by-side" else [[left], [right]])


def wipe_position(at_s: float) -> float:
    """Return the position of the wipe, 0 (only after) to 1 (only before), back and forth in four seconds."""
    return 0.5 + 0.5 * float(np.cos(2 * np.pi * at_s / _SWEEP_S))


def _wiped(after: Any, duration_s: float) -> Any:
    from moviepy import VideoClip

    width, height = after.size

    def mask(at_s: float) -> NDArray[np.float64]:
        first_column = round(wipe_position(at_s) * width)
        return np.broadcast_to(np.arange(width) >= first_column, (height, width)).astype(np.float64)

    return after.with_mask(VideoClip(frame_function=mask, is_mask=True, duration=duration_s))


def _divider(width: int, height: int, duration_s: float) -> Any:
    from moviepy import ColorClip

    divider = ColorClip((_DIVIDER_PX, height), color=(255, 255, 255), duration=duration_s)
    return divider.with_position(lambda at_s: (round(wipe_position(at_s) * width) - _DIVIDER_PX // 2, 0))


def _draw_label(text: str, width: int, height: int, *, right: bool = False) -> Callable[[Picture], Picture]:
    """Return a function that draws a label near an upper corner of a picture."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(max(10, height // 22))
    left, top, end, bottom = (round(edge) for edge in font.getbbox(text))
    margin = max(4, height // 60)
    label = Image.new("L", (min(width, end - left + 2 * margin), min(height, bottom - top + 2 * margin)), 0)
    ImageDraw.Draw(label).text((margin - left, margin - top), text, font=font, fill=255)
    ink = np.asarray(label, np.float32)[:, :, None] / 255
    column = max(0, width - label.width - margin) if right else min(margin, width - label.width)
    row = min(margin, height - label.height)

    def draw(picture: Picture) -> Picture:
        labelled = picture.copy()
        box = labelled[row : row + label.height, column : column + label.width]
        box[:] = np.rint(box * (1 - ink) * _LABEL_SHADE + 255 * ink)
        return labelled

    return draw
