"""The way of a splice is told before it is taken, and may be asked for."""

from __future__ import annotations

from fractions import Fraction
from unittest.mock import Mock

import av
import odd
import pytest
from numbered_clips import frame_number, make_clip
from takes import film, numbered_take, packets, segment, shown, spliced

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.pictures.fields import field_order
from react1.pipeline.splicing.pictures.frames import count_frames


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "changes"),
    [
        (".mp4", {"gop": 8}),
        (".mkv", {"gop": 8}),
        (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
        (".mp4", {"codec": "libx265", "gop": 8, "options": {"x265-params": "log-level=none:open-gop=1"}}),
    ],
)
def test_the_forecast_is_what_happens(context, suffix, changes):
    """As many pictures are coded as the plan said, by the encoder that it named."""
    media = film(context, suffix, frames=36, size=(192, 108), tracks=0, **changes)

    text = check_feasibility(context.path(media.file), media, [(10, 14)])
    result = spliced(context, media, (10, 14))

    assert text.way == result.metrics["way"] == "exact"
    assert text.encoded_frames == result.metrics["encoded_packets"] >= text.edited_frames == 4
    assert text.same_config == result.metrics["twin"]
    assert f"{text.encoded_frames - 4} more" in text.summary() and text.encoder in text.summary()


def test_a_film_that_cannot_be_exact_is_reported_with_its_reason(context):
    """The same reason that the splice gives afterwards."""
    media = film(context, ".mkv", frames=20, tracks=0, codec="mpeg4", time_base=Fraction(1, 25))

    text = check_feasibility(context.path(media.file), media, [(5, 9)])
    result = spliced(context, media, (5, 9))

    assert text.way == result.metrics["way"] == "reencoded-picture"
    assert text.reason == result.metrics["reason"] == "mpeg4 cannot be spliced packet by packet"
    assert text.metrics() == {"way": text.way, "reason": text.reason, "encoder": "mpeg4"}


