"""Films that are made to trip the splice: each gives a right film, or one clear line that says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import odd
import pytest
from invariants import check
from numbered_clips import frame_number, make_clip
from own_span import own_take
from seen import look, strict_decode
from takes import TAKE_OFFSET, numbered_take, segment, shown

from react1.pipeline.core.errors import InputMediaError, React1Error
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.container import read_programs

pytestmark = pytest.mark.slow

X265 = {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=0"}}
SHORT = {**X265, "options": {**X265["options"], "x265-params": "log-level=none:bframes=0"}}
"""Of fewer pictures than it would reorder x265 gives times that no muxer takes, now and then."""
VP9 = {"codec": "libvpx-vp9", "audio_codec": "libopus", "options": {"deadline": "realtime", "crf": "10", "b": "0"}}
MPEG2 = {"codec": "mpeg2video", "audio_codec": "mp2", "time_base": Fraction(1, 25)}
ELST = (b"trak", b"edts", b"elst")


@dataclass(frozen=True)
class Case:
    """A film, and the edit that it gets."""

    make: Callable[[Path], Path]
    way: str = "exact"
    span: tuple[int, int] = (8, 12)
    own: bool = False
    """Whether the take is the film's own pictures, where no number can be read off it."""
    free: frozenset[str] = field(default_factory=frozenset)


def _maker(suffix: str = ".mp4", **changes: Any) -> Callable[[Path], Path]:
    return lambda folder: odd.plain(folder, suffix, **changes)


def _x264(options: str, **changes: Any) -> Callable[[Path], Path]:
    return _maker(options={"preset": "veryfast", "x264-params": f"open-gop=0:{options}"}, **changes)


def _copied(*options: object, **changes: Any) -> Callable[[Path], Path]:
    return lambda folder: odd.copied(folder, *options, **changes)


def _edit_list(*segments: tuple[int, int]) -> Callable[[Path], Path]:
    return lambda folder: odd.patched(odd.plain(folder, tracks=0), ELST, odd.edits(*segments))


