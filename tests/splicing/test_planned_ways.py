"""What the plan says is what the splice does: joined films, edit lists, and films that begin between keyframes."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import odd
import pytest
from numbered_clips import frame_number, make_clip
from seen import planes
from takes import TAKE_OFFSET, numbered_take, packets, segment, spliced

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import feasibility
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.packet_index import described_anew
from react1.pipeline.splicing.pictures import description

pytestmark = pytest.mark.slow

SMALL = {"frames": 16, "size": (96, 64), "gop": 8, "tracks": 0}
HEVC = {"codec": "libx265", "pix_fmt": "yuv420p10le"}
ELST, STSS = (b"trak", b"edts", b"elst"), (*odd.STBL, b"stss")
FRAME, DELAY = 512, 1024
"""Ticks of the track's clock: one frame, and the first picture's time where pictures are reordered."""


def _read(context, path: Path):
    file = context.add_external(path)
    return probe(context.path(file), file)


def _splice_as_planned(context, path: Path, span: tuple[int, int], **options):
    """Splice a numbered take; the plan must have told the way, the encoder and the number of encoded pictures."""
    media = _read(context, path)
    before = _numbers(path, media.video.bit_depth)
    plan = check_feasibility(context.path(media.file), media, [span])

    result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, *span))], **options)

    assert (plan.way, plan.reason) == (result.metrics["way"], result.metrics["reason"])
    if plan.way == "exact":
        assert plan.encoded_frames == result.metrics["encoded_packets"]
    inside = range(*span)
    expected = [(pts, TAKE_OFFSET + n if n in inside else number) for n, (pts, number) in enumerate(before)]
    assert _numbers(result.path, media.video.bit_depth) == expected
    return result


def _numbers(path: Path, bit_depth: int) -> list[tuple[int, int]]:
    """Return (pts, number on it) of all frames."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [(frame.pts, frame_number(planes(frame)[0] >> (bit_depth - 8))) for frame in frames]


def _joined(folder: Path, suffix: str, first: int, second: int, **changes) -> Path:
    """Join two films, with these numbers of B-frames in a row, by stream copy; the second with changes."""
    parts = [make_clip(folder / f"part{first}.mp4", **SMALL, bframes=first)]
    parts += [make_clip(folder / f"part{second}-2.mp4", **{**SMALL, **changes}, bframes=second)]
    return _copied_together(folder / f"joined{suffix}", *parts)


def _copied_together(result: Path, *parts: Path) -> Path:
    names = result.with_name("list.txt")
    names.write_text("".join(f"file '{part}'\n" for part in parts))
    odd.ffmpeg("-f", "concat", "-safe", 0, "-i", names, "-c", "copy", result)
    return result


def _two_matrices(folder: Path) -> list[Path]:
    """Make two films that say of their colors bt709 and smpte170m."""
    names = ("bt709", "smpte170m")
    options = [{"x264-params": f"open-gop=0:scenecut=0:colormatrix={name}:colorprim={name}"} for name in names]
    return [make_clip(folder / f"part{number}.ts", **SMALL, options=item) for number, item in enumerate(options)]


@pytest.mark.parametrize(
    ("suffix", "first", "second", "span"),
    [
        (".mp4", 3, 1, (21, 23)),
        (".mp4", 1, 3, (21, 23)),
        (".mp4", 0, 3, (21, 23)),
        (".mp4", 3, 1, (14, 18)),
        (".mkv", 0, 3, (14, 18)),
        (".ts", 0, 3, (14, 18)),
    ],
)
def test_a_film_joined_by_stream_copy_is_spliced_packet_by_packet(context, tmp_path, suffix, first, second, span):
    """The reordering at the edit counts, and no parameter set of one part is taken for one of the other."""
    path = _joined(tmp_path, suffix, first, second)

    result = _splice_as_planned(context, path, span)

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    same = sum(a[2] == b[2] for a, b in zip(packets(path), packets(result.path), strict=True))
    assert same == 32 - result.metrics["encoded_packets"] >= 16


