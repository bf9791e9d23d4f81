"""Frames of a film that stays open: exactly those of the reader of spans, in any order."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from numbered_clips import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.frames import random_access
from react1.pipeline.media.frames.decode import exact_frames, images
from react1.pipeline.media.frames.random_access import OpenFilm
from react1.pipeline.media.probe import probe_path
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

ORDER = (41, 42, 43, 5, 6, 59, 58, 0, 30, 12, 50)


@pytest.fixture(scope="module", params=[("mp4", "libx264"), ("ts", "libx264"), ("mp4", "libx265")])
def film(request, tmp_path_factory):
    suffix, codec = request.param
    path = tmp_path_factory.mktemp("open") / f"film.{suffix}"
    return make_clip(path, frames=60, size=(64, 48), tracks=0, codec=codec, gop=24)


def test_frames_in_any_order_are_those_of_the_film(film, monkeypatch):
    """Those that no other frame needs are left out on the way; the film is opened once."""
    opened, expected = [], dict(exact_frames(film, probe_path(film).video))
    monkeypatch.setattr(
        random_access, "open_media", lambda path, real=random_access.open_media: opened.append(path) or real(path)
    )
    monkeypatch.setattr(random_access, "exact_frames", lambda *_: pytest.fail("the film was read in another way"))
    reader = OpenFilm(film, probe_path(film).video)

    for wanted in ORDER:
        ((index, frame),) = reader.frames(wanted, wanted + 1)
        assert index == wanted
        assert np.array_equal(frame.to_ndarray(), expected[wanted].to_ndarray())

    assert opened == [film]
    reader.close()


def test_the_keyframe_before_a_frame_is_decoded_alone(film):
    """It is a frame of the film, and the frames that are asked for next are right."""
    video = probe_path(film).video
    expected, reader = dict(exact_frames(film, video)), OpenFilm(film, video)

    keyframes = [reader.keyframe(frame) for frame in (47, 23, 30, 0)]

    indices = [index for index, _ in keyframes]
    assert indices[3] == 0
    assert indices[1] < indices[0] <= 47
    for index, frame in keyframes:
        assert np.array_equal(frame.to_ndarray(), expected[index].to_ndarray())
    ((index, frame),) = reader.frames(31, 32)
    assert (index, frame.pts) == (31, expected[31].pts)
    reader.close()


def test_who_gives_up_on_the_way_finds_the_reader_usable(film):
    """The check is asked before each frame, also before those that only lead to the wanted one."""
    video = probe_path(film).video
    expected, reader, calls = dict(exact_frames(film, video)), OpenFilm(film, video), []

    def check():
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(reader.frames(20, 21, check))

    for wanted in (22, 21):
        ((index, frame),) = reader.frames(wanted, wanted + 1)
        assert (index, frame.pts) == (wanted, expected[wanted].pts)
    reader.close()


def test_what_is_damaged_is_reported_as_everywhere(tmp_path):
    """By the reader of spans, in its words."""
    film = make_clip(tmp_path / "film.ts", frames=40, size=(64, 48), tracks=0, gop=20)
    video, content = probe_path(film).video, bytearray(film.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 20] = bytes(188 * 20)
    film.write_bytes(content)
    reader, messages = OpenFilm(film, video), []

    for read in (lambda: reader.frames(0, 40), lambda: exact_frames(film, video, 0, 40)):
        with pytest.raises(InputMediaError) as refused:
            list(read())
        messages.append(str(refused.value))

    assert messages[0] == messages[1]
    reader.close()


@pytest.mark.parametrize(
    ("suffix", "codec"), [("avi", "rawvideo"), ("avi", "msrle"), ("mov", "rawvideo"), ("mov", "qtrle"), ("mov", "smc")]
)
def test_frames_keep_their_palette_wherever_a_reader_begins(tmp_path, suffix, codec):
    """Their container gives it with the first packet alone; without it they are black."""
    path, size = tmp_path / f"film.{suffix}", (64, 48)
    source = [
        "-f",
        "lavfi",
        "-i",
        f"testsrc=s={size[0]}x{size[1]}:d=2",
        "-pix_fmt",
        "gray" if codec == "qtrle" else "pal8",
    ]
    subprocess.run([ffmpeg_path(), "-v", "error", *source, "-c:v", codec, str(path)], check=True)
    raw = ["-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run([ffmpeg_path(), "-v", "error", *raw], check=True, stdout=subprocess.PIPE).stdout
    expected, video = np.frombuffer(decoded, np.uint8).reshape(-1, size[1], size[0], 3), probe_path(path).video
    reader = OpenFilm(path, video)

    shown = [next(reader.frames(frame, frame + 1)) for frame in (40, 3, 49, 20)]
    keyframe = reader.keyframe(45)
    span = dict(images(path, video, 30, 33))

    assert video.pix_fmt == "pal8"
    for index, frame in [*shown, *([keyframe] if keyframe else [])]:
        assert np.array_equal(frame.to_ndarray(format="rgb24"), expected[index])
    assert all(np.array_equal(picture, expected[index]) for index, picture in span.items())
    reader.close()
