"""Takes: what is fetched and refused, what is brought into form, and how a take is twisted."""

from fractions import Fraction

import av
import numpy as np
import pytest
from web import open_web

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.media.probe import require_video
from react1.pipeline.media.process import run_tool
from react1.pipeline.net.ssrf import Reach
from react1.pipeline.providers.parameters import React1Request
from react1.pipeline.server.perturb import Twist, argv
from react1.pipeline.server.render_take import copied, fits
from react1.pipeline.server.sources import look
from react1.pipeline.server.worker_protocol import Order


@pytest.fixture
def clip(tmp_path):
    """12 frames of 25/s, 128x72, whose grey is 40 + 10 times the number; Cb and Cr are 128."""
    return written(tmp_path / "clip.mp4", 12)


def written(path, count, rate=25, size=(128, 72), codec="libx264"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "4"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = 40 + 10 * number
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def twisted(clip, **asked):
    """The planes of all frames of a twisted clip: (count, height · 3 / 2, width), and what it holds."""
    made = clip.with_name("twisted.mp4")
    run_tool(argv(ffmpeg_path(), Twist(**asked), require_video(look(clip, "clip")), clip, made))
    with av.open(str(made)) as container:
        planes = np.stack([frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)])
    return planes, require_video(look(made, "twisted"))


def greys(planes, lines=72):
    return [round((float(frame[:lines].mean()) - 40) / 10) for frame in planes]


def test_a_longer_take_repeats_the_last_frame(clip):
    """Three more."""
    planes, _ = twisted(clip, longer_frames=3)

    assert greys(planes) == [*range(12), 11, 11, 11]


def test_a_shorter_take_lacks_the_last_frames(clip):
    """Two fewer; not all of them can be left out."""
    planes, _ = twisted(clip, shorter_frames=2)

    assert greys(planes) == [*range(10)]
    with pytest.raises(InputMediaError, match="12 frames; 12 cannot be left out"):
        twisted(clip, shorter_frames=12)


def test_another_rate_keeps_the_length(clip):
    """30000/1001 instead of 25."""
    planes, video = twisted(clip, rate="30000/1001")

    assert video.rate == Fraction(30000, 1001)
    assert len(planes) == 14


def test_1088_lines_repeat_the_last_line(clip):
    """72 lines become 80; the picture itself is not scaled."""
    planes, video = twisted(clip, round_lines_to=16)

    assert (video.width_px, video.height_px) == (128, 80)
    assert greys(planes, 80) == [*range(12)]
    assert abs(float(planes[11][72:80].mean()) - 150) < 3


def test_another_size_scales_the_picture(clip):
    """To what was asked for."""
    _, video = twisted(clip, width_px=96, height_px=64)

    assert (video.width_px, video.height_px) == (96, 64)


def test_a_colour_shift_moves_the_chroma_alone(clip):
    """Cb down, Cr up, by so many levels; and the other way round."""
    for shift in (8, -8):
        planes, _ = twisted(clip, colour_shift=shift)

        chroma = planes[5][72:].reshape(2, -1).mean(axis=1)
        assert chroma == pytest.approx([128 - shift, 128 + shift], abs=1)
        assert greys(planes) == [*range(12)]


def test_only_what_the_engine_takes_goes_in_as_it_is(tmp_path, clip):
    """Another rate, codec, or an odd size is written anew first."""
    assert fits(look(clip, "clip"))
    assert not fits(look(written(tmp_path / "fast.mp4", 6, rate=50), "fast"))
    assert not fits(look(written(tmp_path / "old.mp4", 6, codec="mpeg4"), "old"))
    assert not fits(look(written(tmp_path / "clip.mkv", 6), "mkv"))


def order(video_url, audio_url, **limits):
    return Order(
        request=React1Request(video_url=video_url, audio_url=audio_url),
        video_file="",
        audio_file="",
        reach=Reach(loopback=True),
        twists=(),
        **{"fetch_bytes": 1 << 20, "fetch_s": 10.0, **limits},
    )


def test_files_are_fetched_within_limits(tmp_path, clip, monkeypatch):
    """Too large, too slow, no sound: one line each, which names the parameter or the address."""
    with open_web() as web:
        film = web.serve("/film.mp4", clip.read_bytes())
        cases = [
            ({"fetch_bytes": 100}, "limit"),
            ({"fetch_s": -1.0}, "took more than -1 s"),
            ({}, "audio_url holds no"),
        ]
        for number, (limits, told) in enumerate(cases):
            folder = tmp_path / str(number)
            folder.mkdir()
            with pytest.raises(InputMediaError, match=told):
                copied(order(film, film, **limits), folder, lambda: None)
