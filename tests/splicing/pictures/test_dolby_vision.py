"""Dolby Vision in new pictures: its unit in each packet, and what the container says of it."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import av
import odd
import pytest
from numbered_clips import make_clip
from takes import film, spliced

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.nal_units import has_start_codes, hevc_unit_type, join_units, split_units
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing.container import maps_dolby_vision
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.pictures import fields

PROFILE_8 = b"\x01\x00\x10\x0d\x10".ljust(24, b"\0")
"""Dolby Vision of profile 8, level 1, in one layer, compatible with HDR10."""


def _with_units(context, units, suffix, *, bframes=0, gop=8, description=b""):
    """Make a film of HEVC with `units(number)` at the end of each packet, and a box that describes Dolby Vision."""
    options = {"x265-params": f"log-level=none:open-gop=0:bframes={bframes}"}
    clip = make_clip(
        context.temp_path("plain.mp4"), frames=16, size=(96, 64), gop=gop, tracks=0, codec="libx265", options=options
    )
    path = context.temp_path("film.mp4")
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            copy = av.Packet(bytes(packet) + join_units(units(number), annexb=False))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.duration, copy.stream = packet.is_keyframe, packet.duration, stream
            out.mux(copy)
    if description:
        path = odd.patched(path, (*odd.STBL, b"stsd"), lambda stsd: _described(stsd, description))
    if suffix != ".mp4":
        odd.ffmpeg("-i", path, "-c", "copy", path := path.with_suffix(suffix))
    file = context.store(path)
    return probe(context.path(file), file)


def _described(stsd, description):
    """Add the box `dvvC` to the one sample entry."""
    entry = stsd[16:] + odd.box(b"dvvC", description)
    return stsd[:8] + odd.box(stsd[12:16], entry)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_dolby_vision_is_kept_byte_for_byte_at_the_end_of_each_packet(context, suffix):
    """A unit of type 62, with zeros and prevention bytes in it."""
    units = [b"\x7c\x01\x19\x08\x00\x00\x03\x01" + bytes([number]) + b"\x00\x00\x03\x00\x80" for number in range(16)]
    media = _with_units(context, lambda number: [units[number]], suffix)

    plan = check_feasibility(context.path(media.file), media, [(5, 7)])
    result = spliced(context, media, (5, 7))

    with av.open(str(result.path)) as container:
        annexb = has_start_codes(bytes(container.streams.video[0].codec_context.extradata))
        packets = [
            list(split_units(bytes(packet), annexb=annexb)) for packet in container.demux(video=0) if packet.size
        ]
    assert [packet[-1] for packet in packets] == units  # without B-frames
    assert [sum(hevc_unit_type(unit) == 62 for unit in packet) for packet in packets] == [1] * 16
    assert plan.lost == () and result.notes == () and result.metrics["encoded_packets"] >= 2


@pytest.mark.slow
def test_dolby_vision_of_two_layers_is_said_to_be_lost(context):
    """Before paying and afterwards, also where it begins after the first picture."""
    layers = [b"\x7e\x01\x26\x01\xaf", b"\x7c\x01\x19\x08\x80"]
    media = _with_units(context, lambda number: layers if number > 4 else [], ".mp4")

    plan = check_feasibility(context.path(media.file), media, [(5, 7)])
    result = spliced(context, media, (5, 7))

    (lost,) = plan.lost
    assert lost.startswith("Dolby Vision metadata (of two layers")
    assert result.notes == (f"{lost} could not be kept in the edits",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "gop", "way"), [(".mkv", 8, "exact"), (".mp4", 8, "exact"), (".mp4", 250, "reencoded-picture")]
)
def test_the_container_still_describes_dolby_vision(context, suffix, gop, way):
    """Else a television plays the film without it. ffmpeg's MOV, by way of which some Matroska goes, leaves it out."""
    media = _with_units(context, lambda _: [b"\x7c\x01\x19\x80"], suffix, bframes=3, gop=gop, description=PROFILE_8)
    before = _dolby_vision(context, context.path(media.file))
    assert "profile: 8" in before

    result = spliced(context, media, (0, 6))

    assert result.metrics["way"] == way and result.metrics["metadata_equal"] is True
    assert _dolby_vision(context, result.path) == before
    assert not any("Dolby" in note for note in result.notes)


def _dolby_vision(context, path):
    argv = [ffmpeg_path(), "-nostdin", "-i", str(path), "-c", "copy", "-f", "null", "-"]
    return next((line for line in context.run_tool(argv).splitlines() if "DOVI configuration" in line), "")


def _header(profile, full_range):
    """Return ffmpeg's AVDOVIMetadata up to the range of the base layer."""
    offset = 48
    header = bytes([2, 0, 18, 0, profile, 1, 0, 0, 23, 1, full_range, 0, 0])
    return struct.pack("=Q", offset).ljust(offset, b"\0") + header


@pytest.mark.parametrize(("profile", "full_range", "own"), [(0, 1, True), (0, 0, False), (1, 0, False), (1, 1, False)])
def test_a_film_in_dolby_vision_s_own_colors_is_refused_before_paying(context, monkeypatch, profile, full_range, own):
    """Profile 5 has no colors that a decoder here knows; profile 8 has those of HDR10, HLG or SDR."""

    class Data(bytes):
        type = SimpleNamespace(name="DOVI_METADATA")

    monkeypatch.setattr(fields, "side_data_of", lambda _frame: [Data(_header(profile, full_range))])
    media = film(context, frames=12, size=(96, 64), gop=4, tracks=0)

    if own:
        with pytest.raises(InputMediaError, match="profile 5"):
            check_feasibility(context.path(media.file), media, [(5, 6)])
    else:
        assert check_feasibility(context.path(media.file), media, [(5, 6)]).way == "exact"


def test_a_program_map_that_describes_dolby_vision_is_seen(tmp_path):
    """Ffmpeg's muxer does not write it, so the plan names it."""
    path = tmp_path / "film.ts"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=size=96x64:duration=0.2", "-c:v", "libx264", path)
    data = path.read_bytes()
    section = data.index(b"\x00\x02\xb0", 188)
    described = data[: section + 20] + b"\xb0\x05\x01\x00\x10\x0d\x10" + data[section + 27 :]

    assert not maps_dolby_vision(path)
    path.write_bytes(described)

    assert maps_dolby_vision(path)
