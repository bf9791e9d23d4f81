"""What the muxers write beside the packets: the flags and colors of the picture, timecodes, clocks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from takes import film, numbered_take, segment

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.times import Timecode
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe, probe_path
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import remux, strategies
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.verification.stream_contents import read_contents
from react1.pipeline.splicing.verification.verify import compare

pytestmark = pytest.mark.slow

BT709 = ("-color_range:v", "tv", "-color_primaries:v", "bt709", "-color_trc:v", "bt709", "-colorspace:v", "bt709")


def described(context, suffix, *options, **changes):
    """Make a film whose picture has the flags and colours that `options` ask for."""
    plain = context.path(film(context, suffix, frames=16, **changes).file)
    path = context.temp_path(f"film{suffix}")
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), "-map", "0", "-c", "copy", *options, str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def spliced(context, media, span=(5, 9)):
    return splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, *span))])


def description(path):
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        colours = (context.color_range, context.color_primaries, context.color_trc, context.colorspace)
        return [int(stream.disposition) for stream in container.streams], colours


def refuse(_job):
    raise NotApplicable("because")


@pytest.fixture(params=["exact", "reencode"])
def way(request, monkeypatch):
    """Splice packet by packet, or re-encode all pictures."""
    if request.param == "reencode":
        monkeypatch.setattr(splicing, "smart_render", refuse)
    return request.param


@pytest.mark.parametrize("flags", ["0", "default", "forced", "default+original"])
def test_the_picture_keeps_its_own_flags(context, way, flags):
    """Not the default ones: a player chooses by them."""
    media = described(context, ".mkv", "-disposition:v", flags)
    wanted = sum(int(Disposition[name]) for name in flags.split("+") if name != "0")
    assert description(context.path(media.file))[0][0] == wanted

    result = spliced(context, media)

    assert description(result.path) == description(context.path(media.file))
    assert len(result.notes) == (way == "reencode")


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_a_web_film_keeps_its_colours(context, way, codec):
    """VP8 and VP9 do not hold them all themselves: they stand in the container."""
    coder = {"codec": codec, "audio_codec": "libopus", "options": {"deadline": "realtime"}}
    media = described(context, ".webm", *BT709, **coder)
    assert description(context.path(media.file))[1] == (1, 1, 1, 1)

    result = spliced(context, media)

    assert description(result.path)[1] == (1, 1, 1, 1) and result.metrics["colour_equal"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("turn", "mirrored"), [(90, False), (270, True), (180, False), (0, True)])
def test_a_turned_picture_stays_turned(context, monkeypatch, way, suffix, turn, mirrored):
    """By the container's matrix alone, in both ways of writing it."""
    media = film(context, suffix, frames=20, size=(192, 108), tracks=0, rotation_deg=turn, mirrored=mirrored)
    monkeypatch.setattr(splicing, "reencode_in_mp4", refuse)

    result = spliced(context, media)

    file = context.store(result.path)
    shown = probe(context.path(file), file).video
    assert (shown.rotation_deg, shown.mirrored) == (media.video.rotation_deg, media.video.mirrored) == (turn, mirrored)


def test_a_picture_that_lost_its_turn_is_an_error(context, monkeypatch):
    """Planted: ffmpeg is told nothing of it."""
    media = film(context, ".mkv", frames=20, size=(192, 108), tracks=0, rotation_deg=90)
    monkeypatch.setattr(remux, "_rotation_options", lambda _: {})
    monkeypatch.setattr(splicing, "smart_render", refuse)

    with pytest.raises(InputMediaError, match="another rotation or mirroring"):
        spliced(context, media)


def test_lost_colours_and_flags_are_reported_and_changed_ones_are_an_error(context):
    """Planted in what is read of a film."""
    media = described(context, ".mkv", *BT709)
    was = read_contents(context.path(media.file), 0)

    def verdict(**changes):
        came = replace(was, streams=[replace(was.streams[0], **changes), *was.streams[1:]])
        return compare(was, came, new_audio=False, untouched=None)

    assert verdict().lost == () and verdict().metrics["colour_equal"]
    gone = verdict(color=(1, 2, 2, 1), flags=4)
    assert gone.failure == "" and not gone.metrics["colour_equal"]
    assert gone.lost == (
        "the flags of stream 0 (video)",
        "the color primaries of the picture",
        "the color transfer of the picture",
    )
    assert verdict(color=(2, 1, 1, 1)).failure == "the check color range_equal failed"


def test_lost_colours_reach_the_user(context, monkeypatch):
    """Planted: a muxer that gets no options."""
    coder = {"codec": "libvpx-vp9", "audio_codec": "libopus", "options": {"deadline": "realtime"}}
    media = described(context, ".webm", *BT709, **coder)
    real = strategies.remux_argv

    def bare(*value):
        argv = real(*value)
        at = [i for i, word in enumerate(argv) if word.startswith("-color")]
        return [word for i, word in enumerate(argv) if i not in at and i - 1 not in at]

    monkeypatch.setattr(strategies, "remux_argv", bare)
    monkeypatch.setattr(splicing, "smart_render", refuse)

    assert any("the color primaries of the picture" in text for text in spliced(context, media).notes)


