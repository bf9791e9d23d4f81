"""Re-encoded ranges stay within the bits that a film declares: by its level, its buffer models, its container."""

from __future__ import annotations

import struct
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from own_span import own_take
from takes import packets, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.media.mp4.boxes import Box
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import rate_limits, strategies
from react1.pipeline.splicing.codecs.declared_rates import (
    DeclaredRate,
    container_rates,
    declared_rates,
    h264_rates,
    hevc_rates,
)
from react1.pipeline.splicing.packet_index import index_film
from react1.pipeline.splicing.reencode_ranges import ReencodeRange
from react1.pipeline.splicing.smart_render import RenderPlan
from react1.pipeline.splicing.splice_params import Thresholds
from react1.pipeline.splicing.verification.picture_diff import PictureDiff

LEVEL_11 = 192 * 1500, 500 * 1500
HEVC_LEVEL_1 = 128 * 1100, 350 * 1100
X264 = "bframes=2:keyint=12:bitrate=250:vbv-maxrate=270:vbv-bufsize=300:level=1.1"
X265 = "log-level=none:keyint=12:bitrate=100:vbv-maxrate=100:vbv-bufsize=100"
CODINGS = {
    "the level of H.264": (".mkv", ["-c:v", "libx264", "-x264-params", X264], LEVEL_11),
    "a buffer model of H.264": (".ts", ["-c:v", "libx264", "-x264-params", X264 + ":nal-hrd=vbr"], (270_000, 300_000)),
    "the container": (
        ".mp4",
        ["-c:v", "libx264", "-maxrate", "270k", "-bufsize", "300k", "-x264-params", X264],
        (270_000, 300_000),
    ),
    "the level of HEVC": (".mkv", ["-c:v", "libx265", "-preset", "superfast", "-x265-params", X265], HEVC_LEVEL_1),
}


def noisy_film(context, suffix, coding, seconds=5):
    """Code noise, of which a fine quantiser makes far more bits than the film has."""
    path = context.temp_path("film" + suffix)
    picture = f"testsrc2=s=160x120:r=25:d={seconds},noise=alls=8:allf=t,format=yuv420p"
    context.run_tool([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", picture, *coding, str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def fullest(path, bits_per_s):
    """Return the most bits that are ever left of those that have come, packet by packet, at 25 a second."""
    fill = most = 0.0
    for _, _, data in packets(path):
        fill = max(0.0, fill - bits_per_s / 25) + 8 * len(data)
        most = max(most, fill)
    return most


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "coding", "limit"), CODINGS.values(), ids=CODINGS)
def test_a_noisy_range_of_high_quality_stays_within_what_is_declared(context, suffix, coding, limit):
    """A range that breaks it is coded again, coarser, and the film says so; the source's packets are not touched."""
    media = noisy_film(context, suffix, coding)
    bits_per_s, buffer_bits = limit
    assert fullest(context.path(media.file), bits_per_s) <= buffer_bits

    film = Splice().run(context, SpliceParams(quality="high"), media, [own_take(context, segment(media, 24, 100))])

    metrics = film.metrics["splice"]
    assert metrics["way"] == "exact"
    assert fullest(context.path(film.file), bits_per_s) <= buffer_bits
    assert max(use["share"] for use in metrics["rate_limits"]) > 0.3, "coarser than it has to be"
    assert metrics["coarser_steps"][0] > 0
    assert [note for note in film.notes if "coarser, to stay within" in note]


@pytest.mark.slow
def test_what_is_within_its_limits_is_coded_once(context, monkeypatch):
    """A range with room left keeps its bytes and its quality, and the film only tells how far it uses the limit."""
    media = noisy_film(context, ".mkv", ["-c:v", "libx264", "-x264-params", X264.replace("1.1", "4.0")], seconds=2)
    take = own_take(context, segment(media, 14, 20))
    film = Splice().run(context, SpliceParams(quality="high"), media, [take])
    monkeypatch.setattr(rate_limits, "declared_rates", lambda *_args, **_more: ())
    unlimited = Splice().run(context, SpliceParams(quality="high"), media, [take])

    assert film.file == unlimited.file
    (use,) = film.metrics["splice"]["rate_limits"]
    assert use["limit"] == "level 4.0" and use["kbit_per_s"] == 30_000
    assert 0 < use["share"] < 1 and "rate_limits" not in unlimited.metrics["splice"]
    assert not [note for note in film.notes if "bit rate" in note]


def encoded(sizes, first=10):
    """Return a range of new packets."""
    return SimpleNamespace(range=ReencodeRange(first, first + len(sizes), ()), sizes=np.array(sizes, np.int64))


def uses_of(rate, source, new, first=10):
    """Measure a film of 25 pictures a second."""
    samples = SimpleNamespace(dts=np.arange(len(source)), sizes=np.array(source, np.int64))
    index = SimpleNamespace(grid=SimpleNamespace(samples=samples))
    (use,) = rate_limits.measure_limits([rate], index, Fraction(1, 25), [encoded(new, first)])
    return use


