"""What is read of two films, and every difference between their packets is seen."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from takes import film, packets

from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import read_moov
from react1.pipeline.splicing.mp4.replace_samples import find_track
from react1.pipeline.splicing.verification import packet_comparison as reading
from react1.pipeline.splicing.verification import stream_contents
from react1.pipeline.splicing.verification.packet_comparison import ColumnPacker
from react1.pipeline.splicing.verification.stream_contents import read_contents
from react1.pipeline.splicing.verification.verify import compare

STREAMS = {(b"vide", 0): "untouched_identical", (b"soun", 0): "sound_identical", (b"soun", 1): "sound_identical"}
"""The check that a difference in each stream breaks; a data track that is not as it was is said instead."""
DATA = (b"tmcd", 0)


@pytest.fixture
def source(context):
    """A film of one picture, two sound tracks and a timecode track; its index stands at its end."""
    media = film(context, ".mov", frames=20, gop=4, tracks=2, audio_codec="aac", timecode="01:00:00:00")
    return context.path(media.file)


def copy_of(path, tmp_path, change=None):
    """Write the film again under another name; `change` may alter its tracks' tables."""
    tops, moov = read_moov(path)
    at = next(top.offset for top in tops if top.kind == b"moov")
    if change is not None:
        change(moov)
    result = tmp_path / path.name
    result.write_bytes(path.read_bytes()[:at] + moov.to_bytes())
    return result


def put_times(track, dts, shifts):
    """Write the times of all samples, one row each."""
    steps = np.append(np.diff(dts), 1)
    rows = np.stack([np.ones(len(steps), np.int64), steps], 1).astype(">u4")
    sample_tables.stbl(track).put(b"stts", struct.pack(">II", 0, len(rows)) + rows.tobytes())
    sample_tables.write_composition(sample_tables.stbl(track), shifts)


def verdict(source, result, untouched=lambda pts: True):
    was, came = (read_contents(path, 0) for path in (source, result))
    return compare(was, came, new_audio=False, untouched=untouched)


@pytest.mark.parametrize("stream", [*STREAMS, DATA])
@pytest.mark.parametrize("place", [0, -1])
def test_one_damaged_byte_is_seen_in_every_stream(source, tmp_path, stream, place):
    """The last byte of the first packet, and of the last one."""
    result = copy_of(source, tmp_path)
    matches = sample_tables.read_sample_table(find_track(read_moov(result)[1], *stream))
    data = bytearray(result.read_bytes())
    data[int(matches.offsets[place] + matches.sizes[place]) - 1] ^= 1
    result.write_bytes(data)

    matches = verdict(source, result)

    assert verdict(source, copy_of(source, tmp_path)) == verdict(source, source)
    assert verdict(source, source).failure == "" and verdict(source, source).lost == ()
    if stream == DATA:
        assert "packets of stream 3 (data)" in matches.lost
    else:
        assert matches.failure == f"the check {STREAMS[stream]} failed"


@pytest.mark.parametrize("stream", [*STREAMS, DATA])
def test_a_lost_packet_is_seen_in_every_stream(source, tmp_path, stream):
    """The last packet of a track is not told of any more."""

    def shorten(moov):
        track = find_track(moov, *stream)
        table, held = sample_tables.stbl(track), sample_tables.read_chunks(track)
        held.samples[-1] -= 1
        stored = sample_tables.read_sample_table(track)
        sample_tables.write_sizes(table, stored.sizes[:-1])
        sample_tables.write_chunks(table, held)
        sample_tables.write_sync(table, stored.sync[:-1])
        if stored.count > 1:
            put_times(track, stored.dts[:-1], stored.composition[:-1])

    matches = verdict(source, copy_of(source, tmp_path, shorten))

    if stream == DATA:
        assert "packets of stream 3 (data)" in matches.lost
    else:
        assert matches.failure and matches.metrics[STREAMS[stream]] is False


