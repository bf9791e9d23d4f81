"""Draw a label such as "AI-edited" into a corner of the pictures of a conformed take.

The label is white with a dark outline, so that it reads on any picture; it follows the picture's orientation, depth and
pixel shape. Only the edited frames get it, not the handles.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..core.edits.choices import Corner
from ..core.nodes.node import NodeContext
from ..core.values import Take, VideoStream
from ..media.frames.color import full_color, is_rgb
from ..media.frames.decode import decode_frames, reformat, turn_coded
from ..splicing.pictures.planes import Plane, frame_from_planes, frame_planes, resize_mask, working_format
from ..splicing.reencode import encode
from .conform import lossless_settings

Mask = NDArray[np.float32]

_MARGIN_SHARE = 0.03
"""Distance to the picture's edges, as a share of its height."""
_OUTLINE_SHARE = 0.08
"""Width of the outline, as a share of the letters' height."""
_HDR_WHITE = 0.58
"""Share of the range that PQ and HLG use for paper white, about 200 cd/m²."""


def label_masks(text: str, where: Corner, size_px: tuple[int, int], height_share: float) -> tuple[Mask, Mask]:
    """Return the letters and the letters with their outline, `(height, width)`, 0 to 1, for an upright picture.

    Args:
        text: the label.
        where: the corner.
        size_px: (width, height) of the picture.
        height_share: height of the letters, as a share of the picture's height.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = size_px
    letters_px = max(8, round(height * height_share))
    outline_px = max(1, round(letters_px * _OUTLINE_SHARE))
    font = ImageFont.load_default(letters_px)
    left, top, right, bottom = font.getbbox(text, stroke_width=outline_px)
    margin = round(height * _MARGIN_SHARE)
    x = margin if where.endswith("left") else width - margin - (right - left)
    y = margin if where.startswith("top") else height - margin - (bottom - top)
    masks: list[Mask] = []
    for stroke in (0, outline_px):
        image = Image.new("L", (width, height))
        ImageDraw.Draw(image).text((x - left, y - top), text, 255, font, stroke_width=stroke, stroke_fill=255)
        masks.append(np.asarray(image, np.float32) / np.float32(255))
    return masks[0], masks[1]


def draw_label(planes: list[Plane], letters: Mask, outlined: Mask, video: VideoStream, depth: int) -> list[Plane]:
    """Return the planes of a picture with the label; the masks have the picture's coded size."""
    top = (1 << depth) - 1
    full_range = full_color(video).range == "pc"
    black, white = (0, top) if full_range else (16 << (depth - 8), 235 << (depth - 8))
    white = round(black + (white - black) * _HDR_WHITE) if video.is_hdr else white
    drawn = []
    for number, plane in enumerate(planes):
        shape = (plane.shape[0], plane.shape[1])
        inner, outer = resize_mask(letters, shape), resize_mask(outlined, shape)
        if number and not is_rgb(video.pix_fmt):  # grey, so that the label has no colour of the picture
            mixed = plane * (1 - outer) + (1 << (depth - 1)) * outer
        else:
            mixed = (plane * (1 - outer) + black * outer) * (1 - inner) + white * inner
        drawn.append(np.where(outer > 0, np.clip(np.rint(mixed), 0, top), plane).astype(plane.dtype))
    return drawn


def label_take(context: NodeContext, take: Take, text: str, where: Corner, height_share: float) -> Path:
    """Write a conformed take with the label in its edited frames; return the new file."""
    video, segment, source = take.media.video, take.segment, take.segment.source.video
    assert video is not None and source is not None
    letters, outlined = (
        turn_coded(mask, source) for mask in label_masks(text, where, source.upright_size_px, height_share)
    )
    pix_fmt = working_format(video.pix_fmt)
    coded_as = source.model_copy(update={"pix_fmt": pix_fmt})
    settings = lossless_settings(coded_as)
    target = context.temp_path("labelled" + (".mov" if settings.encoder == "libx264" else ".mkv"))
    times = source.timestamps.array[segment.first_frame : segment.last_frame]

    def frames() -> Iterator[tuple[VideoFrame, int]]:
        for number, frame in enumerate(decode_frames(context.path(take.media.file), video.index)):
            if not segment.start_frame <= segment.first_frame + number < segment.end_frame:
                yield frame, number
                continue
            parts = frame_planes(reformat(frame, pix_fmt=pix_fmt))
            planes = draw_label(parts, letters, outlined, source, video.bit_depth)
            yield frame_from_planes(planes, pix_fmt), number

    encode(frames(), target, coded_as, settings, lambda _: None, times - times[0])
    return target