def test_two_views_that_new_pictures_would_mark_once_more_are_refused_by_the_plan(context):
    """Not only after the takes are paid for, when the film does not decode."""
    plain = make_clip(context.temp_path("plain.mp4"), frames=6, tracks=0, size=(128, 96))
    path = context.temp_path("film.mkv")
    views = ["-c:v", "h263p", "-metadata:s:v", "stereo_mode=left_right"]
    run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), *views, str(path)])
    file = context.store(path)
    media = probe(context.path(file), file)

    with pytest.raises(InputMediaError, match=r"once more than its container .*mkvpropedit"):
        check_feasibility(context.path(file), media, [(2, 4)])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_mpeg_4_part_2_stays_in_its_own_codec(context, suffix):
    """As the plan says; B-frames and all, no picture is another."""
    changes = {"frames": 12, "tracks": 0, "size": (96, 64), "codec": "mpeg4", "options": {"bf": "2", "qmin": "1"}}
    media = film(context, suffix, **changes, time_base=Fraction(1, 25))

    plan = check_feasibility(context.path(media.file), media, [(5, 8)])
    result = spliced(context, media, (5, 8))

    assert (plan.encoder, plan.codec_change) == ("mpeg4", "")
    with av.open(str(result.path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert [frame_number(luma) for _, luma in shown(result.path)] == [*range(5), 1005, 1006, 1007, *range(8, 12)]
    assert result.notes == (f"the complete picture stream was re-encoded, visually lossless: {plan.reason}",)


def test_another_codec_is_announced_by_the_plan_and_by_the_result(context):
    """In the same words."""
    media = film(context, ".mov", frames=4, tracks=0, size=(176, 144), codec="h263", time_base=Fraction(1, 25))

    plan = check_feasibility(context.path(media.file), media, [(1, 2)])
    result = spliced(context, media, (1, 2))

    change = "h263 (yuv420p) is not encoded in its own codec here: the pictures become h264"
    assert plan.summary().endswith(f"; {change}") and change in result.notes


def test_an_mxf_whose_codec_would_change_is_refused_by_the_plan(context):
    """Its muxer would refuse the film when the take is paid for."""
    media = film(context, ".mxf", frames=8, tracks=0, size=(720, 576), codec="dvvideo", time_base=Fraction(1, 25))

    with pytest.raises(InputMediaError, match=r"\.mxf files cannot hold the h264 that its pictures would become; copy"):
        check_feasibility(context.path(media.file), media, [(2, 4)])
    with pytest.raises(InputMediaError, match=r"\.mxf files cannot hold the h264"):
        spliced(context, media, (2, 4))


@pytest.mark.parametrize(("suffix", "options"), [(".dv", ("-s", "720x576", "-c:v", "dvvideo")), (".y4m", ())])
def test_a_file_whose_muxer_takes_no_other_pictures_is_refused_by_the_plan(context, tmp_path, suffix, options):
    """A capture of a tape and raw pictures; both failed when their takes were paid for."""
    path = tmp_path / f"film{suffix}"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.32", "-pix_fmt", "yuv420p", *options, path)
    file = context.store(path)

    with pytest.raises(InputMediaError, match=rf"no muxer for \{suffix} files takes .*; copy the film into \.mkv"):
        check_feasibility(context.path(file), probe(context.path(file), file), [(2, 4)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "rate", "size", "megabits"),
    [
        (".mov", Fraction(24000, 1001), (1280, 720), 90),
        (".mxf", Fraction(25), (1280, 720), 90),
        (".mov", Fraction(25), (1920, 1080), 185),
        (".mxf", Fraction(24000, 1001), (1920, 1080), 36),
    ],
)
def test_dnxhd_is_known_by_its_nominal_bit_rate(context, suffix, rate, size, megabits):
    """Which is another one than that of its packets."""
    media = film(
        context,
        suffix,
        frames=5,
        rate=rate,
        tracks=0,
        size=size,
        codec="dnxhd",
        pix_fmt="yuv422p",
        time_base=1 / rate,
        options={"b": f"{megabits}M"},
    )

    plan = check_feasibility(context.path(media.file), media, [(2, 4)])
    result = spliced(context, media, (2, 4))

    assert (plan.way, plan.encoder, result.metrics["way"]) == ("exact", "dnxhd", "exact")
    assert [frame_number(luma) for _, luma in shown(result.path)] == [0, 1, 1002, 1003, 4]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "order"), [(".mov", "top first"), (".mxf", "bottom first")])
def test_interlaced_dnxhd_stays_so(context, suffix, order):
    """New pictures have the film's field order, packets outside the edit are the film's own."""
    progressive = make_clip(
        context.temp_path("p.mkv"), frames=4, tracks=0, size=(1920, 1080), codec="ffv1", pix_fmt="yuv422p"
    )
    path = context.temp_path(f"film{suffix}")
    codec = ["-c:v", "dnxhd", "-b:v", "120M", "-flags", "+ildct", "-pix_fmt", "yuv422p"]
    fields = f"setfield={'tff' if order == 'top first' else 'bff'}"
    run_tool([ffmpeg_path(), "-v", "error", "-i", str(progressive), "-vf", fields, *codec, str(path)])
    file = context.store(path)
    media = probe(context.path(file), file)

    plan = check_feasibility(context.path(media.file), media, [(1, 3)])
    result = spliced(context, media, (1, 3))

    assert media.video.interlaced
    assert (plan.way, plan.encoder, result.metrics["way"]) == ("exact", "dnxhd", "exact")
    assert [frame_number(luma) for _, luma in shown(result.path)] == [0, 1001, 1002, 3]
    with av.open(str(result.path)) as container:
        assert [field_order(frame) for frame in container.decode(video=0)] == [order] * 4
    before, after = packets(context.path(media.file)), packets(result.path)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False, True]


def test_spans_that_overlap_are_counted_once():
    """Ramps of neighbours do."""
    assert count_frames([(0, 5), (3, 8), (20, 21)]) == 9


