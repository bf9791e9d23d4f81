"""Converters that are kept between frames give the pixels that a frame's own conversion gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from av.video.frame import VideoFrame

from react1.pipeline.media.frames.decode import _converters, reformat, visible_rows

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


@pytest.mark.parametrize("pix_fmt", ["gbrap", "gbrap10le", "gbrap16le"])
def test_alpha_is_left_out_and_added_without_another_change(pix_fmt):
    """Above eight bits the library gave one color for all."""
    rng = np.random.default_rng(1)
    frame = VideoFrame(48, 32, pix_fmt)
    bits = frame.format.components[0].bits
    for plane in frame.planes:
        kind = np.dtype(np.uint16 if bits > 8 else np.uint8)
        values = rng.integers(0, 1 << bits, (plane.height, plane.line_size // kind.itemsize))
        plane.update(values.astype(kind).tobytes())

    alone = reformat(frame, pix_fmt=pix_fmt.replace("gbrap", "gbrp"))
    again = reformat(alone, pix_fmt=pix_fmt)

    assert (alone.format.name, again.format.name) == (pix_fmt.replace("gbrap", "gbrp"), pix_fmt)
    for before, between, after in zip(*map(visible_rows, (frame, alone, again)), strict=False):
        assert np.array_equal(before, between) and np.array_equal(before, after)
    *_, alpha = visible_rows(again)
    assert (alpha.view(np.uint16 if bits > 8 else np.uint8) == (1 << bits) - 1).all()
