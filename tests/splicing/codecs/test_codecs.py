"""What is read of coded pictures, and the encoders that are found to stand beside them."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import odd
import pytest
from own_span import own_take
from takes import film, packets, segment, spliced

from react1.pipeline.media.frames.decode import exact_frames
from react1.pipeline.media.nal_units import BitReader, join_units, split_start_codes, split_units
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.codecs import h264, h264_headers, hevc, standalone_codecs
from react1.pipeline.splicing.codecs.family import RandomAccess
from react1.pipeline.splicing.encoders import choose_encoder
from react1.pipeline.splicing.packet_index import codec_family
from react1.pipeline.splicing.reencode import encode

pytestmark = pytest.mark.slow


def opened(context, suffix=".mp4", **changes):
    """Make a clip; give its picture's description, configuration and packets."""
    media = film(context, suffix, **{"frames": 14, "size": (192, 108), "tracks": 0, **changes})
    path = context.path(media.file)
    with av.open(str(path)) as container:
        config = bytes(container.streams.video[0].codec_context.extradata or b"")
    return media.video, config, [data for _, _, data in packets(path)]


def test_units_behind_lengths_and_behind_codes_are_the_same_units():
    """A unit may hold zeros, but no start code."""
    matches = [b"\x67\x01\x02", b"\x65\x00\x00\x03\x01", b"\x41\x80"]

    for annexb in (True, False):
        assert list(split_units(join_units(matches, annexb=annexb), annexb=annexb)) == matches
    assert split_start_codes(b"\x00\x00\x01\x09\xf0\x00\x00\x00\x01\x65\x88") == [b"\x09\xf0", b"\x65\x88"]


def test_bits_are_read_without_the_mark_of_their_end():
    """The last 1 closes the unit; the bytes that keep start codes out are no bits."""
    bits = BitReader(b"\x67\x00\x00\x03\x01\x5c", 1)

    assert (bits.u(16), bits.u(8), bits.ue(), bits.se(), bits.u(4)) == (0, 1, 1, 0, 8)


X264 = {
    "ultrafast": {"options": {"preset": "ultrafast"}},
    "slow": {"options": {"preset": "slow", "crf": "20"}},
    "no reordering": {"bframes": 0},
    "no pyramid": {"bframes": 3, "options": {"x264-params": "b-pyramid=none"}},
    "a rate": {"options": {"b": "500000"}},
    "a quantiser": {"options": {"qp": "20"}},
    "baseline": {"bframes": 0, "options": {"profile": "baseline"}},
    "zero latency": {"bframes": 0, "options": {"tune": "zerolatency"}},
    "grain": {"options": {"tune": "grain"}},
    "intra": {"gop": 1, "bframes": 0},
    "ten bits": {"pix_fmt": "yuv420p10le"},
    "4:2:2": {"pix_fmt": "yuv422p"},
    "chroma at the top left": {"options": {"x264-params": "chromaloc=2"}},
    "29.97, colours, aspect": {"rate": Fraction(30000, 1001), "colour": (1, 1, 1, 1), "sar": Fraction(4, 3)},
}


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("shape", X264)
def test_a_twin_is_found_from_the_parameter_sets_alone(context, shape, noted):
    """With x264's own note and without it, the encoder writes the film's sets byte for byte."""
    video, config, data = opened(context, **X264[shape])
    own = h264_headers.parse_avcc(config)

    choice = h264.matching_encoder(video, own, h264_headers.parse_x264_note(data[0]) if noted else {}, 2)

    assert choice is not None
    assert h264.parameter_sets(video, choice) == (own.sps, own.pps)


def test_a_twin_does_without_the_film_s_trellis(context):
    """A film whose note names a trellis gets an encoder with the same parameter sets and none."""
    video, config, data = opened(context, options={"preset": "medium"})
    own, noted = h264_headers.parse_avcc(config), h264_headers.parse_x264_note(data[0])

    choice = h264.matching_encoder(video, own, noted, 2)

    assert noted["trellis"] == "1"
    assert "trellis=0" in choice.options["x264-params"].split(":")


def test_what_no_x264_writes_has_no_twin(context):
    """A set that says another level is not matched by what is nearly the same."""
    video, config, _ = opened(context)
    own = h264_headers.parse_avcc(config)
    sps = bytearray(own.sps[0])
    sps[2] ^= 0x04

    assert h264.matching_encoder(video, h264_headers.AvcConfig(own.head, (bytes(sps),), own.pps), {}, 2) is None


X265 = {
    "ultrafast": {"options": {"preset": "ultrafast"}},
    "medium, open": {"options": {"preset": "medium"}, "params": "open-gop=1"},
    "a rate": {"options": {"preset": "veryfast", "b": "500000"}},
    "grain": {"options": {"preset": "veryfast", "tune": "grain"}},
    "ten bits, HDR colours": {"pix_fmt": "yuv420p10le", "colour": (1, 9, 16, 9), "options": {"preset": "superfast"}},
    "chroma at the top left": {"options": {"preset": "veryfast"}, "params": "chromaloc=2"},
    "no note": {"options": {"preset": "superfast"}, "params": "info=0"},
}


