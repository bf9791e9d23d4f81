"""Re-encoded pictures are compared with what they should show."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import astronaut
import av
import numpy as np
import odd
import pytest
from av.video.frame import VideoFrame
from numbered_clips import frame_number, make_clip
from own_span import own_take
from takes import TAKE_OFFSET, film, numbered_take, segment, shown

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.frames.decode import decode_frames, reformat
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import reencode, smart_render, strategies
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.job import SpliceJob
from react1.pipeline.splicing.pictures.frames import Insert
from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes, working_format
from react1.pipeline.splicing.verification import picture_diff as alike
from react1.pipeline.splicing.verification.picture_diff import compare_pictures

pytestmark = pytest.mark.slow


def refuse(_job):
    raise NotApplicable("because")


def spliced(context, media):
    return splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, 9, 13))])


def test_an_edit_at_the_wrong_frames_is_not_kept(context, monkeypatch):
    """A shift of the stored pictures, planted, gives the same packets' times: only the pictures tell."""
    complete = make_clip(context.temp_path("whole.mp4"), frames=30, gop=12, tracks=0)
    cut = context.temp_path("cut.mp4")
    context.run_tool([ffmpeg_path(), "-v", "error", "-ss", "0.3", "-i", str(complete), "-c", "copy", str(cut)])
    file = context.store(cut)
    media = probe(context.path(file), file)
    real = strategies.read_frame_grid
    monkeypatch.setattr(strategies, "read_frame_grid", lambda *value: replace(real(*value), hidden=0))
    for way in ("smart_render", "reencode_and_remux"):
        monkeypatch.setattr(splicing, way, refuse)

    with pytest.raises(InputMediaError, match="frame 1 differs from the source"):
        spliced(context, media)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_similarity_is_a_figure_of_a_film_re_encoded(context, monkeypatch, suffix):
    """The worst frame's PSNR stands in the report."""
    monkeypatch.setattr(splicing, "smart_render", refuse)

    result = spliced(context, film(context, suffix, frames=30, tracks=0))

    assert result.metrics["pictures_alike"] and result.metrics["least_psnr_db"] > 44
    assert [frame_number(luma) for _, luma in shown(result.path)][9:13] == [n + TAKE_OFFSET for n in range(9, 13)]


@pytest.mark.parametrize("enough", ["6", "none"])
def test_what_does_not_look_alike_is_coded_once_more_and_finer(context, monkeypatch, enough):
    """Planted: only half of the usual quantiser looks alike, or no quantiser does, and then that is all."""
    media, crfs, real = film(context, ".mkv", frames=20, tracks=0, size=(128, 96)), [], strategies.encode

    def noting(frames, result, video, choice, *more):
        crfs.append(choice.options["crf"])
        return real(frames, result, video, choice, *more)

    def judged(*value):
        return (
            compare_pictures(*value)
            if crfs[-1] == enough
            else alike.PictureDiff(20.0, "frame 1 differs from the source")
        )

    for owner, name, planted in (
        (splicing, "smart_render", refuse),
        (strategies, "encode", noting),
        (splicing, "compare_pictures", judged),
    ):
        monkeypatch.setattr(owner, name, planted)

    if enough == "none":
        with pytest.raises(InputMediaError, match=r"frame 1 differs from the source$"):
            spliced(context, media)
    else:
        assert spliced(context, media).metrics["least_psnr_db"] > 44

    assert crfs == ["12", "6"]


def test_a_take_that_is_not_shown_and_a_missing_frame_are_errors(context):
    """The same film against itself, once with a take meant, once with fewer frames."""
    media, short = film(context, frames=20, tracks=0), film(context, frames=19, tracks=0)
    source, take = context.path(media.file), numbered_take(context, segment(media, 5, 9))
    insert = Insert(5, 9, context.path(take.media.file))

    assert (
        compare_pictures(source, source, 0, ()).failure == ""
        and compare_pictures(source, source, 0, ()).min_psnr_db == 99
    )
    assert "frame 5" in compare_pictures(source, source, 0, (insert,)).failure
    assert "number of frames" in compare_pictures(source, context.path(short.file), 0, ()).failure


