"""Films that a plan and a splice once saw differently, or whose losses were not said."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import odd
import pytest
from numbered_clips import frame_number, make_clip
from takes import TAKE_OFFSET, dialogue_line, film, numbered_take, packets, segment, shown, spliced

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import InputMediaError, MissingExtra
from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import Box
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing import strategies
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.pictures import morph

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def remuxed(context, media, suffix, *options, before=()):
    path = context.temp_path(f"again{suffix}")
    source = str(context.path(media.file))
    context.run_tool(
        [ffmpeg_path(), "-v", "error", *before, "-i", source, "-map", "0", "-c", "copy", *options, str(path)]
    )
    file = context.store(path)
    return probe(context.path(file), file)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"codec": "libx265", "options": {"x265-params": "log-level=none"}}])
def test_a_transport_stream_by_any_of_its_names_is_spliced(context, changes):
    """`.m2t` is what HDV's recorders write."""
    media = film(context, ".ts", frames=36, gop=12, size=(192, 108), audio_codec="aac", **changes)
    place = context.temp_path("film.m2t")
    place.write_bytes(context.path(media.file).read_bytes())
    file = context.store(place)
    media = probe(context.path(file), file)

    result = spliced(context, media, (14, 20), (30, 31))

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    assert [frame_number(luma) >= TAKE_OFFSET for _, luma in shown(result.path)] == [
        14 <= n < 20 or n == 30 for n in range(36)
    ]


@pytest.mark.slow
def test_a_film_whose_sound_comes_first_is_tested_by_its_picture(context):
    """A muxer that orders streams otherwise must not lead a check to the sound."""
    plain = make_clip(context.temp_path("plain.mkv"), frames=20, size=(192, 108), audio_codec="aac")
    path = context.temp_path("film.flv")
    coded = ["-map", "0:a", "-map", "0:v", "-c:v", "flv", "-c:a", "copy"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), *coded, str(path)])
    file = context.store(path)
    media = probe(context.path(file), file)

    result = spliced(context, media, (5, 9))

    assert result.metrics["pictures_alike"] is True
    assert [p[2] for p in packets(result.path, "audio")] == [p[2] for p in packets(context.path(file), "audio")]


@pytest.mark.slow
@pytest.mark.parametrize("span", [(0, 1), (0, 5)])
def test_a_trimmed_film_may_be_edited_at_its_beginning(context, span):
    """Pictures that an edit list hides are counted in neither film."""
    complete = film(context, frames=50, gop=12, size=(192, 108), tracks=0)
    media = remuxed(context, complete, ".mp4", before=("-ss", "0.6"))
    first = frame_number(shown(context.path(media.file))[0][1])

    result = spliced(context, media, span)

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    numbers = [frame_number(luma) for _, luma in shown(result.path)]
    assert numbers == [n + TAKE_OFFSET if n < span[1] else n + first for n in range(media.video.frame_count)]