SECOND_PART = {"x264-params": "open-gop=0:scenecut=0:colormatrix=smpte170m:colorprim=smpte170m:sar=4/3"}


def test_new_pictures_say_of_colors_and_shape_what_those_say_that_they_replace(context, tmp_path):
    """A joined film's second part may be of another matrix than its container says: a player follows the pictures."""
    path = _joined(tmp_path, ".ts", 0, 0, options=SECOND_PART)

    result = _splice_as_planned(context, path, (21, 23), require_exact=True)

    before, after = _described(path), _described(result.path)
    assert before == after == [((2, 2), None)] * 16 + [((6, 6), Fraction(4, 3))] * 16


def test_edits_in_parts_that_say_different_things_are_not_coded_alike(context, tmp_path):
    """One encoder has one description, wherever in their groups of pictures the edits lie."""
    media = _read(context, _joined(tmp_path, ".ts", 0, 0, options=SECOND_PART))

    with pytest.raises(InputMediaError, match="change their color primaries"):
        check_feasibility(context.path(media.file), media, [(2, 4), (21, 23)])


def _described(path: Path) -> list[tuple[tuple[int, int], Fraction | None]]:
    """Return what each frame of a film says of its primaries, its matrix and the shape of its pixels."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_type = "SLICE"  # frame threads run ahead of the frames
        return [
            ((int(frame.color_primaries), int(frame.colorspace)), context.sample_aspect_ratio)
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("changes", "span", "change"),
    [
        ({"pix_fmt": "yuv420p10le"}, (21, 23), r"pixel format \(yuv420p, then yuv420p10le\)"),
        ({"pix_fmt": "yuvj420p"}, (21, 23), r"pixel format \(yuv420p, then yuvj420p\)"),
        ({"size": (144, 80)}, (21, 23), r"picture size \(96x64, then 144x80\)"),
        ({"size": (144, 80)}, (14, 18), r"picture size \(96x64, then 144x80\)"),
    ],
)
def test_an_edit_in_a_part_of_another_format_is_refused_before_anything_is_made(
    context, tmp_path, changes, span, change
):
    """Takes are made for what the film begins with: they would be shown with other levels, or in fewer bits."""
    media = _read(context, _joined(tmp_path, ".ts", 0, 0, **changes))

    with pytest.raises(InputMediaError, match=f"change their {change} before frame"):
        check_feasibility(context.path(media.file), media, [span])


def test_a_complete_re_encode_is_refused_for_a_part_that_lies_between_the_edits_too(context, tmp_path, monkeypatch):
    """The parts at the edit and at the end of the film say the same, the middle does not."""
    first, second = _two_matrices(tmp_path)
    media = _read(context, _copied_together(tmp_path / "film.ts", first, second, first))
    monkeypatch.setattr(feasibility, "_smart_plan", _refuse)

    with pytest.raises(InputMediaError, match=r"change their color primaries .* before frame 16"):
        check_feasibility(context.path(media.file), media, [(2, 4)])


def test_a_complete_re_encode_of_h264_in_mxf_is_refused_before_anything_is_made(context, tmp_path, monkeypatch):
    """Its muxer looks for parameter sets in the packets; AVC-Intra (scaling matrices) failed when it was paid for."""
    path = tmp_path / "film.mxf"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-c:v", "libx264", "-bf", 0, path)
    media = _read(context, path)
    monkeypatch.setattr(feasibility, "_smart_plan", _refuse)

    with pytest.raises(InputMediaError, match="the muxer for MXF does not take"):
        check_feasibility(context.path(media.file), media, [(2, 4)])


def test_what_an_encoder_refuses_is_refused_before_anything_is_made(context, tmp_path, monkeypatch):
    """The plan of a complete re-encode named an encoder that was first opened when the take was paid for."""
    media = _read(context, make_clip(tmp_path / "film.mkv", **SMALL))
    monkeypatch.setattr(feasibility, "_smart_plan", _refuse)
    monkeypatch.setattr(feasibility, "open_encoder", _refuse)

    with pytest.raises(InputMediaError, match="cannot be spliced: because"):
        check_feasibility(context.path(media.file), media, [(2, 4)])


def test_luma_and_chroma_that_flv_calls_rgb_are_smart_rendered(context, tmp_path):
    """Its muxer writes so of AV1 without a matrix; the encoder refused it, after payment."""
    path = tmp_path / "film.flv"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.64", *AV1, path)

    assert _plan_and_splice(context, path).metrics["way"] == "exact"


def test_a_re_encoded_ivf_has_its_own_frame_rate(context, tmp_path):
    """Other programs take the clock in its header for the frame rate: they said 51,200 frames/s."""
    path = tmp_path / "film.ivf"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.64", *VP9, path)

    result = _plan_and_splice(context, path)

    assert result.path.read_bytes()[16:24] == path.read_bytes()[16:24] == struct.pack("<II", 25, 1)


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_a_film_as_gstreamer_muxes_it_is_smart_rendered(context, tmp_path, suffix):
    """It marks no packet of sound as a keyframe, and FLV's first decode times are all 0; both failed after payment."""
    path = make_clip(tmp_path / f"film{suffix}", **{**SMALL, "tracks": 1}, audio_codec="aac")
    (_without_marks if suffix == ".mkv" else _with_first_times_of_0)(path)

    result = _plan_and_splice(context, path)

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    assert packets(result.path, "audio") == packets(path, "audio") != []
    assert sorted(pts for pts, _, _ in packets(result.path)) == sorted(pts for pts, _, _ in packets(path))