def test_where_only_the_exact_way_is_wanted_no_other_is_taken(context):
    """One line that says why, and what else could be asked for."""
    media = film(context, ".mkv", frames=20, tracks=0, codec="mpeg4", time_base=Fraction(1, 25))
    take = numbered_take(context, segment(media, 5, 9))

    with pytest.raises(InputMediaError, match="mpeg4 cannot be spliced packet by packet; with `exact: prefer`"):
        splicing.splice(context, ffmpeg_path(), media, [take], require_exact=True)


@pytest.mark.slow
def test_a_film_that_can_be_exact_is_spliced_where_that_is_wanted(context):
    """And a copy of it is edited where it lies, if that is wanted too."""
    media = film(context, frames=36, gop=8, size=(192, 108), tracks=0)
    take = numbered_take(context, segment(media, 10, 14))

    result = splicing.splice(context, ffmpeg_path(), media, [take], require_exact=True, in_place=True)

    assert result.metrics["way"] == "exact" and result.metrics["in_place"] is True
    assert result.metrics["index_moved"] is False and result.notes == ()
    before, after = packets(context.path(media.file)), packets(result.path)
    same = sum(item == other for item, other in zip(before, after, strict=True))
    assert same == 36 - result.metrics["encoded_packets"]


@pytest.mark.slow
def test_an_index_that_moves_to_the_end_is_reported(context):
    """A film that could be played while it is fetched cannot be any more."""
    options = {"container_options": {"movflags": "+faststart"}}
    media = film(context, frames=36, gop=8, size=(192, 108), tracks=0, **options)
    take = numbered_take(context, segment(media, 10, 14))

    result = splicing.splice(context, ffmpeg_path(), media, [take], in_place=True)

    assert result.metrics["index_moved"] is True and "index is now at its end" in result.notes[0]


@pytest.mark.slow
def test_what_has_no_boxes_is_not_edited_in_place_and_reports_it(context):
    """Matroska is rewritten."""
    media = film(context, ".mkv", frames=36, gop=8, size=(192, 108), tracks=0)

    result = spliced(context, media, (10, 14), in_place=True)

    assert result.metrics["in_place"] is False and "only MP4 and MOV" in result.metrics["in_place_reason"]


@pytest.mark.slow
def test_what_is_re_encoded_completely_is_not_edited_in_place_and_reports_it(context):
    """Its only keyframe is the first picture."""
    media = film(context, frames=36, gop=250, size=(192, 108), tracks=0)
    take = numbered_take(context, segment(media, 0, 4))

    result = splicing.splice(context, ffmpeg_path(), media, [take], in_place=True)

    assert result.metrics["in_place"] is False and "re-encoded" in result.metrics["in_place_reason"]


INTRA_ONLY = {"gop": 1, "bframes": 0, "time_base": Fraction(1, 25)}
X265_INTRA = {"x265-params": "log-level=none:keyint=1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "way", "changes"),
    [
        (".mxf", "exact", {**INTRA_ONLY, "codec": "mpeg2video"}),
        (".mxf", "reencoded-picture", {**INTRA_ONLY, "codec": "mpeg2video"}),
        (".mov", "exact", {**INTRA_ONLY, "codec": "libx265", "pix_fmt": "yuv422p10le", "options": X265_INTRA}),
        (".mov", "exact", {**INTRA_ONLY, "codec": "libx264", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_pictures_that_are_all_keyframes_stay_so(context, monkeypatch, suffix, way, changes):
    """As tapes in MXF (IMX) and cameras have them: they became groups of fifteen, and predicted ones in an edit."""
    media = film(context, suffix, frames=8, tracks=0, **changes)
    if way != "exact":
        monkeypatch.setattr(splicing, "smart_render", Mock(side_effect=NotApplicable("because")))

    result = spliced(context, media, (2, 5))

    assert result.metrics["way"] == way
    with av.open(str(result.path)) as container:
        assert all(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