@pytest.mark.slow
def test_a_fragmented_film_of_hevc_keeps_its_tag(context):
    """Apple's players want hvc1."""
    options = {"x265-params": "log-level=none"}
    complete = film(context, frames=36, gop=12, size=(192, 108), tracks=0, codec="libx265", options=options)
    media = remuxed(context, complete, ".mp4", "-tag:v", "hvc1", "-movflags", "frag_keyframe+empty_moov")

    result = spliced(context, media, (14, 18))

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    with av.open(str(result.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.slow
def test_static_hdr_travels_with_the_new_pictures(context):
    """On every frame, those of the edit too."""
    media = film(
        context, ".mkv", frames=36, gop=12, size=(192, 108), tracks=0, codec="libx265", pix_fmt="yuv420p10le",
        colour=(1, 9, 16, 9), options={"x265-params": f"log-level=none:max-cll=900,90:master-display={DISPLAY}"},
    )  # fmt: skip

    carried = spliced(context, media, (12, 16))

    assert carried.metrics["way"] == "exact" and carried.notes == ()
    with av.open(str(carried.path)) as container:
        frames = list(container.decode(video=0))
    assert all(any(item.type.name == "MASTERING_DISPLAY_METADATA" for item in frame.side_data) for frame in frames)


def test_a_keyframe_table_that_names_too_much_is_a_reason_and_no_error(context):
    """Readers pass over it; the film is re-encoded."""
    media = film(context, frames=20, gop=5, size=(192, 108), tracks=0)
    path = context.temp_path("bad.mp4")
    data = bytearray(context.path(media.file).read_bytes())
    at = data.index(b"stss") + 12
    data[at + 4 : at + 8] = (900).to_bytes(4, "big")
    path.write_bytes(data)
    file = context.store(path)
    media = probe(context.path(file), file)

    text = check_feasibility(context.path(file), media, [(5, 9)])

    assert text.way == "reencoded-picture" and "do not exist" in text.reason


@pytest.mark.parametrize("body", [b"", b"\x00" * 6, b"\x00" * 7 + b"\x09" + b"\x00" * 8])
def test_tables_that_are_cut_short_are_a_reason(body):
    """Never an error of the library that reads them."""
    with pytest.raises(NotApplicable, match="cut short"):
        sample_tables._column(body, ">u4")
    with pytest.raises(NotApplicable, match="cut short"):
        sample_tables._sizes(Box(b"stbl", children=[Box(b"stsz", bytes(4) + body)]))


def test_a_morph_without_opencv_is_refused_before_payment(context, monkeypatch):
    """The check before payment covers the seam, not only `exact`."""

    def missing():
        raise MissingExtra("a morph needs OpenCV")

    monkeypatch.setattr(morph, "require_opencv", missing)

    with pytest.raises(MissingExtra):
        Splice.check_before_paying(context, SpliceParams.model_validate({"seam": "morph"}), {"takes": []})
    Splice.check_before_paying(context, SpliceParams.model_validate({"seam": "cut"}), {"takes": []})


def test_an_avi_that_no_way_is_left_for_is_refused_before_anything_is_made(context):
    """With what to do about it; one whose packets can be copied is spliced."""
    changes = {"frames": 24, "gop": 6, "size": (192, 108), "tracks": 0, "time_base": Fraction(1, 25)}
    single = film(context, ".avi", **{**changes, "codec": "mjpeg", "pix_fmt": "yuvj420p"})
    media = film(context, ".avi", **{**changes, "codec": "mpeg4", "bframes": 0})

    with pytest.raises(InputMediaError, match=r"copy the film into \.mkv or \.mov first"):
        check_feasibility(context.path(media.file), media, [(5, 9)])
    with pytest.raises(InputMediaError, match=r"copy the film into \.mkv"):
        spliced(context, media, (5, 9))
    assert spliced(context, single, (5, 9)).metrics["way"] == "exact"


def _refused(context, path):
    """Return why a film is refused, by the plan and by the splice."""
    file = context.store(path)
    media = probe(context.path(file), file)
    with pytest.raises(InputMediaError) as planned:
        check_feasibility(context.path(file), media, [(5, 9)])
    with pytest.raises(InputMediaError):
        spliced(context, media, (5, 9))
    return str(planned.value)


@pytest.mark.slow
def test_sound_that_the_muxer_for_avi_moves_is_refused_before_anything_is_made(context):
    """Its times would be others, which the splice finds out only when the take is paid for."""
    path = make_clip(context.temp_path("film.mov"), frames=24, size=(96, 64))
    to_avi = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "aac"]
    odd.ffmpeg("-i", path, *to_avi, context.temp_path("x.avi").with_name("film.avi"))

    reason = _refused(context, next(context.folder.rglob("film.avi")))

    assert "the muxer for AVI does not keep the times of aac sound" in reason


@pytest.mark.slow
def test_a_matroska_film_of_a_finer_clock_is_refused_or_re_encoded_as_planned(context):
    """Its times may lie between the milliseconds that are written here."""
    between = make_clip(context.temp_path("film.mkv"), frames=24, size=(96, 64), tracks=0, rate=Fraction(24))
    scale = bytes.fromhex("2ad7b1830f4240")  # TimestampScale, 1,000,000 ns
    assert between.read_bytes().count(scale) == 1
    between.write_bytes(between.read_bytes().replace(scale, bytes.fromhex("2ad7b18307a120")))
    even = make_clip(context.temp_path("film.mkv"), frames=24, size=(96, 64), tracks=0)
    even.write_bytes(even.read_bytes().replace(scale, bytes.fromhex("2ad7b18307a120")))
    file = context.store(even)
    media = probe(context.path(file), file)

    assert "counts milliseconds, and the film has times between these" in _refused(context, between)
    planned = check_feasibility(context.path(file), media, [(5, 9)])
    assert planned.way == spliced(context, media, (5, 9)).metrics["way"] == "reencoded-picture"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_tags_of_another_encoding_stay_as_they_are(context, suffix, codec):
    """Not UTF-8, as older programs wrote them."""
    plain = make_clip(context.temp_path(f"plain{suffix}"), frames=24, size=(96, 64), audio_codec="aac")
    path = context.temp_path(f"film{suffix}")
    tags = ("-metadata", "title=ABCDEFG", "-metadata:s:a", "title=ABCDEFG")
    odd.ffmpeg("-i", plain, "-map", 0, "-c", "copy", "-c:v", codec, "-qp", 10, *tags, path)
    path.write_bytes(path.read_bytes().replace(b"ABCDEFG", b"caf\xe9 \xfc\xff"))
    file = context.store(path)
    media = probe(context.path(file), file)

    result = spliced(context, media, (5, 9))

    assert result.path.read_bytes().count(b"caf\xe9 \xfc\xff") == context.path(file).read_bytes().count(
        b"caf\xe9 \xfc\xff"
    )
    assert check_feasibility(context.path(file), media, [(5, 9)]).way == result.metrics["way"]


@pytest.mark.slow
def test_a_cover_before_the_tracks_is_not_taken_for_one(context):
    """A reader numbers it first, but it has no track."""
    plain = make_clip(context.temp_path("plain.mp4"), frames=24, size=(96, 64), tracks=0)
    cover, path = context.temp_path("cover.jpg"), context.temp_path("film.mp4")
    odd.ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", 1, cover)
    with_cover = ("-map", 0, "-map", 1, "-c", "copy", "-disposition:v:1", "attached_pic")
    odd.ffmpeg("-i", plain, "-i", cover, *with_cover, path)

    def cover_first(moov):
        header, *others = odd.boxes(moov)
        return b"".join(odd.box(*part) for part in (header, *sorted(others, key=lambda part: part[0] != b"udta")))

    file = context.store(odd.patched(path, (), cover_first))
    media = probe(context.path(file), file)
    assert media.video.index == 1

    result = spliced(context, media, (5, 9))

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    numbers = [frame_number(luma) for _, luma in shown(result.path, 1)]
    assert numbers == [n + TAKE_OFFSET if 5 <= n < 9 else n for n in range(24)]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("has_line", [False, True])
def test_covers_of_a_matroska_film_stay_attached(context, codec, has_line):
    """Beside a font, to the byte, and not as tracks that a player shows."""
    plain = make_clip(context.temp_path("plain.mkv"), frames=24, size=(96, 64), audio_codec="aac")
    cover, font, path = (context.temp_path(name) for name in ("cover.png", "font.ttf", "film.mkv"))
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", 1, cover)
    font.write_bytes(odd.FONT)
    attached = ["-attach", cover, "-metadata:s:2", "mimetype=image/png", "-metadata:s:2", "title=Front: a=b"]
    attached += ["-attach", font, "-metadata:s:3", "mimetype=font/ttf"]
    odd.ffmpeg("-i", plain, "-map", 0, "-c", "copy", "-c:v", codec, "-qp", 10, *attached, path)
    file = context.store(path)
    media = probe(context.path(file), file)
    edit = {"audio": dialogue_line(context)} if has_line else {}

    take = numbered_take(context, segment(media, 5, 9, **edit))
    result = splicing.splice(context, ffmpeg_path(), media, [take])

    assert not any("could not be kept" in note for note in result.notes), result.notes
    with av.open(str(result.path)) as container:
        (picture,) = [s for s in container.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        tags = {key.lower(): value for key, value in picture.metadata.items()}
        data = next(bytes(packet) for packet in container.demux(picture) if packet.size)
        assert len(container.streams) == 4
    assert data == cover.read_bytes()
    assert tags == {"filename": "cover.png", "mimetype": "image/png", "title": "Front: a=b"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vob", "dvd"])
def test_a_new_line_finds_its_track_where_the_muxer_orders_streams_otherwise(context, kind):
    """The sound is the first stream of this film, or the second beside data, and another one of what is written."""
    media = _program_stream(context, kind, "-map", "0:a", "-map", "0:v", *MPEG2, "-c:a", "ac3")
    assert media.audio[0].index < media.video.index

    take = numbered_take(context, segment(media, 5, 15, audio=dialogue_line(context, seconds=0.4)))
    result = splicing.splice(context, ffmpeg_path(), media, [take])

    assert result.metrics["sound_way"] == "whole-track"
    numbers = [frame_number(luma) for _, luma in shown(result.path)]
    assert numbers == [n + TAKE_OFFSET if 5 <= n < 15 else n for n in range(24)]


def _program_stream(context, kind, *options):
    """Make a program stream by ffmpeg's muxer of this name; return it in the store."""
    plain = make_clip(context.temp_path("plain.mov"), frames=24, size=(96, 64))
    path = context.temp_path("film.mpg")
    odd.ffmpeg("-i", plain, *options, "-f", kind, path)
    file = context.store(path)
    return probe(context.path(file), file)


MPEG2 = ("-c:v", "mpeg2video", "-q:v", 2, "-g", 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sound"), [("dvd", ("ac3",)), ("dvd", ("dca", "-strict", -2)), ("vob", ("mp2",)), ("mpeg", ("mp2",))]
)
def test_a_program_stream_stays_one_of_its_kind(context, kind, sound):
    """MPEG-2 with the packs of MPEG-2; what a DVD's player navigates by cannot be kept, which is said."""
    media = _program_stream(context, kind, *MPEG2, "-c:a", *sound)

    result = spliced(context, media, (5, 9))

    first_packs = [path.read_bytes()[:5] for path in (context.path(media.file), result.path)]
    assert first_packs[0][4] >> 6 == (0 if kind == "mpeg" else 1) == first_packs[1][4] >> 6
    numbers = [frame_number(luma) for _, luma in shown(result.path)]
    assert numbers == [n + TAKE_OFFSET if 5 <= n < 9 else n for n in range(24)]
    assert ("could not be kept: stream 0 (data)" in result.notes) == (kind == "dvd")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((*MPEG2, "-c:a", "pcm_dvd"), "the muxer for program streams cuts linear PCM into other packets"),
        (("-c:v", "libx264", "-c:a", "ac3"), "do not decode at their times"),
    ],
    ids=["linear PCM", "H.264, of which few pictures have a time"],
)
def test_a_program_stream_that_cannot_be_written_is_refused_before_anything_is_made(context, options, reason):
    """By the plan."""
    media = _program_stream(context, "vob", *options)

    with pytest.raises(InputMediaError, match=reason):
        check_feasibility(context.path(media.file), media, [(0, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("quality", ["matched", "too coarse"])
def test_one_copy_of_the_film_is_left_while_it_is_checked(context, monkeypatch, suffix, quality):
    """A film of an hour has gigabytes, and may be written several times."""
    media = film(context, suffix, frames=36, size=(192, 108), gop=12, audio_codec="aac")
    if quality == "too coarse":
        monkeypatch.setattr(strategies, "MIN_PSNR_DB", 100.0)
        monkeypatch.setattr(strategies, "quality_steps", lambda *_: -2.0)

    result = spliced(context, media, (14, 18))

    written = [path for path in (context.folder / "temp").glob("*/*") if path.stem in ("film", "pictures")]
    assert written == [result.path]
    assert (result.metrics["coarser_steps"][0] < 1) == (quality == "too coarse")


@pytest.mark.slow
def test_small_pictures_in_a_program_stream_keep_their_times_to_within_a_guess(context):
    """Of pictures that share a packet only the first one's time is stored; a reader guesses the others from it."""
    rate = Fraction(24000, 1001)
    changes = {"codec": "mpeg2video", "audio_codec": "mp2", "time_base": 1 / rate, "options": {"qscale": "20"}}
    media = film(context, ".mpg", frames=48, size=(64, 48), rate=rate, **changes)
    source_times = [pts for pts, _ in shown(context.path(media.file))]
    assert {b - a for a, b in itertools.pairwise(source_times)} > {3753, 3754}

    result = spliced(context, media, (20, 26))

    times = [pts for pts, _ in shown(result.path)]
    assert times != source_times
    assert all(abs(a - b) < 90 for a, b in zip(times, source_times, strict=True))
    assert result.metrics["timestamps_equal"]
