"""Scale frames and convert their pixel formats, with one converter per thread and kind of conversion.

A frame's own `reformat` sets up swscale for each frame, with threads for every core: for small pictures that takes
longer than the conversion. The pixels are the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from av.video.reformatter import VideoReformatter

_MAX_CONVERTERS = 16
"""Converters per thread; each holds filters and a few lines of pictures."""


class _Converters(threading.local):
    """The converters of one thread, the least recently used first."""

    def __init__(self) -> None:
        self.by_conversion: OrderedDict[tuple[Any, ...], VideoReformatter] = OrderedDict()


_converters = _Converters()


def reformat(
    frame: Any, width: int | None = None, height: int | None = None, pix_fmt: str | None = None, **options: Any
) -> Any:
    """Return a frame in another size or pixel format, as `frame.reformat` does; the frame itself if nothing changes.

    Args:
        frame: an `av.VideoFrame`.
        width: in pixels; None keeps it.
        height: in pixels; None keeps it.
        pix_fmt: ffmpeg's name; None keeps it.
        options: `interpolation`, `src_colorspace` and others of `av.video.reformatter.VideoReformatter.reformat`.
    """
    converters = _converters.by_conversion
    conversion = (frame.width, frame.height, frame.format.name, width, height, pix_fmt, *sorted(options.items()))
    converter = converters.pop(conversion, None) or VideoReformatter()
    converters[conversion] = converter
    if len(converters) > _MAX_CONVERTERS:
        converters.popitem(last=False)
    return converter.reformat(frame, width, height, pix_fmt, threads=1, **options)
