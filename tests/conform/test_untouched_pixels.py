"""Outside what a take changed, every pixel is the source's, whatever the take's coding did to it."""

from __future__ import annotations

import av
import numpy as np
import pytest
from takes import segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.splice import Splice, SpliceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
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


def colored_film(context, suffix, codec, pix_fmt):
    """Make a film of colored blocks with noise, which no format with fewer or coarser colors could hold.

    Where the format has transparency, it rises from left to right.
    """
    rng = np.random.default_rng(1)
    has_alpha = any(component.is_alpha for component in av.VideoFormat(pix_fmt, 16, 16).components)
    blocks = np.kron(rng.integers(40, 200, (SIZE[1] // 8, SIZE[0] // 8, 3)), np.ones((8, 8, 1), int))
    path = context.temp_path(f"film{suffix}")
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
        if av.VideoFormat(pix_fmt, 16, 16).is_rgb:
            names = stream.codec_context
            names.colorspace, names.color_primaries, names.color_trc = 0, 1, 1
        for _ in range(COUNT):
            picture = (blocks + rng.integers(-3, 4, blocks.shape)).astype(np.uint8)
            alpha = np.broadcast_to(np.linspace(20, 230, SIZE[0]).astype(np.uint8)[None, :, None], (*SIZE[::-1], 1))
            rgba = np.concatenate([picture, alpha if has_alpha else np.full_like(alpha, 255)], axis=2)
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return probe(context.path(file), file)


def edited(context, media):
    """Take the film through all steps, with a take that changes frames 1 to 3."""
    (cut,) = Trim().run(context, TrimParams(edits=[{"in": "1f", "out": "4f"}], handles="0f"), media)
    placed = Transcode().run(context, TranscodeParams(), cut)
    taken = Conform().run(context, ConformParams(composite="auto"), pasted(context, placed, 14))
    # The change begins at once, as no real take does.
    params = SpliceParams(seam={"video": "cut"}, checks={"seam_delta_e": None})
    return Splice().run(context, params, media, [taken])


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mov", "png", "rgb24"),
        (".mov", "png", "rgba"),
        (".mov", "png", "rgba64be"),
        (".mov", "png", "ya8"),
        (".mov", "png", "rgb48be"),
        (".mov", "qtrle", "argb"),
        (".avi", "rawvideo", "bgr24"),
        (".mov", "rawvideo", "uyvy422"),
        (".mov", "v210", "yuv422p10le"),
        (".mkv", "ffv1", "yuva444p10le"),
        (".avi", "utvideo", "gbrp"),
        (".mkv", "ffv1", "bgra"),
        (".mkv", "ffv1", "gbrap10le"),
        (".mkv", "ffv1", "gbrap16le"),
        (".mkv", "ffv1", "gbrp12le"),
        (".mkv", "ffv1", "gbrp14le"),
    ],
)
def test_formats_of_graphics_and_finishing_keep_their_pixels(context, suffix, codec, pix_fmt):
    """From the cut to the film: red, green and blue stay so, chroma and depth as fine, and alpha as it is."""
    media = colored_film(context, suffix, codec, pix_fmt)
    edit = {"in": "1f", "out": "4f"}
    (cut,) = Trim().run(context, TrimParams(edits=[edit], handles="0f"), media)
    placed = Transcode().run(context, TranscodeParams(), cut)
    taken = Conform().run(context, ConformParams(composite="auto"), pasted(context, placed, 14))

    # The change begins at once, as no real take does.
    params = SpliceParams(seam={"video": "cut"}, checks={"seam_delta_e": None})
    result = Splice().run(context, params, media, [taken])

    before, after = (
        [frame.to_ndarray(format="rgba64le").astype(int) for frame in decode_frames(context.path(film.file), 0)]
        for film in (media, result)
    )
    outside = np.ones(SIZE[::-1], bool)
    outside[FACE[0].start - 20 : FACE[0].stop + 20, FACE[1].start - 20 : FACE[1].stop + 20] = False
    assert len(after) == COUNT
    for number in range(COUNT):
        change = np.abs(after[number] - before[number])
        assert not change[outside].any()
        assert not change[..., 3].any()
        assert (change[76:92, 124:148, :3].mean() > 12 * 256) == (number in (1, 2, 3))


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pictures_with_palettes_become_others(context, suffix):
    """256 colors do not hold a take's: the plan says that the codec changes, and the splice does it."""
    path = context.temp_path(f"film{suffix}")
    drawn = f"testsrc=size={SIZE[0]}x{SIZE[1]}:rate=25:duration=0.2"
    coded = ["-c:v", "png", "-pix_fmt", "pal8", str(path)]
    context.run_tool([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", drawn, *coded])
    file = context.store(path)
    media = probe(context.path(file), file)

    result = edited(context, media)

    before, after = (first_picture(context, film) for film in (media, result))
    assert (media.video.pix_fmt, result.video.codec) == ("pal8", "h264")
    assert "palettes" in result.metrics["splice"]["reason"]
    assert np.abs(after.mean((0, 1)) - before.mean((0, 1))).max() < 2


def first_picture(context, media):
    return next(iter(decode_frames(context.path(media.file), 0))).to_ndarray(format="rgb24").astype(float)


def test_red_green_and_blue_that_become_h264_keep_their_colors(context):
    """Cinepak is not written here: the film says by which matrix its new pictures are converted, and shows the same."""
    media = colored_film(context, ".mov", "cinepak", "rgb24")

    result = edited(context, media)

    before, after = (first_picture(context, film) for film in (media, result))
    with av.open(str(context.path(result.file))) as container:
        assert (
            container.streams.video[0].codec_context.colorspace == 1
        )  # what the file says, before a picture is decoded
    assert (result.video.codec, result.video.color_space, result.video.color_range) == ("h264", "bt709", "tv")
    assert np.abs(after.mean((0, 1)) - before.mean((0, 1))).max() < 2
    assert np.abs(after[::8, ::8] - before[::8, ::8]).mean() < 8


def test_h264_in_red_green_and_blue_stays_so(context):
    """All of it is encoded again, which is said, but no color becomes coarser."""
    media = colored_film(context, ".mp4", "libx264rgb", "rgb24")

    result = edited(context, media)

    before, after = (first_picture(context, film) for film in (media, result))
    assert media.video.pix_fmt == result.video.pix_fmt == "gbrp"
    assert not [note for note in result.notes if "pixel format" in note]
    assert np.abs(after - before).mean() < 2.5
