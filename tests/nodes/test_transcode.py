"""`transcode` gives what a provider takes, and knows which frame each new one shows."""

from fractions import Fraction

import pytest
from numbered_clips import frame_number, make_clip

from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.media.frames import decode
from react1.pipeline.media.probe import probe

pytestmark = pytest.mark.slow


def segment(context, span=("20f", "40f"), **recipe):
    file = context.add_external(make_clip(context.temp_path("film.mov"), **({"frames": 60} | recipe)))
    edits = [{"in": span[0], "out": span[1]}]
    return Trim().run(context, TrimParams(edits=edits), probe(context.path(file), file))[0]


def transcoded(context, value, **params):
    return Transcode().run(context, TranscodeParams(**params), value)


def numbers(context, value):
    return tuple(
        frame_number(image)
        for _, image in decode.images(context.path(value.media.file), value.media.video, upright=False)
    )


@pytest.mark.parametrize(
    ("rate", "offered"),
    [
        (Fraction(24000, 1001), 24),
        (Fraction(25), 25),
        (Fraction(30000, 1001), 30),
        (Fraction(50), 25),
        (Fraction(60000, 1001), 30),
        (Fraction(15), 30),
    ],
)
def test_each_new_frame_shows_the_frame_that_the_map_says(context, rate, offered):
    """The number in each picture is the number in `frames`, at every rate."""
    value = transcoded(context, segment(context, rate=rate, tracks=0))

    video = value.media.video
    assert numbers(context, value) == value.frames
    assert (video.rate, video.constant_rate, video.timestamps.runs[0][0]) == (offered, True, 0)
    assert abs(video.frame_count / video.rate - 36 / rate) <= 1 / (2 * video.rate)


def test_an_uneven_film_gets_an_even_grid(context):
    """Held frames are repeated, crowded ones left out, and the map tells both."""
    pts = (*range(0, 800, 40), 1200, 1240, 1250, 1260, 1300, 1340)
    value = transcoded(
        context, segment(context, ("2f", "24f"), frames=26, tracks=0, time_base=Fraction(1, 1000), pts=pts)
    )

    assert numbers(context, value) == value.frames
    assert value.frames.count(19) == 11
    assert value.metrics["transcode"]["frames_repeated"] == 10
    assert value.metrics["transcode"]["frames_left_out"] == 26 - len(set(value.frames))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_picture_is_upright_with_square_pixels(context, turn, mirrored):
    """Turned, mirrored, stretched by 4:3 across the coded lines; nothing is left to do for a player."""
    value = transcoded(
        context, segment(context, tracks=0, rotation_deg=turn, mirrored=mirrored, sar=Fraction(4, 3), size=(240, 180))
    )

    video = value.media.video
    assert numbers(context, value) == value.frames
    assert (video.width_px, video.height_px) == ((320, 180) if turn in (0, 180) else (180, 320))
    assert (video.rotation_deg, video.mirrored, video.sample_aspect) == (0, False, 1)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p", "yuvj422p"])
def test_the_form_is_the_provider_s(context, pix_fmt):
    """H.264 High, 8-bit 4:2:0, bt709 in tv range, no sound, the index in front of the pictures."""
    value = transcoded(context, segment(context, pix_fmt=pix_fmt))

    video = value.media.video
    data = context.path(value.media.file).read_bytes()
    assert (video.codec, video.profile, video.pix_fmt, value.media.audio) == ("h264", "High", "yuv420p", ())
    assert (video.color_range, video.color_primaries, video.color_transfer, video.color_space) == ("tv", *["bt709"] * 3)
    assert data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_become_even(context):
    """4:2:0 has no odd ones."""
    value = transcoded(context, segment(context, size=(319, 179), pix_fmt="yuv444p", tracks=0))

    assert (value.media.video.width_px, value.media.video.height_px) == (318, 178)
    assert numbers(context, value) == value.frames


def test_a_preview_is_small(context):
    """At most 640 px, shape kept, the same frames."""
    value = segment(context, size=(1280, 720), tracks=0, frames=24, span=("10f", "14f"))

    small = transcoded(context, value, profile="preview")

    assert (small.media.video.width_px, small.media.video.height_px) == (640, 360)
    assert numbers(context, small) == small.frames == value.frames


def test_one_frame_is_enough(context):
    """The shortest segment there is."""
    value = transcoded(context, segment(context, ("5f", "6f"), frames=6, tracks=0, rate=Fraction(60)))

    assert len(value.frames) == value.media.video.frame_count >= 1
    assert numbers(context, value) == value.frames


def test_interlaced_pictures_become_whole_ones(context):
    """One frame of two fields gives one frame, in its place."""
    value = segment(context, tracks=0, options={"x264-params": "tff=1"})

    complete = transcoded(context, value)

    assert value.media.video.interlaced
    assert not complete.media.video.interlaced
    assert "bwdif" in context.calls[-1][context.calls[-1].index("-filter_complex") + 1]
    assert numbers(context, complete) == complete.frames == value.frames


def test_hdr_is_reported(context):
    """The user learns that the model sees another picture."""
    value = transcoded(context, segment(context, pix_fmt="yuv420p10le", colour=(1, 9, 16, 9), tracks=0))

    assert any("HDR" in remark and "smpte2084" in remark for remark in value.notes)
    assert value.metrics["transcode"]["before"]["color"][2] == "smpte2084"


def test_the_same_segment_gives_the_same_bytes(context):
    """The store is told by content; a date or a version string in the file would be noise."""
    value = segment(context, tracks=0)

    assert transcoded(context, value).media.file == transcoded(context, value).media.file
