"""Films whose encoder has no twin here: the new pictures bring parameter sets of their own."""

from __future__ import annotations

import av
import pytest
from numbered_clips import frame_number
from takes import TAKE_OFFSET, film, numbered_take, packets, segment, shown, spliced

from react1.pipeline.media.nal_units import escape, hevc_unit_type, join_units, split_start_codes, split_units, unescape
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing import strategies
from react1.pipeline.splicing.codecs import h264, h264_headers, hevc
from react1.pipeline.splicing.codecs.chroma_location import with_chroma_location
from react1.pipeline.splicing.codecs.hevc_sps import chroma_location
from react1.pipeline.splicing.encoders import EncoderSettings

pytestmark = pytest.mark.slow

X265 = {"codec": "libx265", "options": {"preset": "superfast", "x265-params": "log-level=none:open-gop=1:bframes=3"}}


MATCHING_ENCODER = hevc.matching_encoder
"""The real search, which the films here do without."""


@pytest.fixture(autouse=True)
def no_twin(monkeypatch):
    """Phones and cards are no x264 or x265."""
    monkeypatch.setattr(h264, "matching_encoder", lambda *_: None)
    monkeypatch.setattr(hevc, "matching_encoder", lambda *_: None)


def config(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.codec_tag, bytes(stream.codec_context.extradata)


@pytest.mark.parametrize("changes", [{}, X265], ids=["h264", "hevc"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_the_film_is_spliced_packet_by_packet_all_the_same(context, suffix, changes):
    """Every frame shows what it should, and no packet outside the window but a broken link's differs."""
    media = film(context, suffix, gop=8, frames=36, size=(192, 108), audio_codec="aac", **changes)
    take = numbered_take(context, segment(media, 10, 14, head=1))

    result = splicing.splice(context, ffmpeg_path(), media, [take])

    source = context.path(media.file)
    assert result.metrics["way"] == "exact" and result.metrics["twin"] is False
    numbers = [frame_number(luma) for _, luma in shown(result.path)]
    assert numbers == [n + TAKE_OFFSET if 10 <= n < 14 else n for n in range(36)]
    before, after = packets(source), packets(result.path)
    same = sum(item == other for item, other in zip(before, after, strict=True))
    patched = 1 if changes else 0
    assert same == 36 - result.metrics["encoded_packets"] - patched
    assert packets(result.path, "audio") == packets(source, "audio")


def film_with_chroma_at_the_top_left(context, codec, suffix=".mp4"):
    """Make a film without an encoder's note in HEVC."""
    library, params = {"h264": ("libx264", "x264-params"), "hevc": ("libx265", "x265-params")}[codec]
    words = "chromaloc=2" if codec == "h264" else "log-level=none:info=0:chromaloc=2"
    recipe = {"codec": library, "options": {"preset": "superfast", params: words}}
    return film(context, suffix, gop=8, frames=36, size=(192, 108), tracks=0, **recipe)


def places_of_chroma(path, codec):
    """List what each SPS of an MP4 says."""
    stored = config(path)[1]
    if codec == "h264":
        return [h264_headers.parse_sps(unit).chroma_location for unit in h264_headers.parse_avcc(stored).sps]
    return [chroma_location(unit) for unit in hevc.hvcc_units(stored) if hevc_unit_type(unit) == 33]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_both_sets_say_alike_where_chroma_lies(context, codec):
    """A player would shift the color of new pictures by half a pixel. Of HEVC no encoder's note is needed."""
    media = film_with_chroma_at_the_top_left(context, codec)

    result = spliced(context, media, (10, 14))

    assert result.metrics["twin"] is False
    assert places_of_chroma(result.path, codec) == [2, 2]


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_complete_re_encode_says_where_chroma_lies(context, monkeypatch, codec, suffix):
    """As the film does, in its boxes or in its stream; other encoders have no such option."""
    media = film_with_chroma_at_the_top_left(context, codec, suffix)
    settings = []

    def refuse(_job):
        raise NotApplicable("because")

    real = strategies.encode
    monkeypatch.setattr(splicing, "smart_render", refuse)
    monkeypatch.setattr(strategies, "encode", lambda *args: settings.append(args[3]) or real(*args))

    result = spliced(context, media, (10, 14))

    assert "chromaloc=2" in settings[0].options[{"h264": "x264-params", "hevc": "x265-params"}[codec]].split(":")
    if suffix == ".mp4":
        assert places_of_chroma(result.path, codec)[-1] == 2
    assert with_chroma_location(EncoderSettings("mpeg2video", "yuv420p"), 2).options == {}
    assert (
        with_chroma_location(EncoderSettings("libx264", "yuv422p", {"x264-params": ""}), 2).options["x264-params"] == ""
    )


def test_a_second_view_is_said_to_be_lost_in_the_edit(context):
    """As of a phone's spatial video, whose packets have pictures of another layer besides the base."""
    base = film(context, gop=8, frames=36, size=(192, 108), tracks=0, **X265)
    path = context.temp_path("views.mp4")
    with av.open(str(context.path(base.file))) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                units = list(split_units(bytes(packet), annexb=False))
                views = [bytes([unit[0], unit[1] | 1 << 3]) + unit[2:] for unit in units if hevc_unit_type(unit) < 32]
                both = av.Packet(join_units([*units, *views], annexb=False))
                both.pts, both.dts, both.time_base = packet.pts, packet.dts, packet.time_base
                both.is_keyframe, both.stream = packet.is_keyframe, stream
                out.mux(both)
    file = context.store(path)
    media = probe(context.path(file), file)

    result = spliced(context, media, (10, 14))
    plain = spliced(context, base, (10, 14))

    assert result.metrics["way"] == plain.metrics["way"] == "exact"
    assert [note for note in result.notes if "second view" in note and "could not be kept in the edits" in note]
    assert not any("view" in note for note in plain.notes)


def test_a_note_in_the_film_gives_no_options_of_its_own(context, monkeypatch):
    """X265 would write its log where the film says; not even where an encoder is searched by the note."""
    media = film(context, gop=8, frames=8, size=(192, 108), tracks=0, **X265)
    stored = hevc.hvcc_units(config(context.path(media.file))[1])
    film_sets = tuple(unit for unit in stored if hevc_unit_type(unit) in (32, 33, 34))
    note = b"x265 (build 1) options: chromaloc-top=2:csv=a bframes=3:csv=a ref=2,csv=a"
    tried = []
    monkeypatch.setattr(hevc, "parameter_sets", lambda _, settings: tried.append(settings) or ())

    assert MATCHING_ENCODER(media.video, film_sets, hevc._parse_x265_note(note), 2) is None
    tried.append(hevc._default_encoder(media.video, 2, film_sets, {}))

    words = {word.partition("=")[0] for settings in tried for word in settings.options["x265-params"].split(":")}
    assert "bframes" in words and "csv" not in words


def test_both_sets_are_in_the_hvcc_and_the_tag_stays(context):
    """Apple's players want hvc1, and all parameter sets beforehand."""
    media = film(context, gop=8, frames=36, size=(192, 108), tracks=0, **X265)

    result = spliced(context, media, (10, 14))

    (tag, was), (came_tag, came) = config(context.path(media.file)), config(result.path)
    old, new = ([unit for unit in hevc.hvcc_units(item) if unit[0] >> 1 & 63 in (32, 33, 34)] for item in (was, came))
    assert came_tag == tag
    assert set(old) < set(new) and len(new) == 2 * len(old)
    assert sorted(hevc._set_id(unit) for unit in new) == [0, 0, 0, 14, 15, 15]
    in_packets = [unit[0] >> 1 & 63 for _, _, data in packets(result.path) for unit in split_units(data, annexb=False)]
    assert not {32, 33, 34} & set(in_packets)


@pytest.mark.parametrize("changes", [{}, X265], ids=["h264", "hevc"])
def test_a_film_that_was_spliced_before_is_spliced_again(context, changes):
    """The sets of the first time are known, and do not stand in the way."""
    media = film(context, gop=8, frames=36, size=(192, 108), tracks=0, **changes)
    once = spliced(context, media, (10, 14))
    file = context.store(once.path)
    again = probe(context.path(file), file)

    result = spliced(context, again, (26, 28))

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    numbers = [frame_number(luma) for _, luma in shown(result.path)]
    assert [n for n in range(36) if numbers[n] >= TAKE_OFFSET] == [10, 11, 12, 13, 26, 27]


def test_numbers_that_the_film_uses_for_others_are_refused():
    """Two sets under one number would be read as one."""
    mine = b"\x44\x01" + bytes([0b11000001])
    taken = hevc._renumber(mine) + b"\x01"

    assert hevc.renumber_sets((mine,), (hevc._renumber(mine),)) == (hevc._renumber(mine),)
    with pytest.raises(NotApplicable, match="uses the ids"):
        hevc.renumber_sets((mine,), (taken,))


def test_h264_keeps_both_sets_in_its_avcc(context):
    """Two sets under two numbers, the first the film's own."""
    media = film(context, gop=8, frames=36, size=(192, 108), tracks=0)

    result = spliced(context, media, (10, 14))

    (_, was), (_, came) = config(context.path(media.file)), config(result.path)
    old, new = h264_headers.parse_avcc(was), h264_headers.parse_avcc(came)
    assert new.sps[:1] == old.sps and len(new.sps) == 2
    assert new.pps[:1] == old.pps and len(new.pps) == 2
    assert h264_headers.used_ids(new) == {0, 1}


@pytest.mark.parametrize("data", [b"\x42\x01\x00\x00\x00\x01", b"\x42\x01\x00\x00\x03\x00\x00\x02", b"\x02\x01\x80"])
def test_what_keeps_start_codes_out_is_put_back(data):
    """Two zeros are never followed by 0 to 3."""
    assert unescape(escape(data)) == data
    assert split_start_codes(b"\x00\x00\x01" + escape(data)) == [escape(data)]