def _without_marks(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _, _, packet in packets(path, "audio"):
        data[data.index(packet) - 1] &= 0x7F  # the flags of a SimpleBlock
    path.write_bytes(data)


def _with_first_times_of_0(path: Path) -> None:
    source = path.rename(path.with_name("source.flv"))
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                if packet.stream.type == "video":
                    packet.pts, packet.dts = packet.pts - 80, max(0, packet.dts - 80)
                out.mux(packet)


@pytest.mark.parametrize(("rate", "is_exact"), [(("-b:a", "128k"), True), (("-q:a", 4), False)])
def test_an_avi_whose_sound_is_counted_in_bytes_is_spliced_if_they_tell_its_times(context, tmp_path, rate, is_exact):
    """So older programs write MP3; of a variable bit rate, as GStreamer writes it, ffmpeg's muxer changes the times."""
    path = tmp_path / "film.avi"
    film = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.64", "-f", "lavfi", "-i", "sine=r=44100:d=0.64")
    odd.ffmpeg(*film, "-c:v", "mjpeg", "-c:a", "libmp3lame", *rate, path)
    data = bytearray(path.read_bytes())
    header, fields = data.index(b"auds"), data.index(b"strf", data.index(b"auds")) + 8
    struct.pack_into("<II", data, header + 20, 1, 16_000)
    struct.pack_into("<I", data, header + 44, 1)
    struct.pack_into("<IH", data, fields + 8, 16_000, 1)
    path.write_bytes(data)

    if is_exact:
        result = _plan_and_splice(context, path)
        assert [data for _, _, data in packets(result.path, "audio")] == [x for _, _, x in packets(path, "audio")]
    else:
        media = _read(context, path)
        with pytest.raises(InputMediaError, match="gives other times to the packets of this mp3 sound"):
            check_feasibility(context.path(media.file), media, [(4, 6)])


def _plan_and_splice(context, path: Path):
    """Splice a numbered take, as it was planned."""
    media = _read(context, path)
    plan = check_feasibility(context.path(media.file), media, [(4, 6)])
    result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, 4, 6))])
    assert plan.way == result.metrics["way"]
    return result


