"""Files between two steps keep every bit of their pictures, whatever the pixel format and the size."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.format import VideoFormat

from react1.pipeline.media.clip_writer import lossless_encoder
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes, plane_views

X264, FFV1 = "libx264", "ffv1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pix_fmt", "size_px", "encoder"),
    [
        *((f"yuv{layout}p{depth}", (64, 48), X264) for layout in (420, 422, 444) for depth in ("", "10le")),
        ("yuvj420p", (64, 48), X264),
        ("yuv444p", (65, 49), X264),
        ("yuv422p", (64, 49), X264),
        ("yuv420p", (64, 49), FFV1),
        ("yuv420p", (641, 359), FFV1),
        ("yuv422p10le", (1279, 719), FFV1),
        ("yuv420p10le", (65, 48), FFV1),
        ("yuv422p", (65, 48), FFV1),
        ("yuv420p12le", (64, 48), FFV1),
        ("gray10le", (64, 48), FFV1),
    ],
)
def test_noise_comes_back_as_it_was(tmp_path, pix_fmt, size_px, encoder):
    """Of all values, at every depth, and of odd sizes, which x264 takes only where chroma is not halved."""
    rng = np.random.default_rng(1)
    bits = VideoFormat(pix_fmt, 16, 16).components[0].bits
    chosen, options = lossless_encoder(pix_fmt, size_px)
    written = []
    with av.open(str(tmp_path / "noise.mkv"), "w") as out:
        stream = out.add_stream(chosen, rate=25, options=options)
        stream.width, stream.height = size_px
        stream.pix_fmt = pix_fmt
        for _ in range(2 if size_px[0] > 1000 else 4):
            blank = plane_views(av.VideoFrame(*size_px, pix_fmt))
            planes = [rng.integers(0, 1 << bits, plane.shape).astype(plane.dtype) for plane in blank]
            written.append(planes)
            out.mux(stream.encode(frame_from_planes(planes, pix_fmt)))
        out.mux(stream.encode(None))

    with av.open(str(tmp_path / "noise.mkv")) as container:
        read = [frame_planes(frame) for frame in container.decode(video=0)]

    assert chosen == encoder
    assert len(read) == len(written)
    for planes, back in zip(written, read, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(planes, back, strict=True))