def test_x265_holds_few_large_pictures(monkeypatch):
    """One picture at a time, and as short a lookahead as its B-frames allow."""
    video = SimpleNamespace(width_px=320, height_px=180, pix_fmt="yuv420p10le")
    small = hevc._settings(video, "12", {"bframes": "3"}).options["x265-params"]
    monkeypatch.setattr(hevc, "LARGE_PX", 320 * 180 - 1)
    large = [hevc._settings(video, "12", params).options["x265-params"] for params in ({"bframes": "3"}, {})]

    assert "frame-threads" not in small and "rc-lookahead" not in small
    assert {"bframes=3", "frame-threads=1", "rc-lookahead=4"} <= set(large[0].split(":"))
    assert {"frame-threads=1", "rc-lookahead=5"} <= set(large[1].split(":"))


@pytest.mark.parametrize("shape", X265)
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_twin_of_x265_is_found(context, monkeypatch, shape, large):
    """From its note, and where it left none among its presets."""
    if large:
        monkeypatch.setattr(hevc, "LARGE_PX", 0)
    recipe = dict(X265[shape])
    params = "log-level=none:" + recipe.pop("params", "info=1")
    recipe["options"] = {**recipe["options"], "x265-params": params}
    video, config, data = opened(context, codec="libx265", **recipe)
    stored = hevc.hvcc_units(config)
    own = tuple(unit for unit in stored if unit[0] >> 1 & 63 in (32, 33, 34))

    choice = hevc.matching_encoder(video, own, hevc._parse_x265_note(data[0] + config), 2)

    assert choice is not None and ("frame-threads=1" in choice.options["x265-params"]) == large
    assert set(hevc.parameter_sets(video, choice)) == set(own)


def test_a_decoder_resumes_at_idr_pictures_and_at_marked_cra_pictures(context):
    """H.264 with open groups has one IDR; HEVC's CRA needs a mark."""
    params = {"x264-params": "open-gop=1:bframes=2"}
    _, _, avc = opened(context, gop=4, frames=20, options=params)
    _, _, hev = opened(context, gop=4, frames=20, codec="libx265", options={"x265-params": "log-level=none:open-gop=1"})

    matches = [codec_family("h264").random_access(data, annexb=False) for data in avc]
    assert matches[0] is RandomAccess.CLEAN and set(matches[1:]) == {RandomAccess.NONE}
    kinds = [codec_family("hevc").random_access(data, annexb=False) for data in hev]
    assert kinds[0] is RandomAccess.CLEAN and RandomAccess.BROKEN_LINK in kinds[1:]


def test_a_cra_becomes_a_broken_link_in_one_byte(context):
    """Nothing else of the packet changes."""
    _, _, data = opened(
        context, gop=4, frames=20, codec="libx265", options={"x265-params": "log-level=none:open-gop=1"}
    )
    family = codec_family("hevc")
    cra = next(item for item in data if family.random_access(item, annexb=False) is RandomAccess.BROKEN_LINK)

    result = hevc._Relinker(annexb=False)(cra)

    assert len(result) == len(cra)
    assert sum(item != other for item, other in zip(result, cra, strict=True)) == 1
    assert family.random_access(result, annexb=False) is RandomAccess.CLEAN


def test_av1_units_are_distinguished_and_delimiters_dropped():
    """A delimiter, a sequence header and a frame, each with its size."""
    delimiter, header, frame = b"\x12\x00", b"\x0a\x02\x11\x22", b"\x32\x03\x01\x02\x03"
    packet = delimiter + header + frame

    assert [kind for kind, _ in standalone_codecs.split_obus(packet)] == [2, 1, 6]
    assert standalone_codecs.sequence_header(packet) == header
    assert standalone_codecs.strip_temporal_delimiters(packet, True) == header + frame


def test_codecs_without_a_family_say_so():
    """The reason reaches the user as why the picture was re-encoded."""
    with pytest.raises(NotApplicable, match="mpeg4 cannot be spliced packet by packet"):
        codec_family("mpeg4")


@pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler") or os.geteuid() != 0, reason="SVT-AV1 asks for real time on Linux, as root"
)
@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_no_thread_is_a_real_time_thread_after_av1_was_encoded(context, suffix):
    """Such a thread would starve all others of the machine, and its children too."""
    media = film(context, suffix, frames=14, size=(64, 36), tracks=0, codec="libsvtav1", options={"preset": "11"})
    path = context.path(media.file)
    spliced(context, media, (4, 8))
    settings = choose_encoder(media.video, 0, suffix)
    frames = ((frame, number) for number, frame in exact_frames(path, media.video))
    encode(frames, context.temp_path(f"all{suffix}"), media.video, settings, lambda count: None)

    policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert policies == {os.SCHED_OTHER}


@pytest.mark.parametrize("depth", [8, 16])
def test_new_pictures_of_prores_store_alpha_as_the_film_does(context, tmp_path, depth):
    """In other bits a decoder gives other values: 8 bits came back up to 3 of 4095 off."""
    path = tmp_path / "film.mov"
    ramp = "color=s=64x48:r=25:d=0.24,format=yuva444p10le,geq=lum=512:cb=512:cr=512:a=X*16+Y"
    odd.ffmpeg("-f", "lavfi", "-i", ramp, "-c:v", "prores_ks", "-profile:v", 4, "-alpha_bits", depth, path)
    file = context.add_external(path)
    media = probe(context.path(file), file)

    result = splicing.splice(context, ffmpeg_path(), media, [own_take(context, segment(media, 2, 4))])

    assert result.metrics["encoded_packets"] == 2 and _alpha(result.path) == _alpha(path)


def _alpha(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(frame.planes[3]) for frame in container.decode(video=0)]
