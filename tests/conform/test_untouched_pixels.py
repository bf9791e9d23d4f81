"""Outside what a take changed, every pixel is the source's, whatever the take's coding did to it."""

from __future__ import annotations

import av
import numpy as np
import pytest
from takes import segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes

pytestmark = pytest.mark.slow

COUNT, SIZE = 5, (320, 176)
FACE = slice(56, 112), slice(104, 168)


def bars(rng):
    """Draw a harsh pattern: blocks of 4 pixels, black and white at random, that move."""
    still = np.kron(rng.integers(0, 2, (SIZE[1] // 4, SIZE[0] // 4 + 8)), np.ones((4, 4))) * 180 + 30
    return [still[:, 3 * number : 3 * number + SIZE[0]] for number in range(COUNT)]


def grain(rng):
    """Draw a slope with film grain that is new in each frame."""
    slope = np.linspace(50, 200, SIZE[0])[None].repeat(SIZE[1], 0)
    return [np.clip(slope + rng.normal(0, 6, slope.shape), 16, 235) for _ in range(COUNT)]


PATTERNS = {"bars": bars, "grain": grain}


def write(path, pictures, pix_fmt, codec, options, *, hdr=False):
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
        if hdr:
            context = stream.codec_context
            context.color_range, context.color_primaries, context.color_trc, context.colorspace = 1, 9, 16, 9
        for at, parts in enumerate(pictures):
            frame = frame_from_planes(parts, pix_fmt)
            frame.pts = at
            if hdr:
                frame.color_range, frame.colorspace = 1, 9
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def film(context, pattern, *, hdr):
    lumas, scale = PATTERNS[pattern](np.random.default_rng(1)), 4 if hdr else 1
    kind, flat = (np.uint16, 512) if hdr else (np.uint8, 128)
    grey = np.full((SIZE[1] // 2, SIZE[0] // 2), flat, kind)
    pictures = [[(luma * scale).round().astype(kind), grey, grey] for luma in lumas]
    path = context.temp_path("film.mp4")
    codec, options = ("libx265", {"x265-params": "lossless=1:log-level=none"}) if hdr else ("libx264", {"qp": "0"})
    write(path, pictures, "yuv420p10le" if hdr else "yuv420p", codec, options, hdr=hdr)
    file = context.store(path)
    return probe(context.path(file), file)


def pasted(context, placed, crf):
    """Return a take as a host makes it: an oval in the picture's middle is lighter, and everything is re-encoded."""
    rows, columns = np.mgrid[-1 : 1 : 1j * (FACE[0].stop - FACE[0].start), -1 : 1 : 1j * (FACE[1].stop - FACE[1].start)]
    oval = np.where(rows**2 + columns**2 < 1, 40, 0)
    pictures = []
    for frame in decode_frames(context.path(placed.media.file), placed.media.video.index):
        parts = frame_planes(frame)
        parts[0][FACE] = np.clip(parts[0][FACE].astype(int) + oval, 0, 255)
        pictures.append(parts)
    path = context.temp_path("take.mp4")
    write(path, pictures, "yuv420p", "libx264", {"crf": str(crf), "preset": "fast"})
    file = context.store(path)
    return Take(segment=placed, media=probe(context.path(file), file), provider="local", request={})


def changed_luma(context, take, composite="auto"):
    """Return by how much each luma pixel of the conformed take differs from the source, `(frames, height, width)`."""
    result = Conform().run(context, ConformParams(composite=composite), take)
    source, new = (
        np.stack([frame_planes(frame)[0] for frame in decode_frames(context.path(media.file), media.video.index)])
        for media in (take.segment.source, result.media)
    )
    return np.abs(new.astype(int) - source)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("hdr", "crf"), [(False, 0), (False, 18), (True, 18)])
def test_no_pixel_outside_the_face_is_touched(context, pattern, hdr, crf):
    """Not one, on a harsh pattern and on grain, in 8 bits and in HDR; the face itself changes in every frame."""
    media = film(context, pattern, hdr=hdr)
    placed = Transcode().run(context, TranscodeParams(), segment(media, 0, COUNT))

    change = changed_luma(context, pasted(context, placed, crf))

    margin = 20 if crf else 0  # a coded edge rings and drags along what moves past it, about as far as a macroblock
    outside = np.ones(SIZE[::-1], bool)
    outside[FACE[0].start - margin : FACE[0].stop + margin, FACE[1].start - margin : FACE[1].stop + margin] = False
    assert not change[:, outside].any()
    assert (change[:, 76:92, 124:148].mean((1, 2)) > 12 * (4 if hdr else 1)).all()