@pytest.mark.parametrize("span", [(14, 18), (0, 18)])
def test_an_edit_over_a_change_of_colors_is_refused_before_anything_is_made(context, tmp_path, span):
    """One answer would be wrong for one of the parts; from the film's first frame on, too."""
    media = _read(context, _copied_together(tmp_path / "film.ts", *_two_matrices(tmp_path)))

    with pytest.raises(
        InputMediaError, match=r"change their color primaries \(bt709, then smpte170m\) before frame 16"
    ):
        check_feasibility(context.path(media.file), media, [span])


VP9 = ("-c:v", "libvpx-vp9", "-cpu-used", 8)
AV1 = ("-c:v", "libsvtav1", "-preset", 10, "-svtav1-params", "keyint=8")
MPEG2 = ("-c:v", "mpeg2video", "-bf", 2, "-q:v", 2)
OTHER_COLORS = ("-vf", "setparams=colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m")
BOTTOM_FIRST = ("-vf", "setfield=bff", "-flags", "+ildct+ilme")


def _headed(folder: Path, suffix: str, encoder: tuple, *changes: tuple) -> Path:
    """Join 16-frame parts in codecs whose keyframes describe themselves, one for each tuple of changes, by copy."""
    part_suffix = {".mp4": ".mkv"}.get(suffix, suffix)
    parts = [folder / f"{number}{part_suffix}" for number in range(len(changes))]
    source = "testsrc2=s=96x64:r=25:d=0.64,setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    for part, changed in zip(parts, changes, strict=True):
        odd.ffmpeg("-f", "lavfi", "-i", source, *encoder, "-g", 8, "-pix_fmt", "yuv420p", *changed, part)
    return _copied_together(folder / f"film{suffix}", *parts)


@pytest.mark.parametrize(
    ("suffix", "encoder", "changed", "change"),
    [
        (".webm", VP9, OTHER_COLORS, "color matrix"),
        (".webm", VP9, ("-s", "128x80"), "picture size"),
        (".mkv", VP9, ("-pix_fmt", "yuv420p10le"), "pixel format"),
        (".mp4", AV1, OTHER_COLORS, "color primaries"),
        (".mp4", AV1, ("-pix_fmt", "yuv420p10le"), "pixel format"),
        (".ts", MPEG2, OTHER_COLORS, "color primaries"),
        (".mov", MPEG2, ("-pix_fmt", "yuv422p"), "pixel format"),
        (".mpg", MPEG2, ("-s", "128x80"), "picture size"),
    ],
)
def test_an_edit_over_a_part_that_is_described_otherwise_is_refused_in_every_codec(
    context, tmp_path, suffix, encoder, changed, change
):
    """The parts at both ends of the edit say the same; takes were paid for before the part between them was seen."""
    media = _read(context, _headed(tmp_path, suffix, encoder, (), changed, ()))

    with pytest.raises(InputMediaError, match=f"change their {change} .* before frame 16"):
        check_feasibility(context.path(media.file), media, [(12, 36)])


TOP_FIRST = ("-vf", "setfield=tff", *BOTTOM_FIRST[2:])
X264 = ("-c:v", "libx264", "-bf", 1)
FIELDS = {"MPEG-2": (".ts", MPEG2), "H.264": (".mp4", X264), "H.264 in a stream": (".ts", X264)}


@pytest.mark.parametrize("name", FIELDS)
def test_a_film_is_refused_behind_a_change_of_the_order_of_its_fields(context, tmp_path, name):
    """Takes are made for what it begins with; there it is edited. Both parts may have the same parameter sets."""
    media = _read(context, _headed(tmp_path, *FIELDS[name], TOP_FIRST, BOTTOM_FIRST))

    assert check_feasibility(context.path(media.file), media, [(2, 4)]).way == "exact"
    with pytest.raises(InputMediaError, match=r"change their field order \(top first, then bottom first\)"):
        check_feasibility(context.path(media.file), media, [(20, 22)])