def test_a_film_of_pictures_alone_keeps_its_tags(context):
    """Nothing of it is copied but what it says of itself, and it is the first input all the same."""
    media = described(context, ".mkv", "-metadata", "title=A film", size=(96, 64), tracks=0)

    result = spliced(context, media)

    argv = remux.remux_argv("ffmpeg", Path("a.mkv"), Path("b.nut"), Path("c.mkv"), media, [0], {"r": "25"})
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-i"] == ["file:a.mkv", "file:b.nut"]
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "-map"] == ["0:9999?", "1:v:0"]
    assert argv[argv.index("-r:0") + 1] == "25"
    with av.open(str(result.path)) as container:
        assert container.metadata["title"] == "A film" and len(container.streams) == 1


OWN_MATRIX = ("-intra_matrix", ",".join(["8"] + ["20"] * 63))
"""Films with it are encoded again completely."""
MPEG2_RATES = {"25": "10:00:00:00", "30000/1001": "10:00:59;28", "24000/1001": "01:00:00:00"}


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mov"])
@pytest.mark.parametrize("rate", MPEG2_RATES)
@pytest.mark.parametrize(("way", "options"), [("exact", ()), ("reencoded-picture", OWN_MATRIX)])
def test_the_timecode_of_a_group_of_pictures_stays(context, suffix, rate, way, options):
    """Broadcasters and discs have it nowhere else, and turnovers are placed by it."""
    path, timecode = context.temp_path(f"film{suffix}"), MPEG2_RATES[rate]
    drawn = ["-f", "lavfi", "-i", f"testsrc2=size=192x96:duration=2:rate={rate}"]
    coded = ["-c:v", "mpeg2video", "-q:v", "2", "-gop_timecode", timecode, *options, str(path)]
    context.run_tool([ffmpeg_path(), "-v", "error", *drawn, *coded])
    file = context.store(path)
    media = probe(context.path(file), file)

    result = spliced(context, media, (0, 4))

    assert media.start_timecode == probe_path(result.path).start_timecode == timecode
    assert result.metrics["way"] == way and not any("timecode" in note for note in result.notes)


def test_a_timecode_that_the_rate_does_not_have_is_reported(context, monkeypatch):
    """The encoder would refuse all of the film for it."""
    path = context.temp_path("film.ts")
    drawn = ["-f", "lavfi", "-i", "testsrc2=size=192x96:duration=1:rate=25", "-c:v", "mpeg2video"]
    context.run_tool([ffmpeg_path(), "-v", "error", *drawn, *OWN_MATRIX, str(path)])
    file = context.store(path)
    media = probe(context.path(file), file)
    monkeypatch.setattr(strategies, "gop_timecode", lambda _: Timecode(1, 0, 0, 0, drop=True))

    assert "the timecode inside the pictures could not be kept" in spliced(context, media).notes


def _clock_leads(path: Path) -> list[float]:
    """Return by how many seconds the clock of a transport stream is behind each packet's decode time."""
    data, leads, clock = path.read_bytes(), list[float](), None
    for at in range(0, len(data), 188):
        cell = data[at : at + 188]
        start = 5 + cell[4] if cell[3] & 0x20 else 4
        if cell[3] & 0x20 and cell[4] and cell[5] & 0x10:
            clock = int.from_bytes(cell[6:11], "big") >> 7
        if clock is not None and cell[1] & 0x40 and cell[start : start + 3] == b"\0\0\1":
            times = cell[start + 9 :]
            code = times[5:10] if cell[start + 7] >> 6 == 3 else times[:5]
            ticks = (code[0] >> 1 & 7) << 30 | code[1] << 22 | code[2] >> 1 << 15 | code[3] << 7 | code[4] >> 1
            leads.append((ticks - clock) / 90000)
    return leads


@pytest.mark.parametrize(("delay_s", "lead_s"), [(0.7, 0.7), (0, 0)])
def test_a_transport_stream_is_sent_before_it_is_decoded(context, delay_s, lead_s):
    """A receiver would have its pictures and its sound too late; a film from time 0 on cannot be sent earlier."""
    options = ("-muxdelay", str(delay_s), "-mpegts_copyts", str(int(not delay_s)))
    media = described(context, ".ts", *options, bframes=0, audio_codec="aac")

    result = spliced(context, media)

    leads = _clock_leads(result.path)
    assert lead_s - 0.1 <= min(leads) <= max(leads) < lead_s + 0.2


@pytest.mark.parametrize("pattern", ["mxf", "mxf_opatom"])
def test_an_mxf_keeps_its_operational_pattern(context, pattern):
    """OP-Atom became OP1a, which an Avid does not take into its media folder."""
    clip = {"size": (1280, 720), "codec": "dnxhd", "pix_fmt": "yuv422p", "time_base": Fraction(1, 25)}
    media = described(context, ".mxf", "-f", pattern, tracks=0, options={"b": "90M"}, **clip)

    result = spliced(context, media)

    assert result.metrics["way"] == "exact"
    patterns = []
    for path in (context.path(media.file), result.path):
        with av.open(str(path)) as container:
            patterns.append(container.metadata["operational_pattern_ul"])
    assert patterns[0] == patterns[1]