def test_the_bits_of_a_stretch_are_measured_with_the_packets_beside_it():
    """100 kbit/s and a buffer of 50: packets of 500 bytes are all that may come for ever."""
    rate = DeclaredRate("level 9", 100_000, 50_000)
    calm, full = [500] * 40, [500] * 10 + [500] * 10 + [5000] + [500] * 19

    assert uses_of(rate, calm, [500] * 10).share == pytest.approx(0.08)
    assert uses_of(rate, calm, [1000] * 10).share == pytest.approx((8 * 1000 + 9 * 4000) / 50_000)
    neighbours = uses_of(rate, full, [1000] * 10)
    assert neighbours.share == pytest.approx((40_000 + 40_000) / 50_000)
    assert neighbours.source_share == pytest.approx(40_000 / 50_000)
    assert neighbours.excess_steps[0] == pytest.approx(6 * np.log2(80 / 50) + 0.5)


def test_a_limit_that_the_source_breaks_does_not_bind():
    """Many containers declare the mean as the highest rate."""
    rate = DeclaredRate("the film's container", 100_000, 20_000)
    use = uses_of(rate, [500] * 30 + [4000] + [500] * 9, [2000] * 10)

    assert use.source_share > 1 and use.share > 1 and not use.excess_steps


def test_a_single_picture_has_a_limit_too():
    """Of its level, by the time since the picture before."""
    rate = DeclaredRate("level 9", 10**9, 10**9, picture_bytes_per_s=25 * 1000)
    use = uses_of(rate, [500] * 40, [2000, *[500] * 9])

    assert use.share == pytest.approx(2.0) and use.excess_steps[0] == pytest.approx(6.5)


@pytest.mark.parametrize(
    ("profile", "constraints", "level", "expected"),
    [
        (100, 0, 30, ("level 3.0", 15_000_000, 15_000_000, 384 * 40500 / 2)),
        (66, 0xC0, 31, ("level 3.1", 16_800_000, 16_800_000, 384 * 108000 / 4)),
        (77, 0x10, 11, ("level 1b", 153_600, 420_000, 384 * 1485 / 2)),
        (110, 0, 51, ("level 5.1", 864_000_000, 864_000_000, 0.0)),
    ],
)
def test_limits_of_h264_levels(profile, constraints, level, expected):
    """Rates in units of the profile's factor."""
    assert h264_rates(bytes([0x67, profile, constraints, level])) == [DeclaredRate(*expected)]


def test_unknown_levels_and_other_units_have_no_limits():
    """Nor has a profile whose factors are not known here."""
    assert h264_rates(bytes([0x67, 100, 0, 99])) == h264_rates(bytes([0x68, 100, 0, 30])) == h264_rates(b"\x67") == []
    assert hevc_rates(b"\x44\x01" + bytes(20)) == hevc_rates(b"\x42\x01\x01\x04" + bytes(10) + b"\x5d") == []
    assert declared_rates("vp9", b"", annexb=False) == declared_rates("h264", b"\x01\x02", annexb=False) == ()


@pytest.mark.parametrize(
    ("tier", "name", "kbit"), [(0, "level 4.0", 13_200), (1, "level 4.0, high tier", 33_000)], ids=["main", "high"]
)
def test_limits_of_hevc_levels(tier, name, kbit):
    """By tier; 120 is level 4.0."""
    sps = b"\x42\x01\x01" + bytes([tier << 5 | 2]) + b"\x20" + bytes(9) + b"\x78"

    assert hevc_rates(sps) == [DeclaredRate(name, kbit * 1000, kbit * 1000)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((25_000, 400_000, 300_000), [DeclaredRate("the film's container", 400_000, 200_000)]),
        ((0, 400_000, 400_000), []),
    ],
)
def test_the_rate_of_a_container(box, expected):
    """Without a buffer muxers write the mean rate, which no film keeps."""
    entry = Box(b"avc1", bytes(78) + Box(b"btrt", struct.pack(">III", *box)).to_bytes()).to_bytes()

    assert container_rates(struct.pack(">II", 0, 1) + entry) == expected
    assert container_rates(b"") == []


def test_a_buffer_model_is_read_from_the_film(context):
    """As the encoder was told: 270 kbit/s, and 300 kbit in its buffer; x264 rounds both down a little."""
    media = noisy_film(context, *CODINGS["a buffer model of H.264"][:2], seconds=1)
    index = index_film(context.path(media.file), media)

    rates = {rate.source: rate for rate in rate_limits.film_rates(index, "h264")}

    assert rates["level 1.1"].bits_per_s == LEVEL_11[0]
    model = rates["the film's buffer model"]
    assert 265_000 < model.bits_per_s <= 270_000 and 295_000 < model.buffer_bits <= 300_000


@pytest.mark.parametrize(
    ("diff", "steps"),
    [(PictureDiff(39.0, mean_ssim=0.9), 15.0), (PictureDiff(30.0, "frame 1 differs"), 9.0)],
    ids=["coarse", "refused"],
)
def test_a_limited_range_becomes_finer_only_where_a_check_would_refuse_it(diff, steps):
    """Its own quality gives way to the limit, but not what it shows; then it is not limited any more."""
    job = SimpleNamespace(limits=Thresholds())
    plan = RenderPlan((), SimpleNamespace(), SimpleNamespace(), coarser_steps=(15.0,), least_steps={0: 15.0})

    assert strategies._finer_steps(job, diff, (), 15.0, is_limited=True) == steps
    changed = plan.with_steps({0: steps})
    assert changed.unlimited == (frozenset({0}) if steps < 15 else frozenset())
    assert changed.least_steps == ({} if steps < 15 else {0: 15.0})