SETS = "h264_mp4toannexb,dump_extra"
OTHER_CLOCK = frozenset({"base"})
"""A film whose boxes cannot be kept gets the muxer's clock; the times are the same in seconds."""
RIGHT = {
    "one frame": Case(_maker(frames=1), "exact", (0, 1)),
    "two frames": Case(_maker(frames=2), span=(1, 2)),
    "two frames of HEVC": Case(_maker(frames=2, **SHORT), span=(1, 2)),
    "two frames in a transport stream": Case(_maker(".ts", frames=2), span=(1, 2)),
    "odd size, H.264 4:4:4": Case(_maker(size=(101, 77), pix_fmt="yuv444p")),
    "odd size, HEVC 4:4:4": Case(_maker(size=(101, 77), pix_fmt="yuv444p", **X265)),
    "odd size, VP9": Case(_maker(".webm", size=(101, 77), **VP9)),
    "odd size, AV1": Case(_maker(size=(101, 77), codec="libsvtav1", options={"preset": "11", "svtav1-params": "lp=1"})),
    "ten bits, AV1": Case(
        _maker(".mkv", codec="libsvtav1", pix_fmt="yuv420p10le", options={"preset": "11", "svtav1-params": "lp=1"})
    ),
    "odd size, FFV1": Case(_maker(".mkv", size=(101, 77), codec="ffv1")),
    "odd size, ProRes": Case(_maker(".mov", size=(101, 77), codec="prores_ks", pix_fmt="yuv422p10le")),
    "odd size, MPEG-2": Case(_maker(".ts", size=(101, 77), **MPEG2)),
    "UT Video, Matroska": Case(_copied("-c:v", "utvideo", suffix=".mkv")),
    "uncompressed, Matroska": Case(_copied("-c:v", "rawvideo", suffix=".mkv", tracks=0)),
    "grey": Case(_maker(pix_fmt="gray"), own=True),
    "mirrored": Case(_maker(mirrored=True), own=True),
    "turned and mirrored, Matroska": Case(_maker(".mkv", mirrored=True, rotation_deg=90), own=True),
    "turned, Matroska, whole": Case(_maker(".mkv", rotation_deg=90), "exact", (0, 24), own=True),
    "interlaced, top first": Case(_x264("tff=1")),
    "interlaced, bottom first": Case(_x264("bff=1")),
    "called interlaced": Case(_x264("fake-interlaced=1")),
    "pulled down": Case(odd.pulled_down),
    "drop-frame timecode": Case(_maker(".mov", rate=Fraction(30000, 1001), timecode="01:00:59;28")),
    "slices and delimiters": Case(_x264("slices=4:aud=1")),
    "a model of the buffer": Case(_x264("nal-hrd=cbr:bitrate=300:vbv-maxrate=300:vbv-bufsize=300")),
    "refreshed without keyframes": Case(_x264("intra-refresh=1"), span=(14, 17)),
    "without loss": Case(_x264("qp=0")),
    "very coarse": Case(_x264("crf=51")),
    "parameter sets in the packets, avc3": Case(_copied("-tag:v", "avc3", "-bsf:v", SETS)),
    "parameter sets in the packets, avc1": Case(_copied("-bsf:v", SETS)),
    "interlaced, parameter sets in the packets alone": Case(
        lambda at: odd.patched(
            _copied("-tag:v", "avc3", "-bsf:v", SETS, options={"x264-params": "open-gop=0:tff=1"})(at),
            (*odd.STBL, b"stsd"),
            odd.without_own_sets,
        )
    ),
    "parameter sets in the packets, hev1": Case(
        _copied("-tag:v", "hev1", "-bsf:v", SETS.replace("h264", "hevc"), **X265)
    ),
    "lengths of two bytes": Case(lambda at: odd.short_lengths(odd.plain(at, tracks=0), at / "short.mp4"), "reencode"),
    "negative composition": Case(_copied("-movflags", "negative_cts_offsets")),
    "a clock of 2 GHz": Case(_copied("-video_track_timescale", 2 * 10**9)),
    "a clock that wraps": Case(_copied("-output_ts_offset", 95443.2, suffix=".ts")),
    "an edit list that delays": Case(_edit_list((200, -1), (960, 1024))),
    "an edit list that hides the end": Case(_edit_list((600, 1024))),
    "an edit list of nothing": Case(_edit_list()),
    "two sample descriptions": Case(
        lambda at: odd.patched(odd.plain(at), (*odd.STBL, b"stsd"), odd.two_descriptions), "reencode", free=OTHER_CLOCK
    ),
    "fragments": Case(_copied("-movflags", "frag_keyframe+empty_moov+default_base_moof")),
    "fragments and an index": Case(_copied("-movflags", "hybrid_fragmented")),
    "an attachment": Case(odd.attached),
    "data beside it": Case(odd.with_data),
    "a picture that gets another size": Case(odd.two_sizes),
    "a transport stream that is cut short": Case(lambda at: odd.cut_short(odd.plain(at, ".ts", tracks=0), 0.9)),
    "a Matroska that is cut short": Case(lambda at: odd.cut_short(odd.plain(at, ".mkv"), 0.9)),
}


def _splice(context, path, span=(8, 12), *, own=False):
    file = context.add_external(path)
    media = probe(context.path(file), file)
    take = (own_take if own else numbered_take)(context, segment(media, *span)) if media.video else None
    return media, splicing.splice(context, ffmpeg_path(), media, [take] if take else [])


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_an_odd_film_comes_out_right(context, tmp_path, monkeypatch, case):
    """Every invariant of the grid, and the way that is expected."""
    monkeypatch.setenv("SVT_LOG", "1")
    path = case.make(tmp_path)

    media, result = _splice(context, path, case.span, own=case.own)

    assert result.metrics["way"] == ("exact" if case.way == "exact" else "reencoded-picture"), result.metrics["reason"]
    was, spans = look(path, media.video.index), [] if case.own else [case.span]
    check(was, result, media.video.index, spans, case.way, same_dts=case.way == "exact", free=case.free)


def _faststart(share: float, suffix: str = ".mp4") -> Callable[[Path], Path]:
    return lambda at: odd.cut_short(odd.plain(at, suffix, container_options={"movflags": "faststart"}), share)