def test_a_small_wrong_part_is_an_error_though_the_frame_s_psnr_is_high(context):
    """A patch of 16 by 16, moved by 20 levels, leaves 50 dB over the frame."""
    item = make_clip(context.temp_path("one.mp4"), frames=1, tracks=0, size=(640, 360))
    luma, *rest = frame_planes(next(decode_frames(item)))
    luma[160:176, 320:336] += 20
    patched = context.temp_path("patched.mkv")
    with av.open(str(patched), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        out.mux(stream.encode(frame_from_planes([luma, *rest], "yuv420p")))
        out.mux(stream.encode(None))

    matches = compare_pictures(item, patched, 0, ())

    assert matches.min_psnr_db > 44 and "worst block off by" in matches.failure


def test_grain_that_an_encoder_smooths_is_reported_and_no_error(context):
    """A wrong picture moves whole blocks; noise moves none."""
    plain = make_clip(context.temp_path("plain.mp4"), frames=4, tracks=0)
    grainy = context.temp_path("grainy.mkv")
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-i", str(plain), "-vf", "noise=c0s=30:c0f=t", "-c:v", "ffv1", str(grainy)]
    )

    matches = compare_pictures(grainy, plain, 0, ())

    assert matches.min_psnr_db < 38 and matches.failure == ""
    assert matches.lost == (f"fine grain (the worst frame has {matches.min_psnr_db:.1f} dB)",)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_grain_in_a_web_film_is_not_lost_to_a_bound_on_the_rate(context, codec):
    """The quantiser rules: noise costs as many bits as it needs."""
    path = context.temp_path("film.webm")
    noise = "testsrc2=s=640x360:r=25:d=0.8,noise=alls=45:allf=t,format=yuv420p"
    coder = ["-c:v", codec, "-b:v", "20M", "-deadline", "realtime", "-cpu-used", "8"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", noise, *coder, str(path)])
    file = context.store(path)

    result = spliced(context, probe(context.path(file), file))

    assert result.metrics["least_psnr_db"] > 42


def test_only_what_lies_far_from_both_ends_of_a_take_is_not_compared():
    """A long take's middle, and never a frame of the film's own."""
    long, short = Insert(10, 110, Path()), Insert(150, 180, Path())
    over = Insert(60, 200, Path())

    assert alike._take_middles([long, short], range(200)) == [range(34, 86)]
    assert alike._take_middles([long], range(80)) == []
    assert alike._take_middles([long, over], range(300)) == [range(34, 36), range(84, 86), range(134, 176)]
    assert alike._take_middles([], range(200)) == []


def test_frames_that_were_compared_are_released(context, monkeypatch):
    """One whose side data was read refers to itself: an hour of them would fill the memory."""
    media = film(context, frames=120, gop=120, size=(64, 64), tracks=0)
    path, held, real = context.path(media.file), [], alike._compare_frames

    def counting(*pair):
        held.append(sum(isinstance(item, VideoFrame) for item in gc.get_objects()))
        return real(*pair)

    monkeypatch.setattr(alike, "_compare_frames", counting)
    job = SpliceJob(context, ffmpeg_path(), media, media.video, path, (Insert(120, 121, Path()),), ())
    gc.freeze()  # what was there before is not looked through for each frame
    try:
        matches = alike.compare_around(job, path, [range(120)], 0)
    finally:
        gc.unfreeze()

    assert matches.failure == "" and len(held) == 120
    assert max(held) - held[0] < 12


def tinted(frames, levels):
    """Yield frames whose second plane is moved by some levels."""
    for source, number in frames:
        frame = reformat(source, pix_fmt=working_format(source.format.name))
        first, second, *rest = frame_planes(frame)
        yield frame_from_planes([first, second + np.array(levels, second.dtype), *rest], frame.format.name), number


@pytest.mark.parametrize("levels", [12, 0])
@pytest.mark.parametrize(
    ("suffix", "changes"),
    [(".mp4", {}), (".mkv", {"pix_fmt": "yuv444p"}), (".mp4", {"pix_fmt": "yuv422p10le"})],
)
def test_a_wrong_color_beside_the_edit_is_an_error_though_luma_is_right(context, monkeypatch, suffix, changes, levels):
    """Planted in all pictures that are encoded, of ranges that reach beyond the edit."""
    media, real = (
        film(context, suffix, frames=30, gop=12, tracks=0, size=(192, 128), **changes),
        smart_render.encode_packets,
    )
    planted = levels * 4 if "10" in media.video.pix_fmt else levels
    monkeypatch.setattr(
        smart_render,
        "encode_packets",
        lambda frames, *more: real(tinted(frames, planted) if levels else frames, *more),
    )
    take = own_take(context, segment(media, 9, 13))

    if levels:
        with pytest.raises(
            InputMediaError, match=r"differs from the source in color \(worst block off by 1[0-3]\.\d levels"
        ):
            splicing.splice(context, ffmpeg_path(), media, [take], require_exact=True)
    else:
        assert splicing.splice(context, ffmpeg_path(), media, [take]).metrics["way"] == "exact"


@pytest.mark.parametrize("number", [1, 2])
def test_red_and_blue_count_as_green_does(number):
    """Of films whose pictures have no luma; the alpha of a codec that has none does not count."""
    picture = np.random.default_rng(1).integers(40, 200, (64, 64), np.uint8)
    planes, changed = [picture] * 3, [picture, picture, picture]
    changed[number] = picture + np.uint8(12)
    expected, wrong = (frame_from_planes(each, "gbrp") for each in (planes, changed))
    opaque = reformat(expected, pix_fmt="gbrap")

    message = "differs from the source in color (worst block off by 12.0 levels)"
    assert alike._compare_pixels(expected, wrong) == (99.0, message)
    assert alike._compare_pixels(opaque, expected) == (99.0, "")


@pytest.mark.parametrize("levels", [0, 12])
def test_chroma_of_another_sampling_is_compared_in_that_sampling(levels):
    """DV has one sample for four pixels of each row, and H.264 has no such pictures; hard edges of color lose by it."""
    luma, blue = np.full((64, 256), 128, np.uint8), np.full((64, 64), 16, np.uint8)
    blue[16:32], red = 240 - levels, np.full((64, 64), 128, np.uint8)
    film_picture = frame_from_planes([luma, blue, red], "yuv411p")
    coded = frame_planes(reformat(film_picture, pix_fmt="yuv420p"))
    coded[1] += np.uint8(levels)

    failure = alike._compare_pixels(film_picture, frame_from_planes(coded, "yuv420p"))[1]

    assert failure == ("differs from the source in color (worst block off by 12.0 levels)" if levels else "")


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize(
    ("planted", "order", "is_right"),
    [
        ({}, "gbr", True),
        ({"dst_colorspace": 5}, "gbr", False),
        ({"dst_color_range": 2}, "gbr", False),
        ({}, "grb", False),
    ],
)
def test_red_green_and_blue_that_became_luma_and_chroma_are_compared(pix_fmt, planted, order, is_right):
    """A matrix, or a range, other than the one that is declared, and red and blue that change places, are faults."""
    picture = reformat(VideoFrame.from_ndarray(astronaut.still(384, 288), "rgb24"), pix_fmt="gbrp")
    planes = dict(zip("gbr", frame_planes(picture), strict=True))
    colors = {"src_color_range": 2, "dst_colorspace": 1, "dst_color_range": 1, **planted}

    coded = reformat(frame_from_planes([planes[name] for name in order], "gbrp"), pix_fmt=pix_fmt, **colors)
    coded.colorspace, coded.color_range = 1, 1

    failure = alike._compare_pixels(picture, coded)[1]
    assert (not failure) if is_right else failure.startswith("differs from the source")


@pytest.mark.parametrize("planted", [{}, {"dst_colorspace": 5}, {"dst_color_range": 2}])
def test_a_wrong_matrix_of_a_complete_re_encode_is_an_error(context, monkeypatch, planted):
    """ZMBV of red, green and blue becomes H.264, which has none."""
    real = reencode.color_conversion
    monkeypatch.setattr(reencode, "color_conversion", lambda *which: {**real(*which), **planted})
    path = context.temp_path("film.mkv")
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=192x128:r=25:d=0.8", "-c:v", "zmbv", "-pix_fmt", "bgr0", path)
    file = context.add_external(path)
    media = probe(context.path(file), file)
    take = own_take(context, segment(media, 9, 13))

    if planted:
        with pytest.raises(InputMediaError, match="frame 0 differs from the source"):
            splicing.splice(context, ffmpeg_path(), media, [take])
    else:
        result = splicing.splice(context, ffmpeg_path(), media, [take])
        assert result.metrics["way"] == "reencoded-picture"


def test_a_wrong_color_of_a_complete_re_encode_is_an_error(context, monkeypatch):
    """Its packets do not tell what they show."""
    real = strategies.encode
    for owner, name, planted in (
        (splicing, "smart_render", refuse),
        (strategies, "encode", lambda frames, *more: real(tinted(frames, 12), *more)),
    ):
        monkeypatch.setattr(owner, name, planted)

    with pytest.raises(InputMediaError, match="frame 0 differs from the source in color"):
        spliced(context, film(context, frames=20, tracks=0, size=(192, 128)))
