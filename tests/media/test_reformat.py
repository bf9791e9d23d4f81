"""Converters that are kept between frames give the pixels that a frame's own conversion gives."""

from __future__ import annotations

import threading

import numpy as np
from av.video.frame import VideoFrame

from react1.pipeline.media.frames.decode import _converters, reformat

RANDOM = np.random.default_rng(3)
KINDS = (
    (48, 26, "yuv444p", {"interpolation": "AREA"}),
    (None, None, "rgb24", {"src_colorspace": 5, "src_color_range": 1, "dst_color_range": 2}),
    (None, None, "rgb24", {"src_colorspace": 1, "src_color_range": 1, "dst_color_range": 2}),
    (96, 54, None, {"interpolation": "BICUBIC"}),
)


def picture(pix_fmt="yuv420p"):
    noise = RANDOM.integers(0, 256, (72, 128, 3), np.uint8)
    return VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pix_fmt)


def test_kinds_of_conversion_may_alternate():
    """Other sizes, formats and matrices, frame by frame."""
    for frame in (picture(), picture(), picture("yuv422p10le"), picture()):
        for width, height, pix_fmt, options in KINDS:
            converted = reformat(frame, width, height, pix_fmt, **options)
            own = frame.reformat(width, height, pix_fmt, **options)

            assert np.array_equal(converted.to_ndarray(), own.to_ndarray())


def test_a_frame_that_needs_no_conversion_is_returned():
    """The same object."""
    frame = picture()

    assert reformat(frame, pix_fmt="yuv420p") is frame


def test_converters_are_few_and_belong_to_one_thread():
    """At most 16 are kept; another thread begins without any."""
    for width in range(20, 60, 2):
        reformat(picture(), width, 20)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(len(_converters.by_conversion)))
    thread.start()
    thread.join()

    assert len(_converters.by_conversion) == 16
    assert seen == [0]
