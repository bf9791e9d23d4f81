"""MPEG-1 and MPEG-2 are spliced packet by packet, also in open groups of pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numbered_clips import frame_number, make_clip
from odd import ffmpeg
from own_span import own_take
from seen import planes
from takes import TAKE_OFFSET, numbered_take, packets, segment

from react1.pipeline.core.edits.edit import Edit  # noqa: F401
from react1.pipeline.media import mpeg_headers
from react1.pipeline.media.mp4.sample_tables import read_sample_table
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing.codecs import mpeg_video
from react1.pipeline.splicing.codecs.declared_rates import declared_rates
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.mp4.fragments import read_index
from react1.pipeline.splicing.mp4.replace_samples import find_track
from react1.pipeline.splicing.pictures.fields import field_order
from react1.pipeline.splicing.splice import splice

pytestmark = pytest.mark.slow

FRAMES = 24
INTERLACED = (
    "-vf",
    "setfield=tff",
    "-pix_fmt",
    "yuv422p",
    "-flags",
    "+ildct+ilme",
    "-intra_vlc",
    1,
    "-non_linear_quant",
    1,
)


def _film(folder: Path, suffix: str, *options: object, codec: str = "mpeg2video") -> Path:
    """Make a film of groups of six pictures, all but the first open."""
    numbered = make_clip(folder / "numbered.mp4", frames=FRAMES, size=(96, 64), tracks=0)
    path = folder / f"film{suffix}"
    usual = ("-q:v", 2, "-g", 6, "-bf", 2, "-b_strategy", 0, "-sc_threshold", 1_000_000_000, "-qmax", 28)
    ffmpeg("-i", numbered, "-c:v", codec, *usual, *options, path)
    return path


def _spliced(context, path: Path, span: tuple[int, int], **options):
    """Splice a numbered take as the plan says, and see that all other pictures are the film's."""
    file = context.add_external(path)
    media = probe(context.path(file), file)
    plan = check_feasibility(context.path(file), media, [span])

    result = splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, *span))], **options)

    assert (plan.way, plan.reason) == (result.metrics["way"], result.metrics["reason"])
    assert plan.way != "exact" or plan.encoded_frames == result.metrics["encoded_packets"]
    inside, before = range(*span), _numbers(path)
    expected = [(pts, TAKE_OFFSET + n if n in inside else number) for n, (pts, number) in enumerate(before)]
    assert _numbers(result.path) == expected
    return result


def _numbers(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(frame.pts, frame_number(planes(frame)[0])) for frame in container.decode(video=0)]


def _new(path: Path, result) -> list[int]:
    """Return the places, in decoding order, of the packets that are not the film's."""
    pairs = zip(packets(path), packets(result.path), strict=True)
    return [place for place, (before, after) in enumerate(pairs) if before[2] != after[2]]


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".ts", "mpeg2video", ()),
        (".mpg", "mpeg2video", ()),
        (".mkv", "mpeg2video", ()),
        (".mov", "mpeg2video", ()),
        (".mp4", "mpeg2video", ()),
        (".mxf", "mpeg2video", ()),
        (".mxf", "mpeg2video", INTERLACED),
        (".mpg", "mpeg1video", ()),
        (".mov", "mpeg1video", ()),
        (".ts", "mpeg2video", ("-flags", "+cgop")),
        (".ts", "mpeg2video", ("-bf", 0)),
    ],
)
def test_only_the_group_around_an_edit_is_encoded(context, tmp_path, suffix, codec, options):
    """All other packets are the film's own: the keyframe after the edit too, whose leading pictures are new."""
    path = _film(tmp_path, suffix, *options, codec=codec)

    result = _spliced(context, path, (8, 10), require_exact=True)

    new = _new(path, result)
    assert len(new) == result.metrics["encoded_packets"] <= 6 and result.metrics["relinked_packets"] == 0
    assert result.metrics["copied_packets"] == FRAMES - len(new)
    with av.open(str(path)) as before, av.open(str(result.path)) as after:
        orders = [{field_order(frame) for frame in film.decode(video=0)} for film in (before, after)]
    assert orders[0] == orders[1] == {"top first" if options == INTERLACED else "progressive"}


@pytest.mark.parametrize(
    ("span", "count"),
    [
        ((0, 2), 6),
        ((3, 4), 5),
        ((10, 11), 2),
        ((10, 12), 2),
        ((11, 13), 8),
        ((12, 13), 8),
        ((5, 14), 14),
        ((22, 24), 2),
    ],
)
@pytest.mark.parametrize("suffix", [".ts", ".mov"])
def test_where_an_edit_lies_in_its_group_tells_how_many_pictures_are_new(context, tmp_path, suffix, span, count):
    """From its anchor on, and as far as the leading pictures of the next group; these alone if it is one of them."""
    path = _film(tmp_path, suffix)

    result = _spliced(context, path, span, require_exact=True)

    assert len(_new(path, result)) == result.metrics["encoded_packets"] == count


def test_pictures_are_numbered_in_their_groups_without_gaps(context, tmp_path):
    """Hardware that shows pictures by these numbers would wait for those that are missing."""
    path = _film(tmp_path, ".ts")

    result = _spliced(context, path, (8, 10))

    groups: list[list[int]] = []
    for _, _, data in packets(result.path):
        for code, unit in mpeg_headers.units(data):
            if code == 0xB8:
                groups.append([])
            elif code == 0:
                groups[-1].append(mpeg_headers.temporal_reference(unit))
    assert len(groups) == 6 and sum(map(len, groups)) == FRAMES
    assert [sorted(group) for group in groups] == [list(range(len(group))) for group in groups]