@pytest.mark.parametrize(("suffix", "encoder"), [(".webm", VP9), (".mp4", AV1), (".ts", MPEG2), (".mov", MPEG2)])
def test_parts_that_say_the_same_are_one_film(context, tmp_path, suffix, encoder):
    """Headers also hold what varies from keyframe to keyframe, such as the strength of a filter."""
    path = _headed(tmp_path, suffix, encoder, (), ("-q:v", 9) if encoder is MPEG2 else ("-crf", 60))
    media = _read(context, path)

    assert list(described_anew(context.path(media.file), media)) == []


def _refuse(*_arguments):
    raise NotApplicable("because")


@pytest.mark.parametrize(("second", "read"), [(0, 1), (1, 2)], ids=["one set", "a joined film"])
def test_keyframes_are_decoded_only_where_they_may_say_something_else(context, tmp_path, monkeypatch, second, read):
    """Many edits of a long film would else cost a decode each in its plan; a joined film has several sequence sets."""
    media, times = _read(context, _joined(tmp_path, ".ts", 0, second)), []
    read_one = description.read_description
    monkeypatch.setattr(description, "read_description", lambda *args: times.append(args[2]) or read_one(*args))

    check_feasibility(context.path(media.file), media, [(3, 5), (6, 7), (19, 21), (22, 23)])

    assert len(times) == read


def _without_first_keyframe(stss: bytes) -> bytes:
    count = struct.unpack_from(">I", stss, 4)[0]
    return struct.pack(">II", 0, count - 1) + stss[12:]


def _hevc(folder: Path, *edits: tuple[int, int], marked: bool = False, bframes: int = 3, open_gop: int = 0) -> Path:
    """Make ten-bit HEVC with an edit list; unless `marked`, its first picture is not marked as a keyframe."""
    options = {"x265-params": f"log-level=none:scenecut=0:open-gop={open_gop}:bframes={bframes}"}
    path = make_clip(folder / "hevc.mp4", **{**SMALL, "frames": 24}, **HEVC, options=options)
    odd.patched(path, ELST, odd.edits(*edits))
    return path if marked else odd.patched(path, STSS, _without_first_keyframe)


@pytest.mark.parametrize(("start", "quality"), [(0, "high"), (3, "high"), (3, "matched")])
def test_an_edit_before_the_first_keyframe_is_spliced_packet_by_packet(context, tmp_path, start, quality):
    """No seek leads to the first picture of a film that does not mark it as a keyframe.

    Matched pictures of this film fail the checks; that the high quality is used instead is no reason against this way.
    """
    path = _hevc(tmp_path, (960, DELAY + start * FRAME))

    result = _splice_as_planned(context, path, (2, 4), require_exact=True, quality=quality)

    assert result.metrics["way"] == "exact"


def test_new_pictures_hidden_by_the_end_of_an_edit_list_do_not_count_as_moved(context, tmp_path):
    """The edit list may hide another picture in decoding order than before."""
    path = _hevc(tmp_path, (600, DELAY + 3 * FRAME), marked=True, open_gop=1)

    result = _splice_as_planned(context, path, (11, 14))

    assert result.metrics["way"] == "exact", result.metrics["reason"]


def test_frames_that_no_reader_can_decode_are_refused_before_anything_is_made(context, tmp_path):
    """An edit list that begins after the first picture of a film without a keyframe there: exit 3, by plan and run."""
    path = _hevc(tmp_path, (920, FRAME), bframes=0)
    media = _read(context, path)

    with pytest.raises(InputMediaError, match=r"frame 0 of the film \(at 00:00:00.000\) cannot be decoded.*damaged"):
        check_feasibility(context.path(media.file), media, [(1, 3)])
    with pytest.raises(InputMediaError, match="the film cannot be spliced"):
        spliced(context, media, (1, 3))


def test_an_edit_list_of_two_pieces_is_known_as_such(context, tmp_path):
    """Though the times of their pictures follow each other regularly."""
    path = _hevc(tmp_path, (400, DELAY), (400, DELAY), marked=True)

    result = _splice_as_planned(context, path, (2, 5))

    assert result.metrics["reason"] == "the edit list plays the stored pictures in more than one piece"
