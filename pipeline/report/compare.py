"""Compose before and after into one clip, with MoviePy.

Takes   two films with the same number of frames; the times are those of the first.
Gives   an MP4: H.264 High 4:2:0 BT.709, one frame per frame, the sound of the second film as AAC.
Raises  BadInput when a film has no picture or the two differ in their number of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError
from ..core.node import NodeContext
from ..core.values import Media
from ..media.probe import require_video
from ..scripting.moviepy_reader import Reader, picture_at
from .preview_clip import PreviewWriter, audio_frames
from .report_json import frame_time_s
from .stills import Picture, screen_picture

Layout = Literal["side-by-side", "wipe", "stacked"]
_CRF = 18
_SWEEP_S = 4.0
"""How long the wipe takes to go there and back."""
_LINE_PX = 3
_PLATE_SHADE = 0.4
"""What is left of the picture's light behind a label."""


def compare_films(context: NodeContext, before: Media, after: Media, layout: Layout, max_height_px: int) -> Any:
    """Write the clip and give its file."""
    old, new = require_video(before), require_video(after)
    if old.frame_count != new.frame_count:
        raise InputMediaError(
            f"before has {old.frame_count} frames and after {new.frame_count}; only films of one length compare"
        )
    size = picture_size(old.shown_size_px, max_height_px)
    clips = [
        Reader(context.path(media.file), video, partial(_shown, video=video, size=size)).clip()
        for media, video in ((before, old), (after, new))
    ]
    whole = compose(clips[0], clips[1], layout, float(old.frame_count / old.rate))
    made = context.temp_path("compare.mp4")
    writer = PreviewWriter(made, tuple(whole.size), old.rate, crf=_CRF, has_sound=bool(after.audio))
    for frame in range(old.frame_count):
        writer.add(picture_at(whole, frame, old.rate), frame_time_s(before, frame))
        context.progress((frame + 1) / old.frame_count)
    if after.audio:
        writer.add_sound(audio_frames(context.path(after.file), after))
    writer.finish()
    whole.close()
    return context.store(made)


def _shown(frame: Any, *, video: Any, size: tuple[int, int]) -> Picture:
    return screen_picture(frame, video, size)


def picture_size(size: tuple[int, int], max_height_px: int) -> tuple[int, int]:
    """Give the (width, height) of one film in the clip: not enlarged, both even."""
    scale = min(Fraction(1), Fraction(max_height_px, size[1]))
    return max(2, round(size[0] * scale / 2) * 2), max(2, round(size[1] * scale / 2) * 2)


def compose(before: Any, after: Any, layout: Layout, duration_s: float) -> Any:
    """Give one MoviePy clip of two of the same size."""
    from moviepy import CompositeVideoClip, clips_array

    width, height = before.size
    old = before.image_transform(_labelled("before", width, height))
    new = after.image_transform(_labelled("after", width, height, right=layout == "wipe"))
    if layout == "wipe":
        parts = [old, _swept(new, duration_s), _line(width, height, duration_s)]
        return CompositeVideoClip(parts, size=(width, height)).with_duration(duration_s)
    return clips_array([[old, new]] if layout == "side-by-side" else [[old], [new]])


def sweep(at_s: float) -> float:
    """Give where the wipe stands, 0 (all after) to 1 (all before), there and back in four seconds."""
    return 0.5 + 0.5 * float(np.cos(2 * np.pi * at_s / _SWEEP_S))


def _swept(after: Any, duration_s: float) -> Any:
    from moviepy import VideoClip

    width, height = after.size

    def mask(at_s: float) -> NDArray[np.float64]:
        shown_from = round(sweep(at_s) * width)
        return np.broadcast_to(np.arange(width) >= shown_from, (height, width)).astype(np.float64)

    return after.with_mask(VideoClip(frame_function=mask, is_mask=True, duration=duration_s))


def _line(width: int, height: int, duration_s: float) -> Any:
    from moviepy import ColorClip

    line = ColorClip((_LINE_PX, height), color=(255, 255, 255), duration=duration_s)
    return line.with_position(lambda at_s: (round(sweep(at_s) * width) - _LINE_PX // 2, 0))


def _labelled(text: str, width: int, height: int, *, right: bool = False) -> Callable[[Picture], Picture]:
    """Give what writes a label near an upper corner of a picture."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(max(10, height // 22))
    left, top, end, bottom = (round(edge) for edge in font.getbbox(text))
    edge = max(4, height // 60)
    plate = Image.new("L", (min(width, end - left + 2 * edge), min(height, bottom - top + 2 * edge)), 0)
    ImageDraw.Draw(plate).text((edge - left, edge - top), text, font=font, fill=255)
    ink = np.asarray(plate, np.float32)[:, :, None] / 255
    first = max(0, width - plate.width - edge) if right else min(edge, width - plate.width)
    place = (slice(min(edge, height - plate.height), None), slice(first, first + plate.width))

    def write(picture: Picture) -> Picture:
        made = picture.copy()
        box = made[place][: plate.height]
        box[:] = np.rint(box * (1 - ink) * _PLATE_SHADE + 255 * ink)
        return made

    return write