@pytest.mark.parametrize("stream", STREAMS)
def test_a_packet_that_is_decoded_a_tick_later_is_seen_in_every_stream(source, tmp_path, stream):
    """One decode time moves by one tick; the picture is still shown when it was."""

    def shift(moov):
        track = find_track(moov, *stream)
        held = sample_tables.read_sample_table(track)
        dts, shifts = held.dts.copy(), held.composition.copy()
        dts[5] += 1
        shifts[5] -= stream[0] == b"vide"
        put_times(track, dts, shifts)

    matches = verdict(source, copy_of(source, tmp_path, shift))

    assert matches.metrics[STREAMS[stream]] is False and matches.failure
    if stream[0] == b"vide":
        assert matches.metrics["timestamps_equal"] and not matches.metrics["decode_times_equal"]


def test_decode_times_are_the_source_s_inside_the_edit_too(source, tmp_path):
    """New pictures keep the slots of the old ones."""

    def shift(moov):
        track = find_track(moov, b"vide")
        held = sample_tables.read_sample_table(track)
        held.dts[5] += 1
        held.composition[5] -= 1
        put_times(track, held.dts, held.composition)

    matches = verdict(source, copy_of(source, tmp_path, shift), lambda pts: False)

    assert matches.failure == "the check decode_times_equal failed"


def test_only_the_edit_may_differ(source, tmp_path):
    """The same damage inside the edit is none, and beside it is one."""
    result = copy_of(source, tmp_path)
    matches = sample_tables.read_sample_table(find_track(read_moov(result)[1], b"vide"))
    data = bytearray(result.read_bytes())
    data[int(matches.offsets[7]) + 9] ^= 1
    result.write_bytes(data)
    hit = packets(source)[7][0]

    assert verdict(source, result, lambda pts: pts != hit).failure == ""
    assert verdict(source, result, lambda pts: pts == hit).failure == "the check untouched_identical failed"


def test_films_are_read_by_blocks_wherever_their_packets_lie(source, tmp_path, monkeypatch):
    """Whatever a block is long, the same packet is found to differ, and it alone."""
    result = copy_of(source, tmp_path)
    held = sample_tables.read_sample_table(find_track(read_moov(result)[1], b"vide"))
    data = bytearray(result.read_bytes())
    data[int(held.offsets[11])] ^= 1
    result.write_bytes(data)
    was, came = (read_contents(path, 0).streams[0].packets for path in (source, result))

    for block in (1, 100, 1000, 1 << 20):
        monkeypatch.setattr(reading, "_BLOCK_BYTES", block)
        (same,) = reading.same_bytes([(was, came, np.ones(len(was), bool))])
        assert np.flatnonzero(~same).tolist() == [11]


def test_packets_that_lie_in_one_film_and_are_known_by_digest_in_the_other_are_compared(context):
    """The pictures of an MP4 against those of a Matroska film that holds the same."""
    boxed, loose = (context.path(film(context, suffix, frames=10, tracks=0).file) for suffix in (".mp4", ".mkv"))
    was, came = (read_contents(path, 0).streams[0].packets for path in (boxed, loose))
    assert was.digests is None and not came.has_offsets
    came.digests[4] ^= 1

    (same,) = reading.same_bytes([(was, came, np.ones(10, bool))])

    assert same.tolist() == [at != 4 for at in range(10)]


@pytest.mark.parametrize("wild", [[], [2**31], [0, 2**40], [reading.NO_TIME, 7, reading.NO_TIME, 2**62]])
def test_a_column_gives_back_every_number_and_is_small_where_it_may_be(wild):
    """In blocks, with numbers that do not fit 32 bits, and with packets that have no time."""
    rising = np.arange(10**10, 10**10 + 5000 * 3600, 3600)
    packer = ColumnPacker()
    for block in (rising[:700], np.array(wild, np.int64), rising[700:]):
        packer.add(block)

    column = packer.column()

    assert np.array_equal(column.values, np.concatenate([rising[:700], np.array(wild, np.int64), rising[700:]]))
    assert len(column) == 5000 + len(wild) and column.steps.itemsize == (8 if wild else 4)


def test_blocks_of_packets_are_read_as_one(source, monkeypatch):
    """However few are packed at once."""
    monkeypatch.setattr(stream_contents, "read_indexed", lambda *_: None)
    complete = read_contents(source, 0)
    monkeypatch.setattr(reading, "_BLOCK_NUMBERS", 12)

    parts = read_contents(source, 0)

    for item, other in zip(complete.streams, parts.streams, strict=True):
        for row in ("pts", "dts", "sizes", "offsets"):
            assert np.array_equal(getattr(item.packets, row), getattr(other.packets, row))
