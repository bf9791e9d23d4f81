"""Takes: which media is refused, which is transcoded, and how takes are perturbed."""

from fractions import Fraction

import av
import numpy as np
import pytest
from web import open_web

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.probe import require_video
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.net.url import NetworkPolicy
from react1.pipeline.providers.contract import React1Request
from react1.pipeline.server.faults import Perturbation
from react1.pipeline.server.sources import probe_file
from react1.pipeline.server.worker import copy_take, engine_accepts, perturb_argv
from react1.pipeline.server.worker_protocol import WorkerRequest


@pytest.fixture
def clip(tmp_path):
    """12 frames of 25/s, 128x72, whose grey is 40 + 10 times the number; Cb and Cr are 128."""
    return write_clip(tmp_path / "clip.mp4", 12)


def write_clip(path, count, rate=25, size=(128, 72), codec="libx264"):
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


def perturbed(clip, **changes):
    """Perturb a clip; return the planes of all frames, (count, height · 3 / 2, width), and the probed video."""
    output = clip.with_name("perturbed.mp4")
    run_tool(
        perturb_argv(ffmpeg_path(), Perturbation(**changes), require_video(probe_file(clip, "clip")), clip, output)
    )
    with av.open(str(output)) as container:
        planes = np.stack([frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)])
    return planes, require_video(probe_file(output, "perturbed"))


def greys(planes, lines=72):
    return [round((float(frame[:lines].mean()) - 40) / 10) for frame in planes]


def test_a_longer_take_repeats_the_last_frame(clip):
    """`longer_frames` adds copies of the last frame."""
    planes, _ = perturbed(clip, longer_frames=3)

    assert greys(planes) == [*range(12), 11, 11, 11]


def test_a_shorter_take_ends_early(clip):
    """`shorter_frames` removes the last frames, but never all."""
    planes, _ = perturbed(clip, shorter_frames=2)

    assert greys(planes) == [*range(10)]
    with pytest.raises(InputMediaError, match="12 frames; 12 cannot be removed"):
        perturbed(clip, shorter_frames=12)


def test_another_rate_keeps_the_length(clip):
    """`rate` resamples 25 frames/s to 30000/1001."""
    planes, video = perturbed(clip, rate="30000/1001")

    assert video.rate == Fraction(30000, 1001)
    assert len(planes) == 14


def test_1088_lines_repeat_the_last_line(clip):
    """72 lines become 80; the picture itself is not scaled."""
    planes, video = perturbed(clip, round_lines_to=16)

    assert (video.width_px, video.height_px) == (128, 80)
    assert greys(planes, 80) == [*range(12)]
    assert abs(float(planes[11][72:80].mean()) - 150) < 3


def test_another_size_scales_the_picture(clip):
    """`width_px` and `height_px` set the size."""
    _, video = perturbed(clip, width_px=96, height_px=64)

    assert (video.width_px, video.height_px) == (96, 64)


def test_a_colour_shift_changes_only_the_chroma(clip):
    """Cr rises and Cb falls by the shift, or the reverse; luma stays."""
    for shift in (8, -8):
        planes, _ = perturbed(clip, colour_shift=shift)

        chroma = planes[5][72:].reshape(2, -1).mean(axis=1)
        assert chroma == pytest.approx([128 - shift, 128 + shift], abs=1)
        assert greys(planes) == [*range(12)]


def test_only_media_that_the_engine_reads_is_not_transcoded(tmp_path, clip):
    """Another rate, codec or container is transcoded first."""
    assert engine_accepts(probe_file(clip, "clip"))
    assert not engine_accepts(probe_file(write_clip(tmp_path / "fast.mp4", 6, rate=50), "fast"))
    assert not engine_accepts(probe_file(write_clip(tmp_path / "old.mp4", 6, codec="mpeg4"), "old"))
    assert not engine_accepts(probe_file(write_clip(tmp_path / "clip.mkv", 6), "mkv"))


def request_for(video_url, audio_url, **limits):
    return WorkerRequest(
        parameters=React1Request(video_url=video_url, audio_url=audio_url),
        video_file="",
        audio_file="",
        network=NetworkPolicy(allow_loopback=True),
        perturbations=(),
        **{"fetch_bytes": 1 << 20, "fetch_s": 10.0, **limits},
    )


def test_files_are_fetched_within_limits(tmp_path, clip, monkeypatch):
    """Too large, too slow, no audio: each error names the parameter or the URL."""
    with open_web() as web:
        url = web.serve("/film.mp4", clip.read_bytes())
        cases = [
            ({"fetch_bytes": 100}, "limit"),
            ({"fetch_s": -1.0}, "took more than -1 s"),
            ({}, "audio_url has no audio stream"),
        ]
        for number, (limits, message) in enumerate(cases):
            folder = tmp_path / str(number)
            folder.mkdir()
            with pytest.raises(InputMediaError, match=message):
                copy_take(request_for(url, url, **limits), folder, lambda: None)
