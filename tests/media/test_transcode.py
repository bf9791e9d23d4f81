"""Colours arrive at bt709 by the numbers, not by luck."""

from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_clips import frame_number, make_clip

from react1.pipeline.media.frames.color import full_color
from react1.pipeline.media.frames.decode import exact_frames, images
from react1.pipeline.media.tools.ffmpeg import has_filter
from react1.pipeline.media.transcode import LIMITS, build_command, coded_size, pq_curve, transcode
from react1.pipeline.splicing.codecs.h264_headers import parse_avcc, parse_pps, parse_x264_note

BT601 = (0.299, 0.114)
BT709 = (0.2126, 0.0722)


def rgb_of(y, cb, cr, kr_kb, full):
    """ITU-R BT.601 / BT.709: code values to R'G'B', 0 to 1."""
    kr, kb = kr_kb
    luma = y / 255 if full else (y - 16) / 219
    blue, red = ((cb - 128) / (255 if full else 224)), ((cr - 128) / (255 if full else 224))
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    return r, (luma - kr * r - kb * b) / (1 - kr - kb), b


def codes_of(rgb):
    """R'G'B' to code values of bt709 in tv range."""
    kr, kb = BT709
    r, g, b = rgb
    luma = kr * r + (1 - kr - kb) * g + kb * b
    return 16 + 219 * luma, 128 + 224 * (b - luma) / (2 * (1 - kb)), 128 + 224 * (r - luma) / (2 * (1 - kr))


@pytest.mark.parametrize(
    ("pix_fmt", "colour", "kr_kb", "full"),
    [
        ("yuv420p", (1, 6, 6, 6), BT601, False),
        ("yuv420p", (1, 1, 1, 1), BT709, False),
        ("yuvj420p", (2, 1, 1, 1), BT709, True),
        ("yuvj420p", (2, 6, 6, 6), BT601, True),
        ("yuv420p10le", (1, 1, 1, 1), BT709, False),
        ("yuv420p10le", (2, 1, 1, 1), BT709, True),
        ("yuv420p", None, BT601, False),
    ],
)
def test_matrix_and_range_become_bt709_tv(context, probed, pix_fmt, colour, kr_kb, full):
    """A skin tone keeps its R'G'B' to within two codes, from each description; untagged SD is bt601."""
    path = make_clip(context.temp_path("a.mov"), frames=5, tracks=0, pix_fmt=pix_fmt, colour=colour, chroma=(110, 150))
    media = probed(path)
    result, _ = transcode(context, media.model_copy(update={"file": context.add_external(path)}), "react1")
    ((_, frame),) = exact_frames(context.path(result.file), result.video, 2, 3)

    codes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[5, 5] for plane in frame.planes]

    assert codes == pytest.approx(codes_of(rgb_of(200, 110, 150, kr_kb, full)), abs=2)
    assert (result.video.color_range, result.video.color_space, result.video.pix_fmt) == ("tv", "bt709", "yuv420p")


def test_what_is_sent_is_coded_to_be_decoded_fast(context, probed):
    """Each try decodes it: neither CABAC nor a loop filter."""
    path = make_clip(context.temp_path("a.mov"), frames=5, tracks=0)
    media = probed(path)
    result, _ = transcode(context, media.model_copy(update={"file": context.add_external(path)}), "react1")
    with av.open(str(context.path(result.file))) as container:
        config = parse_avcc(container.streams.video[0].codec_context.extradata)
        options = parse_x264_note(bytes(next(container.demux(video=0))))

    assert not parse_pps(config.pps[0]).cabac
    assert options["deblock"][0] == "0"


@pytest.mark.slow
@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("zscale", [True, False])
def test_tone_mapped_hdr_is_readable(context, probed, transfer, zscale):
    """PQ and HLG, with zimg and without: 8 bits, numbers readable, white brighter than grey brighter than black."""
    path = make_clip(
        context.temp_path("a.mov"),
        frames=3,
        tracks=0,
        pix_fmt="yuv420p10le",
        colour=(1, 9, transfer, 9),
        options={"crf": "6"},
    )
    video = probed(path).video
    result = context.temp_path("b.mp4")
    context.run_tool(build_command(path, video, LIMITS["react1"], Fraction(25), 3, result, zscale=zscale))

    assert video.is_hdr
    assert [frame_number(image) for _, image in images(result, probed(result).video)] == [0, 1, 2]


def test_the_bundled_ffmpeg_has_the_filters_for_tone_mapping():
    """The simple curve is for others only."""
    assert has_filter("zscale")
    assert has_filter("tonemap")
    assert not has_filter("no_such_filter")


def test_the_curve_without_zimg_is_st_2084():
    """Code 0.58 is 203 cd/m² (ITU-R BT.2408): one half of the Reinhard curve with its white at 4.9, then bt709."""
    value = eval(  # our own expression, with ffmpeg's functions source in Python
        pq_curve("0.5807"), {"pow": pow, "max": max, "clip": lambda x, low, high: min(max(x, low), high)}
    )

    middle = (1 + 1 / (1000 / 203) ** 2) / 2
    assert value == pytest.approx(255 * (1.099 * middle**0.45 - 0.099), abs=1)


def test_untagged_colors_get_the_defaults_of_players(tmp_path, probed):
    """SD is bt601, HD is bt709, and yuvj is full range."""
    small = probed(make_clip(tmp_path / "a.mov", frames=1, tracks=0)).video
    large = small.model_copy(update={"width_px": 1920, "height_px": 1080, "pix_fmt": "yuvj420p"})

    assert (full_color(small).space, full_color(small).range) == ("smpte170m", "tv")
    assert (full_color(large).space, full_color(large).range) == ("bt709", "pc")


@pytest.mark.parametrize(
    ("size", "aspect", "profile", "coded"),
    [
        ((1920, 1080), Fraction(1), "react1", (1920, 1080)),
        ((720, 576), Fraction(16, 15), "react1", (768, 576)),
        ((7680, 4320), Fraction(1), "react1", (3840, 2160)),
        ((2160, 4096), Fraction(1), "react1", (2160, 4096)),
        ((4000, 4000), Fraction(1), "react1", (2160, 2160)),
        ((519, 489), Fraction(1), "react1", (518, 488)),
        ((1920, 1080), Fraction(1), "preview", (640, 360)),
        ((320, 180), Fraction(1), "preview", (320, 180)),
    ],
)
def test_sizes_are_even_and_within_the_limits(tmp_path, size, aspect, profile, coded):
    """Shape is kept, nothing is enlarged."""
    video = _video(size, aspect)

    assert coded_size(video, LIMITS[profile]) == coded


def _video(size, aspect):
    from react1.pipeline.core.values import Timestamps, VideoStream

    return VideoStream(
        index=0,
        codec="h264",
        width_px=size[0],
        height_px=size[1],
        pix_fmt="yuv420p",
        bit_depth=8,
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        constant_rate=True,
        timestamps=Timestamps.of([0, 1], 1),
        sample_aspect=aspect,
    )
