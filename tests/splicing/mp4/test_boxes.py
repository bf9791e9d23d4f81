"""MP4 boxes and H.264 headers: what is read is written back byte for byte."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest
from takes import film, packets, spliced

from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import Box, parse_boxes, read_moov
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.splicing.codecs import h264_headers
from react1.pipeline.splicing.mp4.replace_samples import find_track


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_an_index_is_written_back_byte_for_byte(context, suffix):
    """Parsing and spelling a moov changes nothing."""
    media = film(context, suffix, audio_codec="aac", timecode="01:00:00:00")
    path = context.path(media.file)
    tops, moov = read_moov(path)
    top = next(top for top in tops if top.kind == b"moov")

    assert moov.to_bytes() == path.read_bytes()[top.offset : top.offset + top.size_bytes]


def test_the_tables_lead_to_every_packet(context):
    """Offset, size and times of each sample are those that a demuxer gives."""
    media = film(context, frames=20, audio_codec="aac")
    path = context.path(media.file)
    matches = sample_tables.read_sample_table(find_track(read_moov(path)[1], b"vide"))
    data = path.read_bytes()

    listed = packets(path)

    assert [data[at : at + size] for at, size in zip(matches.offsets, matches.sizes, strict=True)] == [
        p[2] for p in listed
    ]
    shift = listed[0][0] - int(matches.pts[0])
    assert [int(pts) + shift for pts in matches.pts] == [p[0] for p in listed]


def test_tables_of_single_pictures_say_nothing_of_new_ones_and_the_same_of_the_others():
    """What may be dropped, partial keyframes, groups, and the range of the offsets, which new pictures may widen."""
    groups = struct.pack(">I4s5I", 0, b"rap ", 2, 3, 1, 2, 2)
    table = Box(
        b"stbl",
        children=[
            Box(b"sdtp", bytes(4) + bytes([32, 24, 24, 32, 24, 24])),
            Box(b"stps", struct.pack(">5I", 0, 3, 1, 3, 6)),
            Box(b"sbgp", groups),
            Box(b"cslg", struct.pack(">I5i", 0, 0, 0, 2, 0, 9)),
            Box(b"sbgp", struct.pack(">I4sII", 0, b"tscl", 2, 1)),  # cut short
        ],
    )
    is_new = np.array([False, False, True, True, False, False])

    sample_tables.write_picture_tables(table, is_new, np.array([0, 1, -1, 4, 0, 2]))

    bodies = {child.kind: child.body for child in table.children}
    assert len(table.children) == len(bodies) == 4
    assert bodies[b"sdtp"] == bytes(4) + bytes([32, 24, 0, 0, 24, 24])
    assert bodies[b"stps"] == struct.pack(">4I", 0, 2, 1, 6)
    assert bodies[b"sbgp"] == struct.pack(">I4s9I", 0, b"rap ", 4, 2, 1, 2, 0, 1, 2, 1, 0)
    assert bodies[b"cslg"] == struct.pack(">I5i", 0, 1, -1, 4, 0, 9)


@pytest.mark.slow
def test_players_still_know_which_of_the_film_s_own_pictures_nothing_depends_on(context):
    """The muxer of ffmpeg writes it for HEVC (`sdtp`), and its reader marks packets by it."""
    options = {"x265-params": "log-level=none:open-gop=0:bframes=3:b-adapt=0"}
    media = film(context, frames=24, gop=8, tracks=0, codec="libx265", options=options)

    result = spliced(context, media, (10, 12))

    before, after = _disposable(context.path(media.file)), _disposable(result.path)
    new = [pts for pts in before if pts // 512 in range(8, 18)]
    assert sum(before.values()) > 8
    assert {pts: mark for pts, mark in before.items() if pts not in new} == {
        pts: mark for pts, mark in after.items() if pts not in new
    }


def _disposable(path) -> dict[int, bool]:
    with av.open(str(path)) as container:
        return {packet.pts: packet.is_disposable for packet in container.demux(video=0) if packet.size}


@pytest.mark.parametrize("data", [b"\0\0\0\7free", b"\0\0\0\x20moov\0\0\0\0", b"\0\0\1\0free1234"])
def test_a_box_that_does_not_fit_is_a_reason_for_another_way(data):
    """Broken sizes are told, not followed."""
    with pytest.raises(NotApplicable):
        parse_boxes(data)


def test_a_file_that_is_no_mp4_is_unsuited(tmp_path):
    """Text has no index."""
    path = tmp_path / "text.mp4"
    path.write_text("this is not a film, but it is long enough to be read")

    with pytest.raises(NotApplicable):
        read_moov(path)


def test_an_avcc_is_written_back_and_takes_a_second_set(context):
    """The head, the sets and the High profile's tail keep their bytes; a second set stands after the first."""
    media = film(context, frames=3, tracks=0)
    stsd = sample_tables.stbl(find_track(read_moov(context.path(media.file))[1], b"vide")).require(b"stsd").body
    body = next(box.body for box in parse_boxes(stsd[8 + 86 :]) if box.kind == b"avcC")

    config = h264_headers.parse_avcc(body)
    both = config.with_sets((b"\x67new",), (b"\x68new",))

    assert config.to_bytes() == body
    assert h264_headers.used_ids(config) == {0}
    assert h264_headers.parse_avcc(both.to_bytes()) == both
    assert both.sps == (*config.sps, b"\x67new")


def test_the_encoder_s_note_is_read(context):
    """x264 tells its options in the first picture; other bytes tell nothing."""
    media = film(context, frames=3, tracks=0)
    first = packets(context.path(media.file))[0][2]

    assert h264_headers.parse_x264_note(first)["rc"] == "crf"
    assert h264_headers.first_slice_type(first) == h264_headers.IDR
    assert h264_headers.parse_x264_note(b"nothing of the kind") == {}