REFUSED: dict[str, tuple[Callable[[Path], Path], type[React1Error], str]] = {
    "cut short, MP4": (
        _faststart(0.6),
        InputMediaError,
        r"is cut short: it needs \d+ bytes and has \d+; copy or download it again",
    ),
    "cut short, MOV": (_faststart(0.9, ".mov"), InputMediaError, "is cut short"),
    "cut before its index": (lambda at: odd.cut_short(odd.plain(at), 0.5), InputMediaError, "cut short|cannot be read"),
    "empty": (odd.empty, InputMediaError, r"is empty \(0 bytes\)"),
    "sound alone": (odd.sound_alone, InputMediaError, "the source has no picture to splice into"),
    "a cover": (odd.with_cover, InputMediaError, "the source has no picture to splice into"),
    "a picture of no frames": (odd.without_frames, InputMediaError, "no picture"),
    "encrypted": (odd.encrypted, InputMediaError, "is encrypted"),
    "two views packed as it says twice": (
        _copied("-metadata:s:v", "stereo_mode=left_right", suffix=".mkv", options={"x264-params": "frame-packing=3"}),
        InputMediaError,
        r"says twice how its two views are packed, .*\(mkvpropedit film.mkv --edit track:v1 --delete stereo-mode",
    ),
    "a clock that is about to wrap": (
        _copied("-output_ts_offset", 95442, suffix=".ts"),
        InputMediaError,
        "the transport stream clock wraps around; .*copy the film into .mkv or .mov first",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_spliced_is_refused_in_one_line(context, tmp_path, name):
    """A named error that says what is wrong; never another program's traceback, never a film."""
    make, kind, line = REFUSED[name]
    path = make(tmp_path)

    with pytest.raises(kind, match=line) as caught:
        _splice(context, path)

    assert str(caught.value) and "\n" not in str(caught.value)


def _refuse(_job):
    raise NotApplicable("because")


def test_the_name_of_a_service_is_kept_whatever_is_in_it(context, tmp_path):
    """Colons and quotes part what ffmpeg is caught."""
    name = "Das: 'Erste' HD"
    path = odd.copied(tmp_path, "-metadata", f"service_name={name}", "-metadata", "service_provider=AB:C", suffix=".ts")

    _, result = _splice(context, path)

    assert read_programs(context, ffmpeg_path(), result.path) == read_programs(context, ffmpeg_path(), path)
    (item,) = read_programs(context, ffmpeg_path(), result.path)
    assert (item.name, item.provider, item.streams) == (name, "AB:C", (0, 1))


def test_an_attachment_comes_out_to_the_byte(context, tmp_path):
    """A font that the words need."""
    path = odd.attached(tmp_path)

    _, result = _splice(context, path)

    assert odd.attachment(result.path, tmp_path) == odd.attachment(path, tmp_path) == odd.FONT


@pytest.mark.parametrize("exact", [True, False])
def test_a_transport_stream_keeps_its_programs(context, tmp_path, monkeypatch, exact):
    """Two programs with their names and streams, in both ways."""
    path = odd.two_programs(tmp_path)
    if not exact:
        monkeypatch.setattr(splicing, "smart_render", _refuse)

    _, result = _splice(context, path)

    assert strict_decode(result.path) == ""
    assert odd.programs(result.path) == odd.programs(path) == ["Program 3", "One", "Program 9", "Two"]


@pytest.mark.parametrize("pieces", [((400, 1024), (400, 1024)), ((400, 1024), (400, 1024 + 512 * 14))])
def test_an_edit_list_of_two_pieces_comes_out_as_it_is_shown(context, tmp_path, pieces):
    """One stretch twice, or two with a gap between: re-encoded, and nothing but the edit is another picture."""
    path = _edit_list(*pieces)(tmp_path)

    media, result = _splice(context, path)

    numbers = [[frame_number(luma) for _, luma in shown(item)] for item in (path, result.path)]
    assert result.metrics["way"] == "reencoded-picture" and len(numbers[0]) == media.video.frame_count == 20
    assert numbers[1] == [TAKE_OFFSET + n if 8 <= n < 12 else own for n, own in enumerate(numbers[0])]
    assert [pts for pts, _ in shown(result.path)] == [pts for pts, _ in shown(path)]


def test_a_film_of_one_frame_shows_the_take_alone(context, tmp_path):
    """Whatever the container."""
    for suffix in (".mp4", ".mkv", ".ts"):
        path = make_clip(tmp_path / f"one{suffix}", **{**odd.PLAIN, "frames": 1})

        media, result = _splice(context, path, (0, 1))

        check(look(path, media.video.index), result, media.video.index, [(0, 1)], "reencode", same_dts=False)
