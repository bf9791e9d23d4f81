"""Films that a plan and a splice once saw differently, or whose losses were not said."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from made import frame_number, make_clip
from takes import OTHER, film, numbered_take, packets, segment, shown

from react1.pipeline.core.errors import BadInput, MissingExtra, ToolFailed
from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.feasibility import survey
from react1.pipeline.splicing.mp4 import sample_tables
from react1.pipeline.splicing.not_applicable import Unsuited

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def remuxed(room, media, suffix, *options, before=()):
    path = room.new(f"again{suffix}")
    source = str(room.path(media.file))
    room.call([ffmpeg_path(), "-v", "error", *before, "-i", source, "-map", "0", "-c", "copy", *options, str(path)])
    file = room.keep(path)
    return probe(room.path(file), file)


def spliced(room, media, *spans):
    takes = [numbered_take(room, segment(media, start, end)) for start, end in spans]
    return splicing.splice(room, ffmpeg_path(), media, takes)


@pytest.mark.parametrize("changes", [{}, {"codec": "libx265", "options": {"x265-params": "log-level=none"}}])
def test_a_transport_stream_by_any_of_its_names_is_spliced(room, changes):
    """`.m2t` is what HDV's recorders write."""
    media = film(room, ".ts", frames=36, gop=12, size=(192, 108), audio_codec="aac", **changes)
    place = room.new("film.m2t")
    place.write_bytes(room.path(media.file).read_bytes())
    file = room.keep(place)
    media = probe(room.path(file), file)

    made = spliced(room, media, (14, 20), (30, 31))

    assert made.figures["way"] == "exact", made.figures["reason"]
    assert [frame_number(luma) >= OTHER for _, luma in shown(made.path)] == [14 <= n < 20 or n == 30 for n in range(36)]


def test_a_film_whose_sound_comes_first_is_looked_at_by_its_picture(room):
    """A muxer that orders streams otherwise must not lead a check to the sound."""
    plain = make_clip(room.new("plain.mkv"), frames=20, size=(192, 108), audio_codec="aac")
    path = room.new("film.flv")
    coded = ["-map", "0:a", "-map", "0:v", "-c:v", "flv", "-c:a", "copy"]
    room.call([ffmpeg_path(), "-v", "error", "-i", str(plain), *coded, str(path)])
    file = room.keep(path)
    media = probe(room.path(file), file)

    made = spliced(room, media, (5, 9))

    assert made.figures["pictures_alike"] is True
    assert [p[2] for p in packets(made.path, "audio")] == [p[2] for p in packets(room.path(file), "audio")]


@pytest.mark.parametrize("span", [(0, 1), (0, 5)])
def test_a_trimmed_film_may_be_edited_at_its_beginning(room, span):
    """Pictures that an edit list hides are counted in neither film."""
    whole = film(room, frames=50, gop=12, size=(192, 108), tracks=0)
    media = remuxed(room, whole, ".mp4", before=("-ss", "0.6"))
    first = frame_number(shown(room.path(media.file))[0][1])

    made = spliced(room, media, span)

    assert made.figures["way"] == "exact", made.figures["reason"]
    numbers = [frame_number(luma) for _, luma in shown(made.path)]
    assert numbers == [n + OTHER if n < span[1] else n + first for n in range(media.video.frame_count)]


def test_a_fragmented_film_of_hevc_keeps_its_tag(room):
    """Apple's players want hvc1."""
    options = {"x265-params": "log-level=none"}
    whole = film(room, frames=36, gop=12, size=(192, 108), tracks=0, codec="libx265", options=options)
    media = remuxed(room, whole, ".mp4", "-tag:v", "hvc1", "-movflags", "frag_keyframe+empty_moov")

    made = spliced(room, media, (14, 18))

    assert made.figures["way"] == "exact", made.figures["reason"]
    with av.open(str(made.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_static_hdr_travels_with_the_new_pictures(room):
    """On every frame, those of the edit too."""
    media = film(
        room, ".mkv", frames=36, gop=12, size=(192, 108), tracks=0, codec="libx265", pix_fmt="yuv420p10le",
        colour=(1, 9, 16, 9), options={"x265-params": f"log-level=none:max-cll=900,90:master-display={DISPLAY}"},
    )  # fmt: skip

    carried = spliced(room, media, (12, 16))

    assert carried.figures["way"] == "exact" and carried.said == ()
    with av.open(str(carried.path)) as container:
        frames = list(container.decode(video=0))
    assert all(any(one.type.name == "MASTERING_DISPLAY_METADATA" for one in frame.side_data) for frame in frames)


def test_a_keyframe_table_that_names_too_much_is_a_reason_and_no_fault(room):
    """Readers pass over it; the film is coded anew."""
    media = film(room, frames=20, gop=5, size=(192, 108), tracks=0)
    path = room.new("bad.mp4")
    data = bytearray(room.path(media.file).read_bytes())
    at = data.index(b"stss") + 12
    data[at + 4 : at + 8] = (900).to_bytes(4, "big")
    path.write_bytes(data)
    file = room.keep(path)
    media = probe(room.path(file), file)

    told = survey(room.path(file), media, [(5, 9)])

    assert told.way == "reencoded-picture" and "does not have" in told.reason


@pytest.mark.parametrize("body", [b"", b"\x00" * 6, b"\x00" * 7 + b"\x09" + b"\x00" * 8])
def test_tables_that_are_cut_short_are_a_reason(body):
    """Never an error of the library that reads them."""
    with pytest.raises(Unsuited, match="cut short"):
        sample_tables._plain(body, ">u4")


def test_a_morph_without_its_library_is_refused_before_anything_is_paid(monkeypatch):
    """By the same look that refuses what cannot be exact."""
    from react1.nodes.splice import SpliceParams
    from react1.pipeline.runner import forecast
    from react1.pipeline.splicing.pictures import morph

    def missing():
        raise MissingExtra("a morph needs OpenCV")

    monkeypatch.setattr(morph, "require", missing)
    with pytest.raises(MissingExtra):
        forecast._require_morph(SpliceParams.model_validate({"seam": "morph"}))
    forecast._require_morph(SpliceParams.model_validate({"seam": "cut"}))


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_an_avi_that_no_way_is_left_for_is_refused_before_anything_is_made(room, codec):
    """With what to do about it; one whose packets can be copied is spliced."""
    changes = {"frames": 24, "gop": 6, "size": (192, 108), "tracks": 0, "time_base": Fraction(1, 25)}
    lone = film(room, ".avi", **{**changes, "codec": "mjpeg", "pix_fmt": "yuvj420p"})
    media = film(room, ".avi", **{**changes, "codec": codec, "bframes": 2 if codec == "libx264" else 0})

    with pytest.raises(BadInput, match=r"put the film into \.mkv or \.mov first"):
        survey(room.path(media.file), media, [(5, 9)])
    with pytest.raises(ToolFailed, match=r"put the film into \.mkv"):
        spliced(room, media, (5, 9))
    assert spliced(room, lone, (5, 9)).figures["way"] == "exact"