@pytest.mark.parametrize(
    ("rate", "timecode", "expected"),
    [
        (
            "25",
            "10:00:00:00",
            {0: "10:00:00:00", 4: "10:00:00:04", 7: "10:00:00:07", 10: "10:00:00:10", 16: "10:00:00:16"},
        ),
        ("30000/1001", "10:00:59;26", {0: "10:00:59;26", 4: "10:01:00;02", 7: "10:01:00;05", 10: "10:01:00;08"}),
    ],
)
def test_new_groups_have_the_timecode_of_their_place(context, tmp_path, rate, timecode, expected):
    """Broadcasters have it nowhere else."""
    path = _film(tmp_path, ".ts", "-r", rate, "-gop_timecode", timecode)
    before = _group_timecodes(path)

    result = _spliced(context, path, (8, 10))

    after = _group_timecodes(result.path)
    assert {place: code for place, code in after.items() if place in expected} == expected
    assert before.items() <= after.items()


def _group_timecodes(path: Path) -> dict[int, str]:
    """Map the place of the first shown picture of each group to the group's timecode."""
    codes, place = {}, 0
    times = sorted(pts for pts, _, _ in packets(path))
    for pts, _, data in packets(path):
        group = next((unit for code, unit in mpeg_headers.units(data) if code == 0xB8), None)
        if group is not None:
            place = times.index(pts) - mpeg_headers.place_in_group(data)
            codes[place] = str(mpeg_headers.group_timecode(group))
    return codes


def test_a_film_of_its_own_quantiser_matrices_is_encoded_again(context, tmp_path):
    """No encoder here takes another one; the plan says why."""
    flat = ",".join(["8"] + ["20"] * 63)
    path = _film(tmp_path, ".ts", "-intra_matrix", flat)

    result = _spliced(context, path, (8, 10))

    assert result.metrics["way"] == "reencoded-picture"
    assert "quantiser matrices of its own" in result.metrics["reason"]
    usual = mpeg_headers.sequence_header(packets(_film(tmp_path, ".mkv"))[0][2])
    assert mpeg_video.has_usual_matrices(usual)
    assert not mpeg_video.has_usual_matrices(mpeg_headers.sequence_header(packets(path)[0][2]))


def test_matched_quality_takes_about_the_bits_of_the_film(context, tmp_path):
    """High quality takes the finest quantiser instead."""
    path = tmp_path / "film.ts"
    noise = "testsrc2=size=320x192:rate=25:duration=2,noise=alls=12:allf=t"
    ffmpeg("-f", "lavfi", "-i", noise, "-c:v", "mpeg2video", "-q:v", 6, "-g", 12, "-bf", 2, path)
    file = context.add_external(path)
    media = probe(context.path(file), file)

    sizes = {}
    for quality in ("matched", "high"):
        result = splice(context, ffmpeg_path(), media, [own_take(context, segment(media, 15, 20))], quality=quality)
        new = _new(path, result)
        before, after = ([item[2] for item in packets(film)] for film in (path, result.path))
        sizes[quality] = sum(len(after[n]) for n in new) / sum(len(before[n]) for n in new)
        assert result.metrics["way"] == "exact" and result.metrics["least_psnr_db"] > 30
    assert 0.7 < sizes["matched"] < 0.7 * sizes["high"], sizes


def test_the_buffer_that_a_film_declares_is_read(tmp_path):
    """With the extension that MPEG-2 has for larger numbers, among its other extensions."""
    large = ("-b:v", "300M", "-maxrate", "300M", "-bufsize", 47_185_920, "-color_primaries", "bt709")
    small = ("-b:v", "4M", "-maxrate", "4M", "-bufsize", 1_835_008)
    rates = [
        declared_rates(codec, packets(_film(tmp_path / codec, ".mkv", *options, codec=codec))[0][2], annexb=False)
        for codec, options in (("mpeg2video", large), ("mpeg1video", small))
    ]

    assert [(rate.bits_per_s, rate.buffer_bits) for (rate,) in rates] == [
        (300_000_000, 47_185_920),
        (4_000_000, 1_835_008),
    ]


def test_partial_keyframes_of_a_mov_are_where_decoding_begins(tmp_path):
    """It marks those of open groups in a table of their own."""
    path = _film(tmp_path, ".mov")

    samples = read_sample_table(find_track(read_index(path)[0], b"vide"))

    assert np.flatnonzero(samples.sync).tolist() == [0]
    assert np.flatnonzero(samples.keyframes).tolist() == [
        n for n, (_, _, data) in enumerate(packets(path)) if b"\0\0\1\xb8" in data
    ]


def test_packets_of_one_size_stay_so(context, tmp_path):
    """Tape formats such as D-10 have them, and decks count on it."""
    rate = ("-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", 240_000, "-rc_init_occupancy", 240_000)
    path = _film(tmp_path, ".mov", *rate, "-q:v", 0, "-bf", 0, "-g", 1, "-qmin", 1, "-pix_fmt", "yuv422p")

    result = _spliced(context, path, (8, 10), require_exact=True)

    assert len(_new(path, result)) == 2
    assert {len(data) for _, _, data in packets(path)} == {len(data) for _, _, data in packets(result.path)} == {30_000}
